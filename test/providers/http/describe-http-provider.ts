/** What every adapter that speaks HTTP has to do besides the contract, run against its fake. */

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { asKeyturnError } from "../../../src/errors.ts";
import type { Clock } from "../../../src/ports/clock.ts";
import type { DnsProvider, ZoneChange } from "../../../src/ports/dns-provider.ts";
import { createPublisher } from "../../../src/publishing/publisher.ts";
import { createTurns } from "../../../src/publishing/turns.ts";
import { describeProviderContract, type ProviderBench, valueOf } from "../contract.ts";
import type { FakeAnswer, FakeRequest, FakeServer, Fault } from "./fake-server.ts";
import type { ZoneStore } from "./zone-store.ts";

export interface HttpBench extends ProviderBench {
	readonly server: FakeServer;
	readonly store: ZoneStore;
	/** The adapter's own. */
	readonly clock: Clock;
	/** What must never be told. */
	readonly secrets: readonly string[];
	/** A call that changes something; by default every one that is no GET. */
	readonly isWrite?: (request: FakeRequest) => boolean;
	/** A call that does not count as either, such as the one for a token: troubles meet the calls behind it. */
	readonly isAside?: (request: FakeRequest) => boolean;
	/** Answers with which the interface refuses a credential, and asks for patience, where the status is not enough. */
	readonly denials?: readonly FakeAnswer[];
	readonly limits?: readonly FakeAnswer[];
	/** Whether two equal records can stand at a name. */
	readonly hasTwins: boolean;
	/** Whether a call asks for the zone of this name, and what it is told of one that comes from another server. */
	readonly copy?: (zone: string) => {
		readonly when: (request: FakeRequest) => boolean;
		readonly answer: FakeAnswer;
	};
	/** No zone has a name that a registry does not take, such as `_domainkey.example.com`. */
	readonly hasDomainsOnly?: boolean;
}

const OWN = ["denials", "limits", "copy"] as const;
type Own = (typeof OWN)[number];

const LETTERS = ["a", "b", "c", "d", "e", "f", "g"];
const signal = new AbortController().signal;

