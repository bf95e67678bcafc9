import { describe, expect, it } from "vitest";
import type { SwitchResult } from "../../src/ports/door.ts";
import { makeDirectories } from "../../src/swap/context.ts";
import { readLeft, readResult, safeId, writeLeft, writeResult } from "../../src/swap/results.ts";
import { DOOR_DIRECTORY, SwapHost } from "../fakes/swap-host.ts";

async function setUp() {
	const host = new SwapHost({ swap: "restart" });
	const context = host.context();
	await makeDirectories(context);
	return { host, context };
}

describe("the result of a switch", () => {
	const result: SwitchResult = {
		id: "0a",
		outcome: "done",
		at: "2026-11-01T03:00:00.000Z",
		keys: [],
		oldProcessGone: true,
		reason: null,
		pauseMs: 5,
	};

	it("is found again under its id, and under no other", async () => {
		const { host, context } = await setUp();
		expect(await readResult(context, "0a")).toBeNull();
		await writeResult(context, result);
		expect(await readResult(context, "0a")).toEqual(result);
		expect(await readResult(context, "0b")).toBeNull();
		await writeResult(context, { ...result, owed: ["postfix"] });
		expect(await readResult(context, "0a")).toEqual({ ...result, owed: ["postfix"] });
		expect(host.disk.powerLoss(() => 0).text(`${DOOR_DIRECTORY}/results/0a.json`)).toContain('"done"');
	});

	it("has an id that can be part of a path", () => {
		for (const id of ["0", "a-b", `0${"a".repeat(63)}`]) expect(safeId(id)).toBe(id);
		for (const id of ["", "-a", "A", "a/b", "..", `0${"a".repeat(64)}`, "a\n", " a"])
			expect(() => safeId(id), id).toThrow(`${JSON.stringify(id.slice(0, 40))}: no id of a switch`);
		expect(() => safeId("X")).toThrow(expect.objectContaining({ code: "door.protocol" }) as Error);
	});
});

describe("what the last switches left", () => {
	it("is nothing before the first", async () => {
		expect(await readLeft((await setUp()).context)).toEqual({ files: {}, pausedAt: null });
	});

	it("is each file as the last switch that touched it left it, and the last pause that there was", async () => {
		const { context } = await setUp();
		const pausedAt = "2026-11-01T03:00:00.000Z";
		await writeLeft(context, { files: { "/a": "1", "/b": "2" }, pausedAt });
		await writeLeft(context, { files: { "/b": "3" }, pausedAt: null });
		expect(await readLeft(context)).toMatchObject({ files: { "/a": "1", "/b": "3" }, pausedAt });
		const later = "2026-12-01T03:00:00.000Z";
		await writeLeft(context, { files: {}, pausedAt: later });
		expect(await readLeft(context)).toMatchObject({ files: { "/a": "1", "/b": "3" }, pausedAt: later });
	});
});
