/**
 * What every provider adapter has to do, as cases for any test runner: each gets a provider and a server (real or not) that
 * holds one zone without records at the names used, and fails by throwing.
 */

import { splitTxt } from "../dkim/txt-strings.ts";
import type { ChangeResult, DnsProvider, ZoneChange } from "../ports/dns-provider.ts";

export interface ContractBench {
	readonly provider: DnsProvider;
	/** The zone that the provider has; it has none for `elsewhere.invalid`. */
	readonly zone: string;
	/** What the server serves at a name, read without the code under test; sorted. */
	serves(name: string): Promise<readonly string[]>;
	/** Writes one more TXT record of exactly these strings, without the code under test. */
	plant(name: string, strings: readonly string[]): Promise<void>;
}

export interface ContractCase {
	readonly title: string;
	/** Throws where the adapter does not keep the contract. Each uses names of its own, so all can run on one bench. */
	readonly run: (bench: ContractBench) => Promise<void>;
}

const TTL_SECONDS = 300;
const OCTETS = [254, 255, 256, 509, 510, 511, 764, 765, 766] as const;
const FOREIGN = "somebody else's";
const DONE: ChangeResult = { kind: "done" };
const signal = new AbortController().signal;

/** A value of exactly so many octets, no stretch of it like another. */
export function valueOf(octets: number): string {
	const start = "v=DKIM1;k=rsa;p=";
	let text = "";
	for (let number = 0; text.length < octets; number++) text += (number * 7919).toString(36).padStart(4, "A");
	return start + text.slice(0, octets - start.length);
}

/** What a case does on its bench. */
class Attempt {
	readonly #bench: ContractBench;
	readonly #case: number;
	#names = 0;

	constructor(bench: ContractBench, index: number) {
		this.#bench = bench;
		this.#case = index;
	}

	get provider(): DnsProvider {
		return this.#bench.provider;
	}

	get zone(): string {
		return this.#bench.zone;
	}

	/** That no other case uses. */
	name(): string {
		this.#names += 1;
		return `s${this.#case}x${this.#names}._domainkey.${this.zone}`;
	}

	/** As long as one that is asked for, or as the provider takes. */
	longest(octets: number): string {
		return valueOf(Math.min(octets, this.provider.limits.valueOctets));
	}

	async plant(name: string, ...strings: readonly string[]): Promise<void> {
		await this.#bench.plant(name, strings);
	}

	async change(...changes: readonly ZoneChange[]): Promise<readonly ChangeResult[]> {
		return this.provider.change(this.zone, changes, signal);
	}

	async mustAnswer(changes: readonly ZoneChange[], ...expected: readonly ChangeResult[]): Promise<void> {
		mustEqual("the results of a change", await this.change(...changes), expected);
	}

