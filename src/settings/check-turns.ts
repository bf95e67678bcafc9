/** Looks for settings of a turn that do not go together, and says what would come of them. */

import { isSelector } from "../dkim/names.ts";
import { selectorNames } from "../rotation/selector-naming.ts";
import { checkRing } from "./check-ring.ts";
import { formatDuration } from "./durations.ts";
import type { FaultList } from "./fault-list.ts";
import type { Path } from "./faults.ts";
import { didYouMean } from "./nearest.ts";
import type { Effective } from "./policies.ts";
import { hasSlotBetween } from "./schedule.ts";

export interface Turn {
	readonly domain: string;
	readonly settings: Effective;
	readonly host: string;
	/** Of its signer, or of each of its signers; null where it cannot be told. */
	readonly signerTypes: readonly (string | null)[];
	/** Where the first of these keys that is in the file was set, in the domain or for all. */
	readonly place: (...paths: readonly Path[]) => Path;
	readonly faults: FaultList;
}

export function checkTurn(turn: Turn): void {
	checkGrace(turn);
	checkAhead(turn);
	checkWindow(turn);
	checkSelector(turn);
	checkRing(turn);
	checkKeys(turn);
	checkVerify(turn);
}

function checkGrace({ settings, place, faults }: Turn): void {
	const { grace } = settings.retire;
	const { ttl } = settings.record;
	if (grace >= ttl) return;
	faults.add({
		path: place(["retire", "grace"], ["record", "ttl"]),
		rule: `grace ${formatDuration(grace)} is shorter than the record's ttl ${formatDuration(ttl)}`,
		consequence: "receivers would meet signatures whose key is gone",
		hint: "the default is 14d",
	});
}

function checkAhead({ settings, place, faults }: Turn): void {
	const { shortestMs, schedule } = settings.schedule;
	if (settings.publishAhead < shortestMs) return;
	faults.add({
		path: place(["publish_ahead"], ["schedule"]),
		rule: `publish_ahead ${formatDuration(settings.publishAhead)} reaches over a whole turn: "${schedule.expression}" can fire again after ${formatDuration(shortestMs)}`,
		consequence: "a turn would have to begin before the one before it is done",
		hint: "make it shorter, or turn keys less often",
	});
}

function checkWindow({ settings, place, faults }: Turn): void {
	const { window } = settings;
	const { schedule } = settings.schedule;
	if (window === null || hasSlotBetween(schedule, window.fromMinute, window.toMinute)) return;
	faults.add({
		path: place(["window"]),
		rule: `no slot of the schedule "${schedule.expression}" lies in the window`,
		consequence: "every switch would come late, when the window next opens",
		hint: "let the schedule fire when the window opens",
	});
}

const PLACEHOLDERS = ["yyyy", "mm", "dd", "host", "alg"];
const DUE = new Date("2026-12-31T12:00:00.000Z");

function checkSelector({ settings, host, place, faults }: Turn): void {
	const { selector } = settings;
	if (typeof selector !== "string") return;
	const refuse = (rule: string, consequence?: string, hint?: string | null): void =>
		faults.add({
			path: place(["selector"]),
			rule,
			...(consequence === undefined ? {} : { consequence }),
			...(hint === undefined ? {} : { hint }),
		});
	for (const [whole, name = ""] of selector.matchAll(/\{([^{}]*)\}/g))
		if (!PLACEHOLDERS.includes(name))
			return refuse(`${whole} is no placeholder`, undefined, didYouMean(name, PLACEHOLDERS));
	for (const { algorithm } of settings.keys) {
		const facts = { dueAt: DUE, timezone: "UTC", host, algorithm, inUse: null };
		const [example = ""] = selectorNames({ kind: "template", template: selector }, facts);
		if (!isSelector(example) || example.length > 60)
			return refuse(
				"must make a selector: labels of lower-case letters, digits and inner hyphens, at most 60 letters in all",
				undefined,
				`in December 2026 it makes ${JSON.stringify(example.slice(0, 70))}`,
			);
	}
	if (!selector.includes("{yyyy}"))
		refuse(
			"must have {yyyy}: a selector is never used for two keys",
			"its names would soon be used up, and be told apart by suffixes only",
			'the default is "{yyyy}{mm}"',
		);
}

