import { describe, expect, it } from "vitest";
import { KeyturnError } from "../../src/errors.ts";
import type { ProbeVerdict, SignExpectation } from "../../src/ports/signer.ts";
import type { SwapContext } from "../../src/swap/context.ts";
import type { JournalSigner } from "../../src/swap/journal.ts";
import { proveKeys } from "../../src/swap/proof.ts";
import { SwapHost } from "../fakes/swap-host.ts";

type Probe = (expectations: readonly SignExpectation[], nth: number) => readonly ProbeVerdict[];

const signed = ({ domain, selector }: SignExpectation): ProbeVerdict => ({
	domain,
	selector,
	outcome: "signed",
	reason: null,
});
const failed = (expected: SignExpectation, reason: string | null = "bad signature"): ProbeVerdict => ({
	...signed(expected),
	outcome: "failed",
	reason,
});

/** Keys of domains d0, d1, … to be proven. */
function keys(count: number): readonly SignExpectation[] {
	return Array.from({ length: count }, (_, at) => ({
		domain: `d${at}.example`,
		selector: "new",
		record: "",
	}));
}

function setUp(swap: "restart" | "reload", probe: Probe, probeMs = 0) {
	const host = new SwapHost({ swap });
	const context = host.context();
	const sizes: number[] = [];
	const main = context.signers.get("main");
	if (main === undefined) throw new Error("no signer");
	const signer = {
		...main.signer,
		probe: async (expectations: readonly SignExpectation[]) => {
			sizes.push(expectations.length);
			host.nowMs += probeMs;
			return probe(expectations, sizes.length);
		},
	};
	const given: SwapContext = { ...context, signers: new Map([["main", { ...main, signer }]]) };
	const startedAt = host.nowMs;
	return {
		host,
		context: given,
		sizes,
		tookMs: () => host.nowMs - startedAt,
		prove: (expectations: readonly SignExpectation[], isMailWaiting = false) =>
			proveKeys(given, { signer: "main", swap } as JournalSigner, expectations, isMailWaiting),
	};
}

describe("the proof of keys", () => {
	it("asks the signer for a signature of each, thirty-two at a time", async () => {
		const { prove, sizes } = setUp("restart", (asked) => asked.map(signed));
		expect(await prove(keys(70))).toEqual({ failing: [], unproven: [], rest: [] });
		expect(sizes).toEqual([32, 32, 6]);
	});

	it("is left out where the signer is not to be probed", async () => {
		const { context, sizes } = setUp("restart", (asked) => asked.map((key) => failed(key)));
		const [name, main] = [...context.signers][0] ?? [];
		if (name === undefined || main === undefined) throw new Error("no signer");
		const quiet = { ...context, signers: new Map([[name, { ...main, probe: false }]]) };
		const entry = { signer: "main", swap: "restart" } as JournalSigner;
		expect(await proveKeys(quiet, entry, keys(1), true)).toEqual({ failing: [], unproven: [], rest: [] });
		expect(sizes).toEqual([]);
	});

	it("names what fails and what could not be told, with the reasons", async () => {
		const [first, second, third] = keys(3) as [SignExpectation, SignExpectation, SignExpectation];
		const unproven: ProbeVerdict = { ...signed(second), outcome: "unproven", reason: "no route" };
		const { prove } = setUp("restart", () => [failed(third, null), unproven, signed(first)]);
		expect(await prove([first, second, third])).toEqual({
			failing: [{ domain: "d2.example", selector: "new", reason: "failed" }],
			unproven: [{ domain: "d1.example", selector: "new", reason: "no route" }],
			rest: [],
		});
	});

	it("takes no word for silence, for another selector, or for a probe that broke", async () => {
		const [one] = keys(1) as [SignExpectation];
		const silent = {
			failing: [{ domain: "d0.example", selector: "new", reason: "the probe gave no verdict" }],
		};
		expect(await setUp("restart", () => []).prove([one])).toMatchObject(silent);
		const other = { ...one, selector: "old" };
		expect(await setUp("restart", () => [signed(other)]).prove([one])).toMatchObject(silent);
		const elsewhere = { ...one, domain: "d1.example" };
		expect(await setUp("restart", () => [signed(elsewhere)]).prove([one])).toMatchObject(silent);
		const broken = setUp("restart", () => {
			throw new KeyturnError("signer.probe", "connection refused");
		});
		expect(await broken.prove([one])).toMatchObject({
			failing: [{ domain: "d0.example", selector: "new", reason: "connection refused" }],
		});
	});
});

describe("while the mail server waits", () => {
	it("only the first batch is sure to be proven: after a second the rest is left for later", async () => {
		const waiting = setUp("restart", (asked) => asked.map(signed), 501);
		expect((await waiting.prove(keys(100), true)).rest).toEqual(keys(100).slice(64));
		const slow = setUp("restart", (asked) => asked.map(signed), 1_001);
		expect((await slow.prove(keys(33), true)).rest).toEqual(keys(33).slice(32));
		const exact = setUp("restart", (asked) => asked.map(signed), 1_000);
		expect((await exact.prove(keys(33), true)).rest).toEqual([]);
	});

	it("a single batch is proven however long it takes", async () => {
		expect((await setUp("restart", (asked) => asked.map(signed), 9_000).prove(keys(32), true)).rest).toEqual(
			[],
		);
	});

	it("and only then: else all are proven at once", async () => {
		const { prove } = setUp("restart", (asked) => asked.map(signed), 9_000);
		expect((await prove(keys(100))).rest).toEqual([]);
	});
});

describe("a key that fails", () => {
	const after =
		(tries: number): Probe =>
		(asked, nth) =>
			asked.map((key) => (nth > tries ? signed(key) : failed(key)));

	it("is asked for once more after a restart, a quarter of a second later, and not again", async () => {
		const once = setUp("restart", after(1));
		expect((await once.prove(keys(1))).failing).toEqual([]);
		expect(once.tookMs()).toBe(250);
		const twice = setUp("restart", after(2));
		expect((await twice.prove(keys(1))).failing).toHaveLength(1);
		expect(twice.sizes).toEqual([1, 1]);
	});

	it("is asked for again and again for twenty seconds after a reload", async () => {
		const late = setUp("reload", after(80));
		expect((await late.prove(keys(1))).failing).toEqual([]);
		expect(late.tookMs()).toBe(20_000);
		const never = setUp("reload", after(1_000));
		expect((await never.prove(keys(1))).failing).toHaveLength(1);
		expect(never.tookMs()).toBe(20_000);
	});

	it("is not asked for again where it only could not be told", async () => {
		const unproven: Probe = (asked) =>
			asked.map((key) => ({ ...signed(key), outcome: "unproven", reason: "why" }));
		const { prove, sizes } = setUp("reload", unproven);
		await prove(keys(2));
		expect(sizes).toEqual([2]);
	});
});