/** `own`: what its bench has answers for, besides what all interfaces do alike. */
export function describeHttpProvider(
	title: string,
	start: () => Promise<HttpBench>,
	own: readonly Own[] = [],
): void {
	describeProviderContract(title, start);
	describeProviderContract(`${title}, through the publisher`, async () => {
		const bench = await start();
		return { ...bench, provider: published(bench) };
	});
	describe(`the troubles of ${title}`, () => {
		let bench: HttpBench;
		let name: string;
		beforeEach(async () => {
			bench = await start();
			name = `trouble._domainkey.${bench.zone}`;
		});
		afterEach(async () => bench.stop());

		const value = valueOf(410);
		const add = (): ZoneChange => ({ kind: "add", name, value, ttlSeconds: 3_600 });
		const isWrite = (request: FakeRequest) => (bench.isWrite ?? (({ method }) => method !== "GET"))(request);
		const isAside = (request: FakeRequest) => bench.isAside?.(request) === true;
		const onWrite = (fault: Fault) =>
			bench.server.faults.push({ when: (request) => isWrite(request) && !isAside(request), fault });
		const onRead = (fault: Fault) =>
			bench.server.faults.push({ when: (request) => !isWrite(request) && !isAside(request), fault });
		const answer = (status: number, body: unknown = "no", headers = {}): Fault => ({
			kind: "answer",
			answer: { status, body, headers },
		});
		const listError = async () => {
			const thrown: unknown = await bench.provider.list(bench.zone, name, signal).then(
				() => null,
				(error: unknown) => error,
			);
			expect(thrown).not.toBeNull();
			const error = asKeyturnError(thrown);
			expectNoSecret(bench, `${error.message} ${error.hint}`);
			return error;
		};
		const changed = async (provider = bench.provider) => {
			const [result] = await provider.change(bench.zone, [add()], signal);
			expectNoSecret(bench, JSON.stringify(result));
			return result;
		};

		test.each([401, 403])("%i stops at once and says which permission is missing", async (status) => {
			onRead(answer(status));
			expect(await listError()).toMatchObject({ code: "provider.denied", retry: false });
			onWrite(answer(status));
			expect(await changed()).toMatchObject({ kind: "refused", denied: true, hint: expect.any(String) });
			expect(bench.store.serves(name)).toEqual([]);
		});

		test("what its bench has answers for is tried", () => {
			expect(OWN.filter((one) => bench[one] !== undefined)).toEqual(OWN.filter((one) => own.includes(one)));
		});

		testIf(own, "denials", "an answer of its own that means the credential does so too", async () => {
			expect(bench.denials).not.toEqual([]);
			for (const denial of bench.denials ?? []) {
				onRead({ kind: "answer", answer: denial });
				expect(await listError()).toMatchObject({ code: "provider.denied" });
			}
		});

		test.each([400, 404, 422])("%i to a change means that it was not made", async (status) => {
			onWrite(answer(status, { message: "the name is not wanted" }));
			expect(await changed()).toMatchObject({ kind: "refused", denied: false });
			expect(bench.store.serves(name)).toEqual([]);
		});

		test("a change that is refused spoils none of those that are made with it", async () => {
			const others = ["before", "behind"].map((label) => `${label}._domainkey.${bench.zone}`);
			const changes = [others[0] ?? "", name, others[1] ?? ""].map((at) => ({ ...add(), name: at }));
			// In the call that has all of them, where there is one, and in its own.
			for (const fault of [answer(422), answer(422)])
				bench.server.faults.push({
					when: (request) => isWrite(request) && (request.path + request.body).includes("trouble"),
					fault,
				});
			expect(await bench.provider.change(bench.zone, changes, signal)).toEqual([
				{ kind: "done" },
				expect.objectContaining({ kind: "refused", denied: false }),
				{ kind: "done" },
			]);
			for (const at of others) expect(bench.store.serves(at)).toEqual([value]);
			expect(bench.store.serves(name)).toEqual([]);
		});

		test.each<[string, (atMs: number) => string]>([
			["seconds", () => "7"],
			["a date", (atMs) => new Date(atMs).toUTCString()],
		])("429 with Retry-After as %s is honoured before the next call", async (_, tell) => {
			// The server's clock, which is another than ours.
			const date = new Date("2026-12-24T08:00:00Z");
			const text = tell(date.getTime() + 7_000);
			onRead(answer(429, "slow down", { "retry-after": text, date: date.toUTCString() }));
			expect(await listError()).toMatchObject({ code: "provider.limited", retryAfterMs: 7_000 });
			const before = bench.server.calls.length;
			expect(await listError()).toMatchObject({ code: "provider.limited", retryAfterMs: 7_000 });
			expect(bench.server.calls).toHaveLength(before);
		});

		test("through the publisher it is waited for, and the change is made", async () => {
			onWrite(answer(429, "slow down", { "retry-after": "7" }));
			expect(await changed(published(bench))).toEqual({ kind: "done" });
			expect(bench.store.serves(name)).toEqual([value]);
		});

		testIf(own, "limits", "an answer of its own that means too many calls does so too", async () => {
			expect(bench.limits).not.toEqual([]);
			for (const limit of bench.limits ?? []) {
				onRead({ kind: "answer", answer: limit });
				expect(await listError()).toMatchObject({ code: "provider.limited", retry: true });
				await bench.stop();
				bench = await start();
			}
		});

		test.each([500, 502, 503])(
			"%i to a list may be asked again, to a change leaves it open",
			async (status) => {
				onRead(answer(status));
				expect(await listError()).toMatchObject({ code: "provider.unreachable", retry: true });
				onWrite(answer(status));
				expect(await changed()).toMatchObject({ kind: "unknown" });
			},
		);

		test("a connection reset after the change was made leaves one record, and it is seen", async () => {
			onWrite({ kind: "reset after commit" });
			expect(await changed(published(bench))).toEqual({ kind: "done" });
			expect(bench.store.serves(name)).toEqual([value]);
		});

		test("a connection reset before it never leads to two", async () => {
			onWrite({ kind: "reset" });
			expect(await changed()).toMatchObject({ kind: "unknown" });
			expect(await changed(published(bench))).toEqual({ kind: "done" });
			expect(bench.store.serves(name)).toEqual([value]);
		});

		test.each<[string, Fault]>([
			["an answer that drips", { kind: "drip" }],
			["one of ten megabytes", answer(200, "x".repeat(10_000_000))],
		])("%s is given up", async (_, fault) => {
			onRead(fault);
			expect(await listError()).toMatchObject({ code: "provider.unreachable" });
		});

		test.each<[string, Fault]>([
			["HTML", answer(200, "<html><title>Sign in</title></html>", { "content-type": "text/html" })],
			["nothing", answer(200, "")],
			["JSON of another kind", answer(200, { unexpected: true })],
		])("%s instead of a list is no empty list", async (_, fault) => {
			onRead(fault);
			expect((await listError()).code).toMatch(/^provider\.(?:refused|unreachable)$/);
		});

		test("a page that asks to sign in, instead of an answer to a change, does not say that it was made", async () => {
			const page = answer(200, "<html><title>Sign in</title></html>", { "content-type": "text/html" });
			onWrite(page);
			expect(await changed()).not.toEqual({ kind: "done" });
			expect(bench.store.serves(name)).toEqual([]);
			await bench.plant(name, [value.slice(0, 255), value.slice(255)]);
			onWrite(page);
			const [result] = await bench.provider.change(bench.zone, [{ kind: "remove", name, value }], signal);
			expect(result).not.toEqual({ kind: "done" });
		});

		test("a redirect is not followed, and the credential goes nowhere else", async () => {
			const asked: string[] = [];
			const elsewhere = createServer((message, response) => {
				asked.push(JSON.stringify(message.headers));
				response.end();
			});
			await new Promise<void>((resolve) => elsewhere.listen(0, "127.0.0.1", resolve));
			const location = `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/`;
			onRead(answer(302, "", { location }));
			expect(await listError()).toMatchObject({ code: "provider.refused" });
			await new Promise((resolve) => elsewhere.close(resolve));
			expect(asked).toEqual([]);
		});

		test("equal records are all removed", async () => {
			await bench.plant(name, [value.slice(0, 255), value.slice(255)]);
			if (bench.hasTwins) await bench.plant(name, [value.slice(0, 200), value.slice(200)]);
			expect(bench.store.serves(name)).toHaveLength(bench.hasTwins ? 2 : 1);
			expect(await bench.provider.change(bench.zone, [{ kind: "remove", name, value }], signal)).toEqual([
				{ kind: "done" },
			]);
			expect(bench.store.serves(name)).toEqual([]);
		});

		test("more records than fit a page are all seen", async () => {
			const zone = bench.store.zone(bench.zone);
			for (const letter of LETTERS) {
				await bench.plant(`${letter}._domainkey.${bench.zone}`, ["of another name"]);
				await bench.plant(name, [`sibling ${letter}`]);
			}
			expect(zone?.records.length).toBeGreaterThanOrEqual(14);
			expect((await bench.provider.list(bench.zone, name, signal)).toSorted()).toEqual(
				LETTERS.map((letter) => `sibling ${letter}`),
			);
		});

		test("finds the longest of many zones, on a dot boundary", async () => {
			for (const zone of ["a", "b", "c", "d", "e"]) bench.store.addZone(`${zone}.test`);
			bench.store.addZone(`mail.${bench.zone}`);
			bench.store.addZone(`_domainkey.shop.${bench.zone}`);
			const found = async (at: string) => bench.provider.findZone(at, signal);
			expect(await found(`s._domainkey.mail.${bench.zone}`)).toMatchObject({ zone: `mail.${bench.zone}` });
			expect(await found(`s._domainkey.shop.${bench.zone}`)).toMatchObject({
				zone: bench.hasDomainsOnly === true ? bench.zone : `_domainkey.shop.${bench.zone}`,
			});
			expect(await found(`s._domainkey.xmail.${bench.zone}`)).toMatchObject({ zone: bench.zone });
			expect(await found("s._domainkey.e.test")).toMatchObject({ zone: "e.test" });
		});

		testIf(
			own,
			"copy",
			"a copy of a zone is none, and the zone above it is not written instead",
			async () => {
				const zone = `mail.${bench.zone}`;
				const copy = bench.copy?.(zone);
				if (copy === undefined) throw new Error("expected an answer for a copy");
				const fault: Fault = { kind: "answer", answer: copy.answer };
				for (const _ of [1, 2]) bench.server.faults.push({ when: copy.when, fault });
				expect(await bench.provider.findZone(`s1._domainkey.${zone}`, signal)).toEqual({
					kind: "none",
					why: expect.stringContaining(`${zone} is a copy of another server's zone`),
					hint: expect.stringContaining("primary"),
				});
				await expect(
					bench.provider.change(zone, [{ ...add(), name: `s1.${zone}` }], signal),
				).rejects.toMatchObject({ code: "provider.zone" });
				expect(bench.server.faults).toEqual([]);
			},
		);

		test("a zone with an international name is found, read and written", async () => {
			const zone = bench.store.addZone("xn--bcher-kva.test").name;
			const at = `s1._domainkey.${zone}`;
			expect(await bench.provider.findZone(at, signal)).toEqual({ kind: "zone", zone });
			const change: ZoneChange = { kind: "add", name: at, value, ttlSeconds: 3_600 };
			expect(await bench.provider.change(zone, [change], signal)).toEqual([{ kind: "done" }]);
			expect(bench.store.serves(at)).toEqual([value]);
			expect(await bench.provider.list(zone, at, signal)).toEqual([value]);
			const removal: ZoneChange = { kind: "remove", name: at, value };
			expect(await bench.provider.change(zone, [removal], signal)).toEqual([{ kind: "done" }]);
			expect(bench.store.serves(at)).toEqual([]);
		});

		test("a value beyond the limit is refused before anything is sent", async () => {
			const change = { ...add(), value: valueOf(bench.provider.limits.valueOctets + 1) };
			const [result] = await published(bench).change(bench.zone, [change], signal);
			expect(result).toMatchObject({ kind: "refused", denied: false, hint: expect.stringContaining("2048") });
			expect(bench.server.calls).toEqual([]);
		});
	});
}

function published({ provider, clock }: HttpBench): DnsProvider {
	return createPublisher({
		provider,
		turns: createTurns(),
		clock,
		random: { bytes: (count) => new Uint8Array(count), id: () => "0".repeat(32) },
		log: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
	});
}

function expectNoSecret(bench: HttpBench, text: string): void {
	for (const secret of bench.secrets) expect(text).not.toContain(secret);
}

/** Defines the test where the bench has answers for it. */
function testIf(own: readonly Own[], needed: Own, title: string, body: () => Promise<void>): void {
	if (own.includes(needed)) test(title, body);
}
