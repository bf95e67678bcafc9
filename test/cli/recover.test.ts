import { expect, test } from "vitest";
import { recover } from "../../src/cli/recover.ts";
import type { DoorAnswer, RecoverAnswer, SwitchResult } from "../../src/ports/door.ts";
import { AgentWorld } from "../fakes/agent-world.ts";
import { commandBench } from "../fakes/command-bench.ts";

const nothing: RecoverAnswer = { act: "recover", results: [], did: [] };
const pending = {
	reason: "postfix did not start again after the last switch",
	hint: "see journalctl -u postfix@-.service",
	services: ["postfix"],
};
const BUSY: DoorAnswer = { act: "refused", why: "busy", domains: [], message: "", hint: null };
const conflict: SwitchResult = {
	id: "0a",
	outcome: "conflict",
	at: "2026-11-22T12:00:00.000Z",
	keys: [],
	oldProcessGone: true,
	reason: null,
	pauseMs: null,
};

/** What is printed where the door answers this, and the exit status. */
async function recovered(answer: DoorAnswer, json = false, isLive = false, isShown = isLive) {
	const world = new AgentWorld();
	world.refuse = () => answer;
	const { context, terminal } = commandBench(world, { isLive, isShown });
	const status = await recover(context, { json });
	return { status, lines: terminal.results.join("\n").split("\n"), said: terminal.said };
}

test("what was done is told", async () => {
	expect(await recovered(nothing)).toMatchObject({ status: 0, lines: ["nothing was left to recover"] });
	const did = ["main: the table stands after", "started postfix"];
	expect(await recovered({ ...nothing, did })).toMatchObject({ status: 0, lines: did });
});

test("what is still owed is told with what to do, and fails", async () => {
	const owed = `${pending.reason}: ${pending.hint}`;
	expect(await recovered({ ...nothing, pending })).toMatchObject({ status: 1, lines: [owed] });
	const did = ["started main"];
	expect(await recovered({ ...nothing, did, pending })).toMatchObject({ status: 1, lines: [...did, owed] });
});

test("at a terminal it reads at 80 columns", async () => {
	const { lines } = await recovered({ ...nothing, pending }, false, true);
	expect(lines).toEqual([
		"postfix did not start again after the last switch: see journalctl -u",
		"  postfix@-.service",
	]);
	const { said } = await recovered({ ...BUSY, message: "word ".repeat(30) }, false, true);
	for (const line of said.join("\n").split("\n")) expect(line.length).toBeLessThan(80);
});

test("what is read by a program is one line, though progress is shown at a terminal", async () => {
	const { lines } = await recovered({ ...nothing, pending }, false, true, false);
	expect(lines).toEqual([`${pending.reason}: ${pending.hint}`]);
});

test("a table that others changed fails", async () => {
	const answer = { ...nothing, results: [conflict], did: ["main: the table stands changed by others"] };
	expect((await recovered(answer)).status).toBe(1);
});

test("as JSON", async () => {
	const { status, lines } = await recovered({ ...nothing, pending }, true);
	expect(status).toBe(1);
	expect(JSON.parse(lines.join("\n"))).toEqual({ schema: 1, ...nothing, pending });
});

test("while another switch is under way it ends with 75", async () => {
	const busy = { ...BUSY, message: "under way" };
	const { status, said } = await recovered(busy);
	expect(status).toBe(75);
	expect(said.join("\n")).toContain("under way");
});

test("what the door refuses is an error with its hint", async () => {
	const refused = { act: "refused", why: "failed", domains: [], message: "EIO", hint: "the disk" } as const;
	await expect(recovered(refused)).rejects.toMatchObject({ message: "EIO", hint: "the disk" });
});
