/** A DNS provider that holds records, and tells of them what a test wants it to tell. */

import { KeyturnError } from "../../src/errors.ts";
import type { ChangeResult, DnsProvider, ProviderLimits, ZoneChange } from "../../src/ports/dns-provider.ts";

export type Behaviour =
	| "honest"
	/** Says done and writes nothing. */
	| "lies"
	/** Writes, and says that it failed. */
	| "denies"
	/** Writes, and no answer comes. */
	| "silent"
	/** Writes nothing, and no answer comes. */
	| "lost"
	/** Fails before it writes, with an error that asks to come back. */
	| "busy"
	| "forbids"
	/** Stores the first 255 octets. */
	| "cuts"
	/** Stores each value twice, and removes one of them. */
	| "doubles"
	/** Somebody else's record comes to stand beside each that is added. */
	| "raced"
	/** Another host writes its whole set over it at the same moment. */
	| "overwritten";

/** The record of a key that nobody has any more. */
export const OF_ANOTHER_HOST = `v=DKIM1;k=rsa;p=${[
	"MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC0M0Cq3bAxlf0L0Ui9aaFgLr1PeD3MErfdXw0PiU2N8aOQmC/+YMqaMGgLVC7lcjPhe1jA7",
	"E2siBeW4is+rgPG/pGSk41sMiRE7mrOjG2Q5oMRyBTfKY8qTeSS84HPk0U9yawqqXVB+D44JEkB0fyrMhWpwcDujyPRA6l6JkT//QIDAQAB",
].join("")}`;

export interface LyingProvider extends DnsProvider {
	/** What it really holds, by name. */
	readonly held: Map<string, string[]>;
	/** What it was asked, in order: "list s1…", "add s1…". */
	readonly calls: string[];
	/** How it behaves at the next calls of `change`; honest when the list is used up. */
	next: Behaviour[];
	/** How many calls of `list` do not yet show what was written. */
	lag: number;
	/** Errors that the next calls of `list` fail with. */
	listErrors: KeyturnError[];
	/** How a value looks when it is listed. */
	shown: (value: string) => string;
	/** Calls under way at this moment, and the most there ever were. */
	readonly atOnce: { now: number; most: number };
}

export function createLyingProvider(limits: Partial<ProviderLimits> = {}): LyingProvider {
	const held = new Map<string, string[]>();
	const snapshots = new Map<string, readonly string[]>();
	const provider: LyingProvider = {
		name: "fake",
		account: "fake account",
		limits: { valueOctets: 1_000, minTtlSeconds: 60, batch: 3, ...limits },
		held,
		calls: [],
		next: [],
		lag: 0,
		listErrors: [],
		shown: (value) => value,
		atOnce: { now: 0, most: 0 },
		findZone: async () => ({ kind: "zone", zone: "example.test" }),
		list: async (_, name) =>
			counted(provider, async () => {
				provider.calls.push(`list ${name}`);
				const error = provider.listErrors.shift();
				if (error !== undefined) throw error;
				const lagging = provider.lag > 0 && snapshots.has(name);
				if (lagging) provider.lag--;
				const values = lagging ? (snapshots.get(name) ?? []) : (held.get(name) ?? []);
				return values.map(provider.shown);
			}),
		change: async (_, changes) =>
			counted(provider, async () => {
				const behaviour = provider.next.shift() ?? "honest";
				for (const change of changes) {
					provider.calls.push(`${change.kind} ${change.name}`);
					snapshots.set(change.name, [...(held.get(change.name) ?? [])]);
				}
				if (behaviour === "busy") throw new KeyturnError("provider.refused", "fake: 429", { retry: true });
				return changes.map((change) => perform(held, change, behaviour));
			}),
	};
	return provider;
}

async function counted<Result>(provider: LyingProvider, work: () => Promise<Result>): Promise<Result> {
	const { atOnce } = provider;
	atOnce.now++;
	atOnce.most = Math.max(atOnce.most, atOnce.now);
	await Promise.resolve();
	try {
		return await work();
	} finally {
		atOnce.now--;
	}
}

function perform(held: Map<string, string[]>, change: ZoneChange, behaviour: Behaviour): ChangeResult {
	if (behaviour === "forbids")
		return { kind: "refused", denied: true, why: "403", hint: "give the token rights" };
	if (behaviour !== "lies" && behaviour !== "lost") store(held, change, behaviour);
	if (behaviour === "denies") return { kind: "refused", denied: false, why: "500", hint: null };
	if (behaviour === "silent" || behaviour === "lost") return { kind: "unknown", why: "no answer" };
	return { kind: "done" };
}

function store(held: Map<string, string[]>, change: ZoneChange, behaviour: Behaviour): void {
	const values = [...(held.get(change.name) ?? [])];
	const gone = change.kind === "add" ? null : change.kind === "remove" ? change.value : change.from;
	const comes = change.kind === "add" ? change.value : change.kind === "remove" ? null : change.to;
	if (gone !== null && values.includes(gone)) values.splice(values.indexOf(gone), 1);
	if (comes !== null) values.push(behaviour === "cuts" ? comes.slice(0, 255) : comes);
	if (comes !== null && behaviour === "doubles") values.push(comes);
	if (comes !== null && behaviour === "raced") values.push("another host's key");
	held.set(change.name, behaviour === "overwritten" ? [OF_ANOTHER_HOST] : values);
}
