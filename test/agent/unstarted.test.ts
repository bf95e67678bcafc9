import { describe, expect, it } from "vitest";
import { parseHostState } from "../../src/agent/host-state.ts";
import type { Pending } from "../../src/ports/door.ts";
import { AgentWorld } from "../fakes/agent-world.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const owing: Pending = { reason: "postfix did not start again", hint: "see its log", services: ["postfix"] };

/** Its next key was switched to, and the mail server did not start again. */
async function turnedWithoutMail(): Promise<AgentWorld> {
	const world = new AgentWorld();
	await world.wish(["example.com"]);
	world.commit = (_id, result) => {
		world.pending = owing;
		return { act: "commit", result: { ...result, owed: ["postfix"] } };
	};
	await world.tick();
	expect(await world.states()).toMatchObject({ "202611": "active" });
	return world;
}

describe("a mail server that does not start again after a switch", () => {
	it("is told at once as critical, though the key was switched, and over once it runs", async () => {
		const world = await turnedWithoutMail();
		expect(world.told("swap_failed")).toEqual(["start"]);
		expect(world.events.find(({ event }) => event === "swap_failed")).toMatchObject({
			severity: "critical",
			summary: "postfix does not run: it did not start again after a switch",
			hint: expect.stringContaining("systemctl status postfix"),
		});
		expect(world.told("switched")).toEqual([null]);
		await world.advance(10 * MINUTE_MS);
		world.pending = null;
		await world.advance(MINUTE_MS);
		expect(world.told("swap_failed")).toEqual(["start", "end"]);
	});

	it("is no unit to look at where keyturn.yaml has commands for it", async () => {
		const world = new AgentWorld();
		world.signers.push({ services: { commands: { postfix: {} } } });
		for (const [services, hint] of [
			[["postfix"], "see the log of postfix, which keyturn.yaml has commands for; keyturn tries"],
			[["postfix", "opendkim"], "see systemctl status opendkim; see the log of postfix, which"],
		] as const) {
			world.restart();
			world.pending = { ...owing, services: [...services] };
			await world.tick();
			const { troubles } = parseHostState((await world.store.load("host"))?.state);
			expect(troubles[0]?.hint).toContain(hint);
		}
	});

	it("has the door try again every minute, and no more than that once it runs", async () => {
		const world = await turnedWithoutMail();
		const before = world.requested("inspect");
		await world.advance(10 * MINUTE_MS);
		const tried = world.requested("inspect") - before;
		expect(tried).toBeGreaterThanOrEqual(10);
		world.pending = null;
		await world.advance(2 * MINUTE_MS);
		const over = world.requested("inspect");
		await world.advance(30 * MINUTE_MS);
		expect(world.requested("inspect")).toBe(over);
	});

	it("is told by an agent that only finds it so", async () => {
		const world = new AgentWorld();
		world.pending = owing;
		await world.tick();
		expect(world.told("swap_failed")).toEqual(["start"]);
		world.restart();
		await world.advance(5 * MINUTE_MS);
		expect(world.told("swap_failed")).toEqual(["start"]);
	});

	it("is told though the door gives no answer after the switch", async () => {
		const world = new AgentWorld();
		await world.wish(["example.com"]);
		world.commit = (_id, result) => {
			world.refuse = () => ({ act: "refused", why: "failed", domains: [], message: "EIO", hint: null });
			return { act: "commit", result: { ...result, owed: ["postfix"] } };
		};
		await world.tick();
		const started = world.events.filter(({ phase }) => phase === "start").map(({ trouble }) => trouble);
		expect(started).toContain("start");
	});

	it("is told after a key was only taken out", async () => {
		const world = new AgentWorld();
		world.commit = (_id, result) => ({ act: "commit", result: { ...result, owed: ["postfix"] } });
		await world.ask({ kind: "remove", domains: ["example.com"] });
		await world.tick();
		expect(await world.states()).toEqual({ "202610": "retiring" });
		expect(world.told("swap_failed")[0]).toBe("start");
	});

	it("is neither told nor over while nothing is tried, since the host starts", async () => {
		const world = new AgentWorld();
		world.pending = { ...owing, services: [] };
		await world.tick();
		expect(world.told("swap_failed")).toEqual([]);
		world.pending = owing;
		await world.advance(MINUTE_MS);
		world.pending = { ...owing, services: [] };
		await world.advance(MINUTE_MS);
		expect(world.told("swap_failed")).toEqual(["start"]);
	});

	it("fails the tick for every domain, so that no heartbeat says that all is well", async () => {
		const world = await turnedWithoutMail();
		expect((await world.tick()).domains.map(({ error }) => error?.message)).toEqual([owing.reason]);
		world.pending = null;
		world.pass(MINUTE_MS);
		expect((await world.tick()).domains.map(({ error }) => error)).toEqual([null]);
	});

	it("is told to whoever hears of every switch, beside how that ended", async () => {
		const world = await turnedWithoutMail();
		const ended = world.ran.filter(({ hook }) => hook === "post").map(({ event }) => event);
		expect(ended).toMatchObject([{ event: "switched", detail: "postfix did not start again" }]);
	});

	it("is repeated while it lasts", async () => {
		const world = await turnedWithoutMail();
		await world.advance(13 * HOUR_MS);
		expect(world.told("swap_failed").slice(0, 2)).toEqual(["start", "repeat"]);
	});
});
