import { describe, expect, it } from "vitest";
import { AgentWorld } from "../fakes/agent-world.ts";
import { policyOf, scheduleOf } from "../fakes/policies.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const quick = policyOf({
	publishAheadMs: 0,
	schedule: scheduleOf("0 3 1 6 *"),
	verify: { ...policyOf().verify, soakMs: 0 },
});
const OLD = "202611._domainkey.example.com";

/** An old key of ours, in a world whose DNS shows for so long what was taken away or replaced. */
async function slowWorld(shownAfterMs: number) {
	const world = new AgentWorld([quick]);
	const first: { askedAt: Date | null } = { askedAt: null };
	world.change = (change) => {
		if (change.kind === "add") return { kind: "done" };
		first.askedAt ??= world.at;
		const isShown = world.at.getTime() - first.askedAt.getTime() >= shownAfterMs;
		return isShown ? { kind: "done" } : { kind: "unknown", why: "DNS does not show it yet", isAwaited: true };
	};
	for (const id of ["w1", "w2"]) {
		await world.wish(["example.com"], id);
		await world.advance(MINUTE_MS);
		world.pass(MINUTE_MS);
	}
	const told = () => world.events.filter(({ event }) => event === "retire_failed");
	return { world, first, told };
}

describe("an old record that its program took away and DNS still shows", () => {
	it("is no trouble within an hour", async () => {
		const { world, told } = await slowWorld(40 * MINUTE_MS);
		await world.advance(16 * DAY_MS);
		expect(await world.states()).toMatchObject({ "202611": "retired", "202611b": "active" });
		expect(world.zone.get(OLD)).toEqual([]);
		expect(told()).toEqual([]);
	});

	it("hides nothing that another provider of the zone says", async () => {
		const { world, first } = await slowWorld(40 * MINUTE_MS);
		const zones = new Map(["home", "other"].map((name) => [name, new Map(world.zone)]));
		world.reconfigureWith([{ ...quick, providers: ["home", "other"] }], zones);
		const slow = world.change;
		world.change = (change, provider) =>
			provider === "other"
				? { kind: "refused", denied: true, why: "403", hint: null }
				: (slow?.(change, provider) ?? { kind: "done" });
		await world.advance(15 * DAY_MS);
		const denied = world.events.find(({ event }) => event === "provider_denied");
		expect(denied?.at).toBe(first.askedAt?.toISOString());
	});

	it.each([false, true])(
		"is one after it, until it has gone (each run a process of its own: %s)",
		async (isAlone) => {
			const { world, first, told } = await slowWorld(5 * HOUR_MS);
			world.pass(14 * DAY_MS);
			await world.advance(DAY_MS / 2);
			for (let run = 0; run < 60 && told().length === 0; run += 1) {
				if (isAlone) world.restart();
				await world.tick();
				world.pass(10 * MINUTE_MS);
			}
			const [start] = told();
			const stoodMs = Date.parse(start?.at ?? "") - (first.askedAt?.getTime() ?? 0);
			expect(stoodMs).toBeGreaterThanOrEqual(HOUR_MS);
			expect(stoodMs).toBeLessThan(2.5 * HOUR_MS);
			expect(start?.detail).toContain("DNS does not show it yet");
			await world.advance(DAY_MS);
			expect(await world.states()).toMatchObject({ "202611": "retired" });
			expect(told().at(-1)?.phase).toBe("end");
		},
	);
});

describe("a compromised key's record that its program emptied and DNS still shows", () => {
	const revoke = { kind: "revoke", domains: ["example.com"], selector: "202611", noSoak: false } as const;

	it.each([
		["is no trouble within an hour", 40 * MINUTE_MS, []],
		["is one after it", 3 * HOUR_MS, ["start", "end"]],
	])("%s", async (_, shownAfterMs, phases) => {
		const { world, told } = await slowWorld(shownAfterMs);
		await world.ask({ ...revoke, unsigned: false, useStandby: false }, "w3");
		await world.advance(6 * HOUR_MS);
		expect(await world.states()).toMatchObject({ "202611": "revoked" });
		expect(told().map(({ phase }) => phase)).toEqual(phases);
	});
});
