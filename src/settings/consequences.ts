/** What comes of a wrong value, by key: said where no check has more to say. */

import type { Path } from "./faults.ts";

const GENERAL = "what is meant would be a guess, and a guess can leave mail unsigned";

/** By the last name of the path that has a row, and that is no adapter's own. */
const BY_KEY: Readonly<Record<string, string>> = {
	schedule: "no new key would ever be due, and the old one would sign for ever",
	publish_ahead: "the record would not be out when its key is due",
	window: "the mail server could be stopped at any time of the day",
	timezone: "keys would turn, and selectors be named, in the wrong time zone",
	selector: "the key record could not be published under this name",
	host: "selectors of two hosts could be the same name for two keys",
	key: "no key could be made",
	algorithm: "no key could be made",
	bits: "receivers distrust shorter keys, and many cannot verify longer ones",
	ttl: "nobody could tell how long receivers keep the old record",
	service: "receivers would refuse every signature made with the key",
	hash: "receivers would refuse every signature: it is made with sha256",
	record: "the key record could not be published as it was meant",
	flags: "receivers would treat signed mail as unsigned",
	notes: "the key record could not be read",
	standby: "the next key would not be there in an emergency",
	verify: "nobody could look whether the record stands before its key is used",
	jitter: "every domain would be published in the same minute, and providers refuse that",
	nameservers: "nobody could look whether the record stands before its key is used",
	quorum: "a key could be used before every server has its record",
	resolvers: "nobody could look whether receivers see the record",
	via: "nobody could look whether the record stands before its key is used",
	interval: "nobody could look whether the record stands before its key is used",
	soak: "receivers that remember the record's absence would not verify signatures",
	timeout: "a record that never appears would stay unnoticed",
	grace: "receivers would meet signatures whose key is gone",
	retire: "old records would go too early, or never",
	tombstone: "nobody could tell how long the emptied record has to stand",
	publish_private: "private halves could lie where they are not meant to",
	adopted: "a record that another host signs with could be removed",
	swap: "the switch would be made in a way that was not asked for",
	probe: "a signer that does not sign could stay unnoticed",
	services: "services could not be stopped and started around a switch",
	manager: "services could not be stopped and started around a switch",
	stop: "the signer would be switched with mail under way",
	start: "what was stopped would stay down",
	hold: "nobody could tell how long mail waits when the signer does not come up",
	commands: "services could not be stopped and started around a switch",
	signers: "nothing would switch to the new key",
	signer: "nothing would switch to the new key",
	providers: "no key record could be published",
	provider: "its key record could not be published, and its key never be turned",
	zone: "the key record would be written where no receiver looks",
	name: "its key would never be turned",
	domains: "no key would ever be turned",
	alerts: "a failure could stay unnoticed",
	on: "a failure could stay unnoticed",
	repeat: "a failure that lasts could be forgotten",
	hooks: "a program would not be run around a switch, or hold every switch back",
	metrics: "nobody could be told how it stands",
	status: "nobody could be told how it stands",
	state: "keyturn could not remember which keys are its own",
};

/** What has keys of its own, and which of the rows are meant there besides: a provider's `key` is no key of DKIM. */
const OWN: Readonly<Record<string, readonly string[]>> = {
	providers: [],
	alerts: ["on", "repeat"],
	hooks: [],
	signers: ["swap", "probe", "manager", "stop", "start", "hold", "commands"],
	signer: ["swap", "probe", "manager", "stop", "start", "hold", "commands"],
};

export function consequenceOf(path: Path): string {
	const [root = ""] = path;
	const own = Object.hasOwn(OWN, root) ? OWN[root] : undefined;
	const known = path.findLast(
		(part) =>
			typeof part === "string" &&
			Object.hasOwn(BY_KEY, part) &&
			(own === undefined || part === root || own.includes(part)),
	);
	return BY_KEY[known ?? ""] ?? GENERAL;
}
