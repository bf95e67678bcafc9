/** Asks the server itself what its zones hold: no cache and no other server can answer for it. */

import { joinTxt } from "../../src/dkim/txt-strings.ts";
import { CLASS, readTxtData, type ServerMessage, TYPE } from "../../src/dns/dns-wire/server-message.ts";
import { encodeQuery } from "../../src/dns/dns-wire/update.ts";
import { KeyturnError } from "../../src/errors.ts";
import type { ZoneFound } from "../../src/ports/dns-provider.ts";
import type { Random } from "../../src/ports/random.ts";
import { type Conversation, replyError } from "./conversation.ts";
import { type Held, NOTHING_HELD } from "./decide.ts";

export interface ZoneReader {
	/** Nothing where only a wildcard answers. Fails with `provider.*` unless the server answers for the name itself. */
	held(zone: string, name: string, signal: AbortSignal): Promise<Held>;
	zoneOf(name: string, signal: AbortSignal): Promise<ZoneFound>;
}

/** A primary that hides behind its secondaries may answer nobody else. */
const NOT_ASKED =
	"name the primary of the zone that holds the key records as server, and let the key ask it (BIND allow-query)";

export function createZoneReader(options: {
	readonly provider: string;
	readonly server: string;
	readonly conversation: Conversation;
	readonly random: Random;
}): ZoneReader {
	const { provider, server, conversation, random } = options;

	async function served(zone: string, name: string, signal: AbortSignal): Promise<Held> {
		const reply = await conversation.ask((id) => encodeQuery(id, name, "TXT"), zone, signal);
		if (reply.kind !== "answer") throw replyError(provider, reply);
		if (!reply.message.authoritative) throw notOurs(provider, server, name, reply.message);
		return readHeld(provider, name, reply.message);
	}

	return {
		async held(zone, name, signal) {
			const here = await served(zone, name, signal);
			if (here.records.length === 0 && here.alias === null) return here;
			const nobodys = name.replace(/^[^.]+/, `no-such-selector-${random.id().slice(0, 16)}`);
			return isSame(here, await served(zone, nobodys, signal)) ? NOTHING_HELD : here;
		},
		async zoneOf(name, signal) {
			for (let asked = name; asked !== ""; asked = asked.replace(/^[^.]*\.?/, "")) {
				const reply = await conversation.ask((id) => encodeQuery(id, asked, "SOA"), null, signal);
				if (reply.kind === "refused" && reply.refusal.code === "REFUSED")
					return { kind: "none", why: `${server} refuses to answer for ${asked}`, hint: NOT_ASKED };
				if (reply.kind !== "answer") throw replyError(provider, reply);
				// Further up it would be another zone, though this server may hold that one too: the name is delegated away.
				if (!reply.message.authoritative)
					return { kind: "none", why: whyNotOurs(server, asked, reply.message) };
				const zone = soaOwner(asked, reply.message);
				if (zone !== null) return { kind: "zone", zone };
			}
			return { kind: "none", why: `${server} names no zone for ${name}` };
		},
	};
}

function readHeld(provider: string, name: string, message: ServerMessage): Held {
	const here = message.answers.filter((record) => record.name === name && record.class === CLASS.IN);
	const records = here
		.filter((record) => record.type === TYPE.TXT)
		.map(({ data }) => {
			const strings = readTxtData(data);
			if (strings === null)
				throw new KeyturnError("provider.refused", `${provider}: a TXT record at ${name} cannot be read`);
			return { value: joinTxt(strings), data };
		});
	return { records, alias: here.find((record) => record.type === TYPE.CNAME)?.target ?? null };
}

/** Whether a wildcard gave it: a name that nobody made gets the same. */
function isSame(here: Held, other: Held): boolean {
	const texts = ({ records }: Held): string => JSON.stringify(records.map(({ value }) => value).toSorted());
	return here.alias === other.alias && texts(here) === texts(other);
}

/** The zone by its SOA; at an alias the SOA is that of the target's zone, so one label up has to be asked. */
function soaOwner(name: string, message: ServerMessage): string | null {
	if (message.answers.some((record) => record.type === TYPE.CNAME || record.type === TYPE.DNAME)) return null;
	const soa = [...message.answers, ...message.authority].find((record) => record.type === TYPE.SOA);
	if (soa === undefined) return null;
	return name === soa.name || name.endsWith(`.${soa.name}`) ? soa.name : null;
}

function notOurs(provider: string, server: string, name: string, message: ServerMessage): KeyturnError {
	return new KeyturnError("provider.zone", `${provider}: ${whyNotOurs(server, name, message)}`, {
		hint: "name the primary of the zone that holds the key records as server, and that zone as `zone` of the domain",
	});
}

function whyNotOurs(server: string, name: string, message: ServerMessage): string {
	const cut = message.authority.find((record) => record.type === TYPE.NS);
	return cut === undefined || cut.name === ""
		? `${server} is not authoritative for ${name}`
		: `${server} is not authoritative for ${name}: ${cut.name} is delegated to other servers`;
}
