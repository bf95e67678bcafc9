import { describe, expect, it } from "vitest";
import { durableReplace, hashOf } from "../../src/durable.ts";
import type { SwitchResult } from "../../src/ports/door.ts";
import { makeDirectories } from "../../src/swap/context.ts";
import { type LedgerKey, readLedger, writeLedger } from "../../src/swap/ledger.ts";
import { writeResult } from "../../src/swap/results.ts";
import {
	giveUp,
	listStaged,
	readStaged,
	type StagedSwitch,
	tidyStaged,
	writeStaged,
} from "../../src/swap/staged-switch.ts";
import { DOOR_DIRECTORY, SwapHost } from "../fakes/swap-host.ts";

const STAGED_DIRECTORY = `${DOOR_DIRECTORY}/staged`;
const SCRATCH = `${DOOR_DIRECTORY}/key.table.scratch`;

async function setUp() {
	const context = new SwapHost({ swap: "restart" }).context();
	await makeDirectories(context);
	const write = async (path: string): Promise<void> =>
		durableReplace(context.disk, path, Buffer.from("left behind"));
	const stands = async (path: string): Promise<boolean> => (await context.disk.lstat(path)) !== null;
	return { context, write, stands };
}

function staged(id: string, isComplete: boolean): StagedSwitch {
	return { schema: 1, id, isComplete, signers: [], scratch: [SCRATCH] };
}

function resultOf(id: string): SwitchResult {
	return {
		id,
		outcome: "done",
		at: "2026-11-01T03:00:00.000Z",
		keys: [],
		oldProcessGone: true,
		reason: null,
		pauseMs: 5,
	};
}

describe("what is staged", () => {
	it("is listed by its id; what else lies there is no staged switch", async () => {
		const { context, write } = await setUp();
		await writeStaged(context, staged("0a", true));
		for (const name of ["note.txt", "UPPER.json", ".json", "0b.json.old"])
			await write(`${STAGED_DIRECTORY}/${name}`);
		expect(await listStaged(context)).toEqual(["0a"]);
	});

	it("is nothing where the door has not worked yet", async () => {
		expect(await listStaged(new SwapHost({ swap: "restart" }).context())).toEqual([]);
	});
});

describe("after a crash", () => {
	it("half-written papers go, and others' files stay", async () => {
		const { context, write, stands } = await setUp();
		const half = [`${DOOR_DIRECTORY}/.ledger.json.keyturn-new`, `${STAGED_DIRECTORY}/.0a.json.keyturn-new`];
		const other = [`${DOOR_DIRECTORY}/note`, `${STAGED_DIRECTORY}/note`];
		for (const path of [...half, ...other]) await write(path);
		await tidyStaged(context);
		expect(await Promise.all(half.map(stands))).toEqual([false, false]);
		expect(await Promise.all(other.map(stands))).toEqual([true, true]);
	});

	it.each([
		["goes for a staging that did not end", false, false],
		["stays for one that waits for its commit", true, true],
	])("what stood beside the live tables %s", async (_, isComplete, stays) => {
		const { context, write, stands } = await setUp();
		await writeStaged(context, staged("0a", isComplete));
		// OpenDKIM's configuration for it, say, with the passwords that stand in the live one.
		const all = [SCRATCH, `${SCRATCH}.conf`];
		for (const path of [...all, `${SCRATCH}2`]) await write(path);
		await tidyStaged(context);
		expect(await Promise.all(all.map(stands))).toEqual([stays, stays]);
		expect(await stands(`${SCRATCH}2`)).toBe(true);
		expect(await readStaged(context, "0a")).not.toBeNull();
	});

	it("what cannot be removed, since one signer's directory is read-only, keeps no other signer from its turn", async () => {
		const host = new SwapHost({ swap: "restart", signers: ["main", "other"] });
		const scratch = "/etc/other/.key.table.keyturn-staged";
		await makeDirectories(host.context());
		await writeStaged(host.context(), { ...staged("0a", false), scratch: [scratch] });
		host.disk.put(scratch, "left behind");
		const fault = (call: string, path: string) =>
			call === "unlink" && path.startsWith("/etc/other/") ? "EROFS" : null;
		const changes = [host.change("a.example", "old", "new")];
		expect(await host.switchKeys(host.door({ fault }), "0b", changes)).toMatchObject({
			result: { outcome: "done" },
		});
		expect(host.said).toContainEqual({
			level: "warn",
			message: "what a staging that did not end left beside the tables cannot be removed",
			fields: { id: "0a", error: expect.stringContaining("EROFS") as string },
		});
		await host.door().handle({ act: "inspect", ids: [] });
		expect(host.disk.text(scratch)).toBeNull();
	});

	it("the directory of a table may be gone", async () => {
		const { context } = await setUp();
		await writeStaged(context, {
			...staged("0a", false),
			scratch: ["/etc/purged/.key.table.keyturn-staged"],
		});
		await expect(tidyStaged(context)).resolves.toBeUndefined();
	});

	it("one that has its result is forgotten, and no other", async () => {
		const { context } = await setUp();
		for (const id of ["0a", "0b"]) await writeStaged(context, staged(id, true));
		await writeResult(context, resultOf("0a"));
		await tidyStaged(context);
		expect(await listStaged(context)).toEqual(["0b"]);
	});
});

describe("a staged id that is given up", () => {
	const key: Omit<LedgerKey, "path"> = {
		signer: "main",
		domain: "example.com",
		selector: "202612",
		origin: "made",
		id: "0a",
		hash: hashOf(Buffer.from("left behind")),
		wasLive: false,
	};
	const path = (name: string): string => `${DOOR_DIRECTORY}/${name}.private`;

	it("takes along the key files that it made, and none that was there before, is live, or is another's", async () => {
		const { context, write, stands } = await setUp();
		const entries: readonly LedgerKey[] = [
			{ ...key, path: path("made") },
			{ ...key, path: path("before"), origin: "found", hash: null },
			{ ...key, path: path("live"), wasLive: true },
			{ ...key, path: path("named") },
			{ ...key, path: path("other"), id: "0b" },
		];
		for (const entry of entries) await write(entry.path);
		await writeLedger(context, entries);
		await giveUp(context, "0a", new Set([path("named")]));
		expect(await stands(path("made"))).toBe(false);
		for (const name of ["before", "live", "named", "other"])
			expect(await stands(path(name)), name).toBe(true);
		expect((await readLedger(context)).map((entry) => entry.path)).toEqual(
			["before", "live", "named", "other"].map(path),
		);
	});
});
