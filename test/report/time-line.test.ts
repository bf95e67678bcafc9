import { expect, test } from "vitest";
import { timeLineOf } from "../../src/report/time-line.ts";
import { keyEntry } from "../fakes/policies.ts";
import { domainFacts, NOW, sampleStatus, statusOf } from "./sample.ts";

function linesOf(status = sampleStatus()) {
	const [domain] = status.domains;
	if (domain === undefined) throw new Error("no domain");
	return timeLineOf(domain, NOW).keys.map(({ key, stretches, removedAt }) => [
		key.selector,
		removedAt?.toISOString().slice(0, 10) ?? null,
		...stretches.map(
			({ stage, from, to, isAhead }) =>
				`${isAhead ? "to be " : ""}${stage} ${from.toISOString().slice(0, 10)}..${to.toISOString().slice(0, 10)}`,
		),
	]);
}

test("a key's life is advertised, signing, grace; what is to come is told apart", () => {
	expect(linesOf()).toEqual([
		[
			"202609",
			"2026-10-16",
			"advertised 2026-08-29..2026-09-01",
			"signing 2026-09-01..2026-10-01",
			"grace 2026-10-01..2026-10-16",
		],
		[
			"202610",
			null,
			"advertised 2026-09-28..2026-10-01",
			"signing 2026-10-01..2026-11-16",
			"grace 2026-11-16..2026-11-29",
			"to be grace 2026-11-29..2026-11-30",
		],
		[
			"202611",
			null,
			"advertised 2026-11-10..2026-11-16",
			"signing 2026-11-16..2026-11-29",
			"to be signing 2026-11-29..2026-12-01",
		],
		["202612", null, "advertised 2026-11-28..2026-11-29", "to be advertised 2026-11-29..2026-12-01"],
	]);
});

test("keys that were gone before it begins, or never signed and are gone, are left out", () => {
	const facts = domainFacts("example.com");
	const gone = keyEntry({
		selector: "202601",
		state: "retired",
		since: "2026-02-20T03:00:00.000Z",
		uses: [
			{
				host: "mx1",
				signer: "main",
				firstAt: "2026-01-01T03:00:00.000Z",
				lastAt: "2026-02-01T03:00:00.000Z",
				lastAtLatest: null,
			},
		],
	});
	const givenUp = keyEntry({ selector: "202611b", state: "retired", uses: [] });
	const state = facts.state === null ? null : { ...facts.state, keys: [gone, givenUp] };
	const status = statusOf([{ ...facts, state }]);
	expect(status.domains[0]?.keys).toHaveLength(2);
	expect(linesOf(status)).toEqual([]);
});

test("an adopted key's record stays where adopted keys are not retired", () => {
	const facts = domainFacts("example.com");
	const adopted = keyEntry({
		selector: "mail",
		state: "retiring",
		origin: "adopted",
		since: "2026-11-01T03:00:00.000Z",
		lookingSince: null,
		uses: [
			{
				host: "mx1",
				signer: "main",
				firstAt: "2026-10-20T03:00:00.000Z",
				lastAt: "2026-11-01T03:00:00.000Z",
				lastAtLatest: null,
			},
		],
	});
	const state = facts.state === null ? null : { ...facts.state, keys: [adopted] };
	const status = statusOf([{ ...facts, state }]);
	expect(linesOf(status)).toEqual([
		[
			"mail",
			null,
			"signing 2026-10-20..2026-11-01",
			"grace 2026-11-01..2026-11-29",
			"to be grace 2026-11-29..2027-01-13",
		],
	]);
});
