/** What every provider adapter has to do, run against a server (real or replayed) that holds one empty zone. */

import { createHash, createPublicKey } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { splitTxt } from "../../src/dkim/txt-strings.ts";
import type { DnsProvider } from "../../src/ports/dns-provider.ts";

export interface ProviderBench {
	readonly provider: DnsProvider;
	readonly zone: string;
	/** What the server serves at a name, read without the code under test; sorted. */
	serves(name: string): Promise<readonly string[]>;
	/** Writes one more TXT record of exactly these strings, without the code under test. */
	plant(name: string, strings: readonly string[]): Promise<void>;
	readonly stop: () => Promise<void>;
}

const TTL_SECONDS = 300;
const OCTETS = [254, 255, 256, 509, 510, 511, 764, 765, 766] as const;

export function describeProviderContract(title: string, start: () => Promise<ProviderBench>): void {
	describe(title, () => {
		let bench: ProviderBench;
		let names = 0;
		beforeAll(async () => {
			bench = await start();
		});
		afterAll(async () => {
			await bench.stop();
		});

		const signal = new AbortController().signal;
		const freshName = () => `s${++names}._domainkey.${bench.zone}`;
		const add = (name: string, value: string) =>
			({ kind: "add", name, value, ttlSeconds: TTL_SECONDS }) as const;
		const remove = (name: string, value: string) => ({ kind: "remove", name, value }) as const;
		const change = async (...changes: Parameters<DnsProvider["change"]>[1]) =>
			bench.provider.change(bench.zone, changes, signal);
		const list = async (name: string) => bench.provider.list(bench.zone, name, signal);

		const values: readonly (readonly [string, () => string])[] = [
			["an RSA-2048 key", () => rsaRecord(2048)],
			["an RSA-4096 key", () => rsaRecord(4096)],
			["an Ed25519 key", ed25519Record],
			...OCTETS.map((octets) => [`${octets} octets`, () => valueOf(octets)] as const),
		];
		/** As long as one that is asked for, or as the provider takes. */
		const longest = (octets: number) => valueOf(Math.min(octets, bench.provider.limits.valueOctets));

		test.each(values)("adds, lists and removes %s unharmed, or refuses it", async (_, make) => {
			const name = freshName();
			const value = make();
			if (value.length > bench.provider.limits.valueOctets) {
				expect(await change(add(name, value))).toMatchObject([{ kind: "refused", denied: false }]);
				expect(await bench.serves(name)).toEqual([]);
				return;
			}
			expect(await change(add(name, value))).toEqual([{ kind: "done" }]);
			expect(await bench.serves(name)).toEqual([value]);
			expect(await list(name)).toEqual([value]);
			expect(await change(remove(name, value))).toEqual([{ kind: "done" }]);
			expect(await bench.serves(name)).toEqual([]);
			expect(await list(name)).toEqual([]);
		});

		test("finds the zone of a name that is not there, and of one that is", async () => {
			const name = freshName();
			expect(await bench.provider.findZone(name, signal)).toEqual({ kind: "zone", zone: bench.zone });
			await change(add(name, valueOf(400)));
			expect(await bench.provider.findZone(name, signal)).toEqual({ kind: "zone", zone: bench.zone });
			expect(await bench.provider.findZone(bench.zone, signal)).toEqual({
				kind: "zone",
				zone: bench.zone,
			});
		});

		test("finds no zone for a name elsewhere, nor for one that only ends alike", async () => {
			expect((await bench.provider.findZone("s._domainkey.elsewhere.invalid", signal)).kind).toBe("none");
			expect((await bench.provider.findZone(`x${bench.zone}`, signal)).kind).toBe("none");
		});

		test("adding twice is adding once", async () => {
			const name = freshName();
			const value = valueOf(410);
			expect(await change(add(name, value))).toEqual([{ kind: "done" }]);
			expect(await change(add(name, value))).toEqual([{ kind: "done" }]);
			expect(await bench.serves(name)).toEqual([value]);
		});

		test("adding what stands there in other chunks changes nothing", async () => {
			const name = freshName();
			const value = valueOf(410);
			await bench.plant(name, [value.slice(0, 100), value.slice(100, 300), value.slice(300)]);
			expect(await change(add(name, value))).toEqual([{ kind: "done" }]);
			expect(await bench.serves(name)).toEqual([value]);
		});

		test("removing twice is removing once", async () => {
			const name = freshName();
			const value = valueOf(410);
			await change(add(name, value));
			expect(await bench.serves(name)).toEqual([value]);
			expect(await change(remove(name, value))).toEqual([{ kind: "done" }]);
			expect(await change(remove(name, value))).toEqual([{ kind: "done" }]);
			expect(await bench.serves(name)).toEqual([]);
		});

		test("removes a record that was written in other chunks", async () => {
			const name = freshName();
			const value = valueOf(410);
			await bench.plant(name, [value.slice(0, 200), value.slice(200)]);
			expect(await bench.serves(name)).toEqual([value]);
			expect(await change(remove(name, value))).toEqual([{ kind: "done" }]);
			expect(await bench.serves(name)).toEqual([]);
		});

		test("does not write beside what somebody else has there", async () => {
			const name = freshName();
			await bench.plant(name, ["somebody else's"]);
			expect(await change(add(name, valueOf(410)))).toEqual([
				{ kind: "occupied", values: ["somebody else's"] },
			]);
			expect(await bench.serves(name)).toEqual(["somebody else's"]);
		});

		test("removes its own record and leaves the siblings", async () => {
			const name = freshName();
			const value = valueOf(410);
			await change(add(name, value));
			await bench.plant(name, ["a sibling"]);
			expect(await bench.serves(name)).toHaveLength(2);
			expect(await change(remove(name, value))).toEqual([{ kind: "done" }]);
			expect(await bench.serves(name)).toEqual(["a sibling"]);
			expect(await change(remove(name, value))).toEqual([{ kind: "done" }]);
			expect(await bench.serves(name)).toEqual(["a sibling"]);
		});

		test("a value that differs in case, or only begins alike, is somebody else's", async () => {
			const name = freshName();
			const value = valueOf(300);
			await bench.plant(
				name,
				splitTxt(value).map((octets) => Buffer.from(octets).toString()),
			);
			expect(await change(remove(name, value.toUpperCase()))).toEqual([{ kind: "done" }]);
			expect(await change(remove(name, value.slice(0, 255)))).toEqual([{ kind: "done" }]);
			expect(await bench.serves(name)).toEqual([value]);
		});

		test("replaces a record, also one in other chunks, and can be repeated", async () => {
			const name = freshName();
			const from = valueOf(410);
			const to = "v=DKIM1;k=rsa;p=";
			await bench.plant(name, [from.slice(0, 200), from.slice(200)]);
			const replace = { kind: "replace", name, from, to, ttlSeconds: TTL_SECONDS } as const;
			expect(await change(replace)).toEqual([{ kind: "done" }]);
			expect(await bench.serves(name)).toEqual([to]);
			expect(await change(replace)).toEqual([{ kind: "done" }]);
			expect(await bench.serves(name)).toEqual([to]);
		});

		test("does several changes at once and answers in their order", async () => {
			const [first, second, third] = [freshName(), freshName(), freshName()];
			await change(add(third, valueOf(300)));
			const results = await change(
				add(first, longest(754)),
				add(second, valueOf(410)),
				remove(third, valueOf(300)),
			);
			expect(results).toEqual([{ kind: "done" }, { kind: "done" }, { kind: "done" }]);
			expect(await bench.serves(first)).toEqual([longest(754)]);
			expect(await bench.serves(second)).toEqual([valueOf(410)]);
			expect(await bench.serves(third)).toEqual([]);
		});

		test("one occupied name does not keep the others from being written", async () => {
			const [first, second, third] = [freshName(), freshName(), freshName()];
			await bench.plant(second, ["somebody else's"]);
			const results = await change(
				add(first, valueOf(410)),
				add(second, valueOf(410)),
				add(third, valueOf(410)),
			);
			expect(results).toEqual([
				{ kind: "done" },
				{ kind: "occupied", values: ["somebody else's"] },
				{ kind: "done" },
			]);
			expect(await bench.serves(first)).toEqual([valueOf(410)]);
			expect(await bench.serves(second)).toEqual(["somebody else's"]);
			expect(await bench.serves(third)).toEqual([valueOf(410)]);
		});

		test("more changes than fit one call of the server are done all the same", async () => {
			const many = Array.from({ length: bench.provider.limits.batch + 3 }, freshName);
			const results = await change(...many.map((name) => add(name, longest(754))));
			expect(results).toEqual(many.map(() => ({ kind: "done" })));
			expect(await bench.serves(many[0] ?? "")).toEqual([longest(754)]);
			expect(await bench.serves(many.at(-1) ?? "")).toEqual([longest(754)]);
		});
	});
}

/** Of a modulus that nobody has the factors of: making a key would take longer than all tests here. */
function rsaRecord(bits: number): string {
	const modulus = Buffer.alloc(bits / 8, createHash("sha512").update(`${bits}`).digest());
	modulus[0] = 0xc5;
	const jwk = { kty: "RSA", n: modulus.toString("base64url"), e: "AQAB" };
	const spki = createPublicKey({ key: jwk, format: "jwk" }).export({ format: "der", type: "spki" });
	return `v=DKIM1;k=rsa;p=${spki.toString("base64")}`;
}

function ed25519Record(): string {
	return `v=DKIM1;k=ed25519;p=${createHash("sha256").update("a public key").digest("base64")}`;
}

/** A value of exactly so many octets, no stretch of it like another. */
export function valueOf(octets: number): string {
	const start = "v=DKIM1;k=rsa;p=";
	let text = "";
	for (let number = 0; text.length < octets; number++) text += (number * 7919).toString(36).padStart(4, "A");
	return start + text.slice(0, octets - start.length);
}
