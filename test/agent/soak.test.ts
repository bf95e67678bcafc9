import { describe, expect, test } from "vitest";
import { keyOf } from "../../src/rotation/domain-state.ts";
import type { LookReport, ServerReport } from "../../src/ports/propagation.ts";
import { AgentWorld } from "../fakes/agent-world.ts";
import { serverReport } from "../fakes/doctor-facts.ts";
import { policyOf, scheduleOf } from "../fakes/policies.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const soaking = policyOf({ publishAheadMs: 0, verify: { ...policyOf().verify, soakMs: HOUR_MS } });

/** The servers are right for most of the soak, and say this then. */
async function disturbed(verdict: LookReport["verdict"]): Promise<AgentWorld> {
	const world = new AgentWorld([soaking]);
	await world.wish(["example.com"]);
	await world.advance(50 * MINUTE_MS);
	expect(await world.states()).toMatchObject({ "202611": "published" });
	world.verdict = (selector) => (selector === "202611" ? verdict : "right");
	await world.advance(15 * MINUTE_MS);
	expect(await world.states()).toMatchObject({ "202611": "published" });
	world.verdict = () => "right";
	await world.advance(15 * MINUTE_MS);
	return world;
}

test.each(["wrong", "absent"] as const)(
	"begins anew where a server is %s in the middle of it",
	async (verdict) => {
		const world = await disturbed(verdict);
		expect(await world.states()).toMatchObject({ "202611": "published" });
		const { rightSince } = keyOf(await world.state(), "202611") ?? {};
		expect(Date.parse(rightSince ?? "")).toBeGreaterThan(world.at.getTime() - 15 * MINUTE_MS);
		await world.advance(HOUR_MS);
		expect(await world.states()).toMatchObject({ "202611": "active" });
	},
);

test("is not ended, nor begun anew, where no server answers", async () => {
	const world = await disturbed("unknown");
	expect(await world.states()).toMatchObject({ "202611": "active" });
});

describe("begins anew where the clock jumps ahead in the middle of it", () => {
	const slow = { ...soaking, verify: { ...soaking.verify, soakMs: 3 * HOUR_MS } };

	async function jumpingWorld(): Promise<AgentWorld> {
		const world = new AgentWorld([{ ...slow, schedule: scheduleOf("0 3 1 6 *") }]);
		await world.tick();
		return world;
	}

	function jump(world: AgentWorld): void {
		world.at = new Date(world.at.getTime() + 5 * HOUR_MS);
	}

	async function soaksFromJump(world: AgentWorld): Promise<void> {
		await world.wish(["example.com"]);
		await world.advance(50 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "published" });
		jump(world);
		await world.advance(170 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "published" });
		await world.advance(30 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "active" });
	}

	test("once", async () => {
		await soaksFromJump(await jumpingWorld());
	});

	test("though it had jumped before, and is in doubt since", async () => {
		const world = await jumpingWorld();
		jump(world);
		await world.tick();
		expect(world.told("clock_suspect")).toEqual(["start"]);
		await soaksFromJump(world);
		expect(world.told("clock_suspect")).not.toContain("end");
	});

	test("and whoever finds the jump dies before the next look", async () => {
		const world = await jumpingWorld();
		jump(world);
		await world.tick();
		await world.wish(["example.com"]);
		await world.advance(50 * MINUTE_MS);
		jump(world);
		world.verdict = (selector) => (selector === "202611" ? "unknown" : "right");
		await world.tick();
		world.restart();
		world.verdict = () => "right";
		await world.advance(170 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "published" });
	});
});

test("ends what was told of servers that were late, since all are right", async () => {
	const world = new AgentWorld([{ ...soaking, schedule: scheduleOf("0 3 1 6 *") }]);
	world.verdict = (selector) => (selector === "202611" ? "wrong" : "right");
	await world.wish(["example.com"]);
	await world.advance(25 * HOUR_MS);
	expect(world.told("verification_failed")).toContain("start");
	world.verdict = () => "right";
	await world.advance(30 * MINUTE_MS);
	expect(await world.states()).toMatchObject({ "202611": "published" });
	expect(world.told("verification_failed").filter((phase) => phase !== "repeat")).toEqual(["start", "end"]);
	await world.advance(HOUR_MS);
	expect(await world.states()).toMatchObject({ "202611": "active" });
	expect(world.told("verification_failed").at(-1)).toBe("end");
});

test("of a record that comes and goes does not end at each right look what was told", async () => {
	const world = new AgentWorld([{ ...soaking, schedule: scheduleOf("0 3 1 6 *") }]);
	let looks = 0;
	world.verdict = (selector) => (selector === "202611" && (looks += 1) % 2 === 1 ? "wrong" : "right");
	await world.wish(["example.com"]);
	await world.advance(30 * HOUR_MS);
	expect(looks).toBeGreaterThan(50);
	expect(world.told("verification_failed").filter((phase) => phase !== "repeat")).toEqual(["start"]);
});

