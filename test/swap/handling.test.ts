import { describe, expect, it } from "vitest";
import type { DoorRequest } from "../../src/ports/door.ts";
import { makeDirectories, noSignal, signerNamed } from "../../src/swap/context.ts";
import { writeJournal } from "../../src/swap/journal.ts";
import { createSwap } from "../../src/swap/swap.ts";
import { DOOR_DIRECTORY, SwapHost } from "../fakes/swap-host.ts";

const ID = "0123456789abcdef0123456789abcdef";
const INSPECT: DoorRequest = { act: "inspect", ids: [] };

describe("the door", () => {
	it("acts alone: it takes its lock, waits half a minute for it, and lets it go whatever happens", async () => {
		const host = new SwapHost({ swap: "restart" });
		const asked: unknown[] = [];
		let held = 0;
		const swap = createSwap({
			...host.context(),
			takeLock: async (path, waitMs) => {
				asked.push(path, waitMs);
				held += 1;
				return {
					release: async () => {
						held -= 1;
					},
				};
			},
		});
		await swap.handle(INSPECT);
		host.disk.put(`${DOOR_DIRECTORY}/left.json`, "no JSON");
		expect(await swap.handle(INSPECT)).toMatchObject({ act: "refused", why: "failed" });
		expect(asked).toEqual([`${DOOR_DIRECTORY}/lock`, 30_000, `${DOOR_DIRECTORY}/lock`, 30_000]);
		expect(held).toBe(0);
	});

	it("says so where another is at work, and touches nothing", async () => {
		const host = new SwapHost({ swap: "restart" });
		const swap = createSwap({ ...host.context(), takeLock: async () => "held" });
		host.services.calls.length = 0;
		expect(await swap.handle(INSPECT)).toEqual({
			act: "refused",
			why: "busy",
			domains: [],
			message: "another switch or recovery is under way",
			hint: "ask again in a minute",
		});
		expect(host.services.calls).toEqual([]);
	});

	it("has a directory of its own that nobody else may enter", async () => {
		const host = new SwapHost({ swap: "restart" });
		await host.door().handle(INSPECT);
		expect(host.disk.all().find(({ path }) => path === DOOR_DIRECTORY)?.stat.mode).toBe(0o700);
		await makeDirectories(host.context());
		const after = host.disk.powerLoss(() => 0).all();
		for (const name of ["", "/results", "/staged"])
			expect(after.find(({ path }) => path === `${DOOR_DIRECTORY}${name}`)?.stat.mode, name).toBe(0o700);
	});

	it("answers when it fails, and tells its log", async () => {
		const host = new SwapHost({ swap: "restart" });
		const swap = host.door({ fault: (call) => (call === "makeDirectory" ? "EROFS" : null) });
		expect(await swap.handle(INSPECT)).toMatchObject({ act: "refused", why: "failed", domains: [] });
		expect(host.said).toEqual([
			{
				level: "error",
				message: "the door could not answer",
				fields: { error: expect.stringContaining("EROFS") as string },
			},
		]);
	});

	it.each<DoorRequest>([
		{ act: "stage", id: ID, changes: [] },
		{ act: "commit", id: ID, tableHashes: {}, evidence: [] },
		{ act: "drop", keys: [], staged: [] },
	])("does nothing new while an interrupted switch waits for its services: $act", async (request) => {
		const host = new SwapHost({ swap: "restart" });
		const context = host.context();
		await makeDirectories(context);
		await writeJournal(context, {
			schema: 1,
			id: "0b",
			startedAt: "2026-11-01T03:00:00.000Z",
			mail: [],
			mailStart: [],
			stopsMail: false,
			signers: [],
			owed: [],
		});
		host.services.phase = "starting";
		expect(await host.door().handle(request)).toMatchObject({
			act: "refused",
			why: "not_now",
			message: "switch 0b waits for its services",
		});
		expect(await host.door().handle(INSPECT)).toMatchObject({ act: "inspect" });
	});

	it("needs every signer that a switch under way names", () => {
		const context = new SwapHost({ swap: "restart" }).context();
		expect(signerNamed(context, "main").signer.name).toBe("main");
		expect(() => signerNamed(context, "gone")).toThrow(
			expect.objectContaining({
				code: "config.invalid",
				message: "signer gone: not in keyturn.yaml any more",
				hint: "put it back until its last switch has been settled",
			}) as Error,
		);
	});

	it("gives up no wait between stop and start", () => {
		expect(noSignal().aborted).toBe(false);
	});
});
