import { describe, expect, it } from "vitest";
import { newHostState, parseHostState } from "../../src/agent/host-state.ts";
import { type Audience, end, raise, repeat, tell } from "../../src/agent/troubles.ts";

const HOUR_MS = 3_600_000;
const now = new Date("2026-11-22T12:00:00.000Z");

function audience(...names: readonly string[]): Audience {
	let ids = 0;
	return {
		host: "mx1",
		sinks: names.map((name) => ({ name, on: null, repeatMs: 6 * HOUR_MS })),
		newId: () => String((ids += 1)),
	};
}

function trouble(host = newHostState(now), listeners = audience("pager")) {
	return raise(host, now, listeners, {
		cause: "publish cf",
		event: "publish_failed",
		severity: "warning",
		domains: ["example.com"],
		selector: "202611",
		summary: "cf: not published",
		detail: null,
		hint: null,
	}).host;
}

const MORE = {
	cause: "publish cf",
	event: "publish_failed",
	severity: "warning",
	domains: ["example.org"],
	selector: null,
	summary: "cf: not published",
	detail: null,
	hint: null,
} as const;

describe("the start of a trouble", () => {
	it("names all domains that it has when it is delivered", () => {
		const { host, history } = raise(trouble(), now, audience("pager"), MORE);
		expect(host.outbox.map(({ event }) => event.domains)).toEqual([["example.com", "example.org"]]);
		expect(history).toEqual([]);
	});

	it("stays as it was once somebody may have got it, as do other troubles", () => {
		const begun = trouble();
		const tried = { ...begun, outbox: begun.outbox.map((entry) => ({ ...entry, tries: 1 })) };
		const other = raise(tried, now, audience("pager"), { ...MORE, cause: "denied cf" }).host;
		const { outbox } = raise(other, now, audience("pager"), { ...MORE, domains: ["example.net"] }).host;
		expect(outbox.map(({ event }) => event.domains)).toEqual([["example.com"], ["example.org"]]);
	});
});

it("tells no more of what others said than anybody reads: a day of it has to fit into the host's document", () => {
	const said = "ns1.example.net: no answer in time\n".repeat(100_000);
	const { host } = raise(trouble(), now, audience("pager"), {
		...MORE,
		cause: "x",
		summary: said,
		detail: said,
	});
	expect(JSON.stringify(host).length).toBeLessThan(50_000);
	expect(host.troubles.at(-1)?.detail).toMatch(/^ns1\.example\.net: no answer in time\n[^]*…$/);
});

describe("a trouble that becomes critical", () => {
	it("is told again at once, and from then on with growing intervals as before", () => {
		const begun = { ...trouble(), outbox: [] };
		const later = new Date(now.getTime() + HOUR_MS);
		const graver = { ...MORE, severity: "critical", summary: "mail goes out unsigned" } as const;
		const worse = raise(begun, later, audience("pager"), graver).host;
		const { outbox, troubles } = repeat(worse, later, audience("pager"));
		expect(outbox.map(({ event }) => event)).toEqual([
			expect.objectContaining({ phase: "repeat", severity: "critical", summary: graver.summary, count: 2 }),
		]);
		expect(troubles[0]?.told).toMatchObject([
			{ nextAt: new Date(later.getTime() + 12 * HOUR_MS).toISOString() },
		]);
		const same = raise({ ...worse, outbox: [], troubles }, later, audience("pager"), graver).host;
		expect(repeat(same, later, audience("pager")).outbox).toEqual([]);
	});
});

describe("what many domains have to say at one time", () => {
	const domains = Array.from({ length: 600 }, (_, index) => `${index}.example`);
	const allSwitched = (listeners: Audience, begun = newHostState(now)) => {
		const switched = { severity: "info", selector: null, summary: "", detail: null, hint: null } as const;
		let host = begun;
		for (const domain of domains)
			host = tell(host, now, listeners, "switched", { ...switched, domains: [domain] }).host;
		return (name: string) => host.outbox.filter(({ sink }) => sink === name).map(({ event }) => event);
	};

	it("is cut to the newest for an alert, and kept whole for a program after a switch", () => {
		const { sinks, ...rest } = audience("pager", "deploy 1");
		const [pager, deploy] = sinks.map((sink) => ({ ...sink, hook: "deploy" as const }));
		if (pager === undefined || deploy === undefined) throw new Error("two listen");
		const { hook: _, ...alert } = pager;
		const told = allSwitched({ ...rest, sinks: [alert, deploy] });
		expect(told("pager").flatMap((event) => event.domains)).toEqual(domains.slice(-500));
		expect(told("deploy 1").flatMap((event) => event.domains)).toEqual(domains);
	});

	it("takes no trouble from those who are yet to hear of it", () => {
		const told = allSwitched(audience("pager"), trouble())("pager");
		expect(told).toHaveLength(500);
		expect(told[0]).toMatchObject({ event: "publish_failed", phase: "start" });
	});
});

describe("the end of a trouble", () => {
	it("is told to those who were told its start, and to nobody else", () => {
		const { host } = end(trouble(), now, audience("pager", "new"), "publish cf", "example.com");
		expect(host.outbox.map(({ sink, event }) => [sink, event.phase])).toEqual([
			["pager", "start"],
			["pager", "end"],
		]);
	});

	it("is told to whoever came later and was told that it lasts", () => {
		const both = audience("pager", "new");
		const { host } = end(repeat(trouble(), now, both), now, both, "publish cf", "example.com");
		expect(host.outbox.filter((entry) => entry.sink === "new").map(({ event }) => event.phase)).toEqual([
			"start",
			"end",
		]);
	});
});

describe("the end of a trouble of several domains", () => {
	const telling = {
		cause: "publish cf",
		event: "publish_failed",
		severity: "warning",
		selector: null,
		summary: "cf: not published",
		detail: null,
		hint: null,
	} as const;

	it("names all that it concerned, whenever each was well again", () => {
		const both = raise(trouble(), now, audience("pager"), { ...telling, domains: ["example.org"] }).host;
		const one = end(both, now, audience("pager"), "publish cf", "example.com").host;
		const stored = parseHostState(JSON.parse(JSON.stringify(one)));
		const { history } = end(stored, now, audience("pager"), "publish cf", "example.org");
		expect(history.map((event) => event.domains)).toEqual([["example.com", "example.org"]]);
	});

	it("is written as before while nobody is well again, and so read from an older file", () => {
		const stored = JSON.parse(JSON.stringify(trouble())) as { troubles: object[] };
		expect(Object.keys(stored.troubles[0] ?? {})).not.toContain("over");
		expect(parseHostState(stored).troubles).toHaveLength(1);
	});
});

describe("a repetition", () => {
	it("noted by a clock that was ahead is not waited for", () => {
		const ahead = new Date(now.getTime() + 400 * 24 * HOUR_MS);
		const told = repeat(trouble(), ahead, audience("pager"));
		const later = new Date(now.getTime() + HOUR_MS);
		const again = repeat(told, later, audience("pager"));
		expect(again.outbox.map(({ event }) => event.count)).toEqual([1, 2, 3]);
		expect(repeat(again, later, audience("pager")).outbox).toHaveLength(3);
	});
});