	async mustServe(name: string, ...values: readonly string[]): Promise<void> {
		mustEqual(`what the server has at ${name}`, await this.#bench.serves(name), values);
	}

	async mustList(name: string, ...values: readonly string[]): Promise<void> {
		mustEqual(`the list of ${name}`, await this.provider.list(this.zone, name, signal), values);
	}

	async mustFind(name: string, kind: "zone" | "none"): Promise<void> {
		const found = await this.provider.findZone(name, signal);
		mustEqual(`findZone(${name})`, found.kind, kind);
		if (found.kind === "zone") mustEqual(`findZone(${name})`, found.zone, this.zone);
	}
}

const add = (name: string, value: string): ZoneChange => ({
	kind: "add",
	name,
	value,
	ttlSeconds: TTL_SECONDS,
});
const remove = (name: string, value: string): ZoneChange => ({ kind: "remove", name, value });

/** A public key of so many base64 characters; no adapter looks into it. */
function recordOf(type: string, characters: number): string {
	return `v=DKIM1;k=${type};p=${`MIIB+q/7${valueOf(characters).slice(16)}`.slice(0, characters - 2)}==`;
}

const VALUES: readonly (readonly [string, string])[] = [
	["an RSA-2048 key", recordOf("rsa", 392)],
	["an RSA-4096 key", recordOf("rsa", 736)],
	["an Ed25519 key", recordOf("ed25519", 44)],
	...OCTETS.map((octets) => [`${octets} octets`, valueOf(octets)] as const),
];

async function roundTrip(attempt: Attempt, value: string): Promise<void> {
	const name = attempt.name();
	if (value.length > attempt.provider.limits.valueOctets) {
		const [result] = await attempt.change(add(name, value));
		const isRefused = result?.kind === "refused" && !result.denied;
		mustEqual("whether a value that is too long is refused", isRefused, true);
		return attempt.mustServe(name);
	}
	await attempt.mustAnswer([add(name, value)], DONE);
	await attempt.mustServe(name, value);
	await attempt.mustList(name, value);
	await attempt.mustAnswer([remove(name, value)], DONE);
	await attempt.mustServe(name);
	await attempt.mustList(name);
}

const CASES: readonly (readonly [string, (attempt: Attempt) => Promise<void>])[] = [
	...VALUES.map(
		([title, value]) =>
			[
				`adds, lists and removes ${title} unharmed, or refuses it`,
				async (attempt: Attempt) => roundTrip(attempt, value),
			] as const,
	),
	[
		"finds the zone of a name that is not there, and of one that is",
		async (attempt) => {
			const name = attempt.name();
			await attempt.mustFind(name, "zone");
			await attempt.mustAnswer([add(name, valueOf(400))], DONE);
			await attempt.mustFind(name, "zone");
			await attempt.mustFind(attempt.zone, "zone");
		},
	],
	[
		"finds no zone for a name elsewhere, nor for one that only ends alike",
		async (attempt) => {
			await attempt.mustFind("s._domainkey.elsewhere.invalid", "none");
			await attempt.mustFind(`x${attempt.zone}`, "none");
		},
	],
	[
		"adding twice is adding once",
		async (attempt) => {
			const name = attempt.name();
			const value = valueOf(410);
			await attempt.mustAnswer([add(name, value)], DONE);
			await attempt.mustAnswer([add(name, value)], DONE);
			await attempt.mustServe(name, value);
		},
	],
	[
		"adding what stands there in other chunks changes nothing",
		async (attempt) => {
			const name = attempt.name();
			const value = valueOf(410);
			await attempt.plant(name, value.slice(0, 100), value.slice(100, 300), value.slice(300));
			await attempt.mustAnswer([add(name, value)], DONE);
			await attempt.mustServe(name, value);
		},
	],
	[
		"removing twice is removing once",
		async (attempt) => {
			const name = attempt.name();
			const value = valueOf(410);
			await attempt.mustAnswer([add(name, value)], DONE);
			await attempt.mustServe(name, value);
			await attempt.mustAnswer([remove(name, value)], DONE);
			await attempt.mustAnswer([remove(name, value)], DONE);
			await attempt.mustServe(name);
		},
	],
	[
		"removes a record that was written in other chunks",
		async (attempt) => {
			const name = attempt.name();
			const value = valueOf(410);
			await attempt.plant(name, value.slice(0, 200), value.slice(200));
			await attempt.mustServe(name, value);
			await attempt.mustAnswer([remove(name, value)], DONE);
			await attempt.mustServe(name);
		},
	],
	[
		"does not write beside what somebody else has there",
		async (attempt) => {
			const name = attempt.name();
			await attempt.plant(name, FOREIGN);
			await attempt.mustAnswer([add(name, valueOf(410))], { kind: "occupied", values: [FOREIGN] });
			await attempt.mustServe(name, FOREIGN);
		},
	],
	[
		"removes its own record and leaves the siblings",
		async (attempt) => {
			const name = attempt.name();
			const value = valueOf(410);
			await attempt.mustAnswer([add(name, value)], DONE);
			await attempt.plant(name, "a sibling");
			await attempt.mustServe(name, ...[value, "a sibling"].toSorted());
			await attempt.mustAnswer([remove(name, value)], DONE);
			await attempt.mustServe(name, "a sibling");
			await attempt.mustAnswer([remove(name, value)], DONE);
			await attempt.mustServe(name, "a sibling");
		},
	],
	[
		"a value that differs in case, or only begins alike, is somebody else's",
		async (attempt) => {
			const name = attempt.name();
			const value = valueOf(300);
			await attempt.plant(name, ...splitTxt(value).map((octets) => Buffer.from(octets).toString()));
			await attempt.mustAnswer([remove(name, value.toUpperCase())], DONE);
			await attempt.mustAnswer([remove(name, value.slice(0, 255))], DONE);
			await attempt.mustServe(name, value);
		},
	],
	[
		"replaces a record, also one in other chunks, and can be repeated",
		async (attempt) => {
			const name = attempt.name();
			const from = valueOf(410);
			const to = "v=DKIM1;k=rsa;p=";
			await attempt.plant(name, from.slice(0, 200), from.slice(200));
			const replace: ZoneChange = { kind: "replace", name, from, to, ttlSeconds: TTL_SECONDS };
			await attempt.mustAnswer([replace], DONE);
			await attempt.mustServe(name, to);
			await attempt.mustAnswer([replace], DONE);
			await attempt.mustServe(name, to);
		},
	],
	[
		"does several changes at once and answers in their order",
		async (attempt) => {
			const [first, second, third] = [attempt.name(), attempt.name(), attempt.name()];
			await attempt.mustAnswer([add(third, valueOf(300))], DONE);
			const changes = [
				add(first, attempt.longest(754)),
				add(second, valueOf(410)),
				remove(third, valueOf(300)),
			];
			await attempt.mustAnswer(changes, DONE, DONE, DONE);
			await attempt.mustServe(first, attempt.longest(754));
			await attempt.mustServe(second, valueOf(410));
			await attempt.mustServe(third);
		},
	],
	[
		"one occupied name does not keep the others from being written",
		async (attempt) => {
			const [first, second, third] = [attempt.name(), attempt.name(), attempt.name()];
			await attempt.plant(second, FOREIGN);
			const changes = [first, second, third].map((name) => add(name, valueOf(410)));
			await attempt.mustAnswer(changes, DONE, { kind: "occupied", values: [FOREIGN] }, DONE);
			await attempt.mustServe(first, valueOf(410));
			await attempt.mustServe(second, FOREIGN);
			await attempt.mustServe(third, valueOf(410));
		},
	],
	[
		"more changes than fit one call of the server are done all the same",
		async (attempt) => {
			const many = Array.from({ length: attempt.provider.limits.batch + 3 }, () => attempt.name());
			const results = many.map(() => DONE);
			await attempt.mustAnswer(
				many.map((name) => add(name, attempt.longest(754))),
				...results,
			);
			await attempt.mustServe(many[0] ?? "", attempt.longest(754));
			await attempt.mustServe(many.at(-1) ?? "", attempt.longest(754));
		},
	],
];

/** To be run in order, on one bench or on one each. */
export const contractCases: readonly ContractCase[] = CASES.map(([title, run], index) => ({
	title,
	run: async (bench) => run(new Attempt(bench, index + 1)),
}));

function mustEqual(what: string, found: unknown, expected: unknown): void {
	const [got, wanted] = [found, expected].map((value) => JSON.stringify(value, inOrder));
	if (got !== wanted) throw new Error(`${what}: expected ${wanted}, got ${got}`);
}

/** Whatever the order of its members, an object is written alike. */
function inOrder(_: string, value: unknown): unknown {
	if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
	return Object.fromEntries(Object.entries(value).toSorted(([one], [other]) => (one < other ? -1 : 1)));
}