describe("a wrong record that was served before", () => {
	const TTL_SECONDS = 4 * 3600;
	const auto = { ...soaking, verify: { ...soaking.verify, soakMs: "auto" as const } };

	/** What the servers serve from now on. */
	function serve(
		world: AgentWorld,
		outcome: ServerReport["outcome"],
		{
			servedBy = "servers",
			verdict = "wrong",
		}: { servedBy?: "servers" | "resolvers"; verdict?: "wrong" | "absent" } = {},
	): void {
		const report = serverReport({ outcome, ttlSeconds: TTL_SECONDS });
		const right = { ...report, outcome: "right" as const, ttlSeconds: 60 };
		world.report = (selector) =>
			selector !== "202611"
				? { verdict: "right", servers: [right], resolvers: [] }
				: { verdict, servers: [right], resolvers: [], [servedBy]: [report] };
	}

	async function mended(world: AgentWorld): Promise<void> {
		world.report = null;
		await world.advance(3 * HOUR_MS);
		expect(await world.states()).toMatchObject({ "202611": "published" });
		await world.advance(90 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "active" });
	}

	test.each([
		["wrong_key", {}],
		["unreadable_record", {}],
		["revoked", { servedBy: "resolvers" }],
		["wildcard", { verdict: "absent" }],
	] as const)("is waited for until no resolver can have it any more: %s", async (outcome, by) => {
		const world = new AgentWorld([auto]);
		serve(world, outcome, by);
		await world.wish(["example.com"]);
		await world.advance(30 * MINUTE_MS);
		await mended(world);
	});

	test("is waited for though a shorter one was served after it", async () => {
		const world = new AgentWorld([auto]);
		serve(world, "wrong_key");
		await world.wish(["example.com"]);
		await world.advance(30 * MINUTE_MS);
		world.report = null;
		world.verdict = (selector) => (selector === "202611" ? "wrong" : "right");
		await world.advance(30 * MINUTE_MS);
		world.verdict = () => "right";
		await mended(world);
	});

	test("is waited for where the name led elsewhere: what leads there is kept as well", async () => {
		const world = new AgentWorld([auto]);
		await world.wish(["example.com"]);
		await world.tick();
		world.aliases.set("202611._domainkey.example.com", "elsewhere.example.net");
		serve(world, "right", { verdict: "absent" });
		await world.advance(30 * MINUTE_MS);
		world.aliases.clear();
		await mended(world);
	});

	test("is waited for where it came between the verification and the due date", async () => {
		const world = new AgentWorld([
			{ ...auto, schedule: scheduleOf("0 3 23 11 *"), publishAheadMs: 72 * HOUR_MS },
		]);
		world.at = new Date("2026-11-22T20:00:00.000Z");
		await world.advance(HOUR_MS);
		expect(await world.states()).toMatchObject({ "202611": "verified" });
		world.restart();
		serve(world, "wrong_key");
		await world.advance(5 * HOUR_MS);
		expect(await world.states()).toMatchObject({ "202611": "published" });
		await mended(world);
	});

	test("is waited for where the last look before the switch finds it", async () => {
		const world = new AgentWorld([auto]);
		world.refuse = (request) => {
			if (request.act === "stage") serve(world, "wrong_key");
			return null;
		};
		await world.wish(["example.com"]);
		await world.advance(30 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "published" });
		world.refuse = null;
		await mended(world);
	});

	test("is waited for where the same look finds that the record is lost, and it is published again", async () => {
		const world = new AgentWorld([auto]);
		await world.wish(["example.com"]);
		await world.advance(8 * MINUTE_MS);
		world.restart();
		serve(world, "wildcard", { verdict: "absent" });
		world.zone.delete("202611._domainkey.example.com");
		await world.tick();
		expect(world.changes.filter(({ kind }) => kind === "add")).toHaveLength(2);
		await mended(world);
	});

	test("is not waited for where keyturn.yaml says how long to wait", async () => {
		const world = new AgentWorld([soaking]);
		serve(world, "wrong_key");
		await world.wish(["example.com"]);
		await world.advance(30 * MINUTE_MS);
		world.report = null;
		await world.advance(HOUR_MS + 15 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "active" });
	});
});

describe("a zone that remembers absences for longer than when the key was made", () => {
	const auto = { ...soaking, verify: { ...soaking.verify, soakMs: "auto" as const } };
	const LONG_SECONDS = 4 * 3600;

	async function soaksForHours(world: AgentWorld): Promise<void> {
		await world.advance(3 * HOUR_MS);
		expect(await world.states()).toMatchObject({ "202611": "published" });
		await world.advance(90 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "active" });
	}

	test("since it moved to another host, which had no record at first", async () => {
		const world = new AgentWorld([auto]);
		await world.wish(["example.com"]);
		await world.tick();
		world.negativeTtlSeconds = LONG_SECONDS;
		world.verdict = (selector) => (selector === "202611" ? "absent" : "right");
		await world.advance(30 * MINUTE_MS);
		// It is the SOA of the servers that said so which counts, whatever it says afterwards.
		world.negativeTtlSeconds = 60;
		world.verdict = () => "right";
		await soaksForHours(world);
	});

	test("before its record was published", async () => {
		const world = new AgentWorld([auto]);
		world.change = () => ({ kind: "unknown", why: "no answer" });
		await world.wish(["example.com"]);
		await world.advance(30 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202611": "pending" });
		world.change = null;
		world.negativeTtlSeconds = LONG_SECONDS;
		await world.advance(HOUR_MS);
		await soaksForHours(world);
	});
});