/** Signers that sign each message with several keys, as far as keyturn turns them. */
const SIGN_TWICE: readonly string[] = ["rspamd", "dkimpy"];

function checkKeys(turn: Turn): void {
	const { settings, signerTypes, place, faults } = turn;
	const [first, ...more] = settings.keys;
	if (settings.signers.length > 1) checkSigners(turn);
	else if (more.length > 0) checkSignsTwice(turn);
	if (more.length > 0) checkSeveral(turn);
	if (more.length === 0 && signerTypes[0] === "opendkim" && first?.algorithm === "ed25519")
		faults.add({
			path: place(["key"]),
			rule: "opendkim cannot be relied on with ed25519, and many receivers cannot verify it alone",
			consequence: "opendkim would refuse the mail, or receivers would count it as unsigned",
			hint: "use { algorithm: rsa, bits: 2048 }",
		});
}

/** Two signers that each sign every message: two OpenDKIMs, or an rspamd behind an OpenDKIM. */
function checkSigners({ settings: { keys, signers }, place, faults }: Turn): void {
	if (keys.length !== signers.length)
		faults.add({
			path: place(["signer"]),
			rule: `names ${signers.length} signers, and \`key\` ${keys.length === 1 ? "is one key" : `has ${keys.length} keys`}: expected one for each key, in their order`,
			consequence: "nobody could tell which signer gets which key",
			hint: "key: [{ algorithm: rsa, bits: 2048 }, { algorithm: ed25519 }]",
		});
	const twice = signers.find((name, index) => signers.indexOf(name) < index);
	if (twice !== undefined)
		faults.add({
			path: place(["signer"]),
			rule: `names ${twice} twice`,
			consequence: "nobody could tell which of its lines is whose",
			hint: `where one signer signs with all keys: signer: ${twice}`,
		});
}

function checkSignsTwice({ signerTypes: [type = null], place, faults }: Turn): void {
	if (type === "opendkim")
		faults.add({
			path: place(["key"]),
			rule: "one OpenDKIM cannot sign a message twice: one key only",
			consequence: "the second key would never sign",
			hint: "with a second OpenDKIM for it, name both: signer: [first, second]",
		});
	else if (type !== null && !SIGN_TWICE.includes(type))
		faults.add({
			path: place(["key"]),
			rule: `keyturn turns one key of a domain with ${type}, and several with ${SIGN_TWICE.join(", ")} only`,
			consequence: "the second key would never sign",
			hint: "with a signer for each key, name them all: signer: [first, second]",
		});
}

function checkSeveral({ settings, place, faults }: Turn): void {
	const algorithms = settings.keys.map(({ algorithm }) => algorithm);
	if (new Set(algorithms).size < algorithms.length)
		faults.add({
			path: place(["key"]),
			rule: "must have one key of each algorithm at most",
			consequence: "of two alike one would never be turned",
		});
	if (typeof settings.selector !== "string")
		faults.add({
			path: place(["key"], ["selector"]),
			rule: "a ring of selectors has no names for several keys",
			consequence: "both keys would want the same name",
			hint: "use a template, with {alg} or without",
		});
}

function checkVerify({ settings, place, faults }: Turn): void {
	const { quorum, nameservers, interval, timeout } = settings.verify;
	if (quorum !== "all" && nameservers !== "auto" && quorum > nameservers.length)
		faults.add({
			path: place(["verify", "quorum"]),
			rule: `quorum ${quorum} asks for more servers than nameservers has (${nameservers.length})`,
			consequence: "no key would ever count as verified, and none be used",
		});
	if (interval >= timeout)
		faults.add({
			path: place(["verify", "interval"], ["verify", "timeout"]),
			rule: `interval ${formatDuration(interval)} is not shorter than timeout ${formatDuration(timeout)}`,
			consequence: "verification_failed would be raised after a single look",
		});
}
