import { describe, expect, it } from "vitest";
import type { Disk } from "../../src/ports/disk.ts";
import type { CommitAnswer, DoorAnswer, StageAnswer } from "../../src/ports/door.ts";
import { KeyturnError } from "../../src/errors.ts";
import { createSwap } from "../../src/swap/swap.ts";
import type { DiskCall } from "../fakes/sim-disk.ts";
import { createSimProcess } from "../fakes/sim-process.ts";
import { SIGNER_OWNER, SwapHost } from "../fakes/swap-host.ts";

const ID = "0123456789abcdef0123456789abcdef";
const ID2 = "fedcba9876543210fedcba9876543210";

function staged(answer: DoorAnswer): StageAnswer {
	if (answer.act === "stage") return answer;
	throw new Error(JSON.stringify(answer));
}

function result(answer: DoorAnswer): CommitAnswer["result"] {
	if (answer.act === "commit") return answer.result;
	throw new Error(JSON.stringify(answer));
}

describe("a switch by restart", () => {
	it("stops the mail server, then the signer, and starts them in the other order", async () => {
		const host = new SwapHost({ swap: "restart" });
		const ended = result(await host.switchKeys(host.door(), ID, [host.change("a.example", "old", "new")]));
		expect(ended).toMatchObject({ outcome: "done", oldProcessGone: true, reason: null });
		expect(ended.keys).toEqual([
			{ signer: "main", domain: "a.example", from: "old", selector: "new", outcome: "done", reason: null },
		]);
		expect(ended.pauseMs).not.toBeNull();
		const acts = host.services.calls.filter((call) => /^(stop|start|arm|disarm)/.test(call));
		expect(acts).toEqual([
			"armDeadMan",
			"stop postfix",
			"stop main",
			"start main",
			"start postfix",
			"disarmDeadMan",
		]);
		expect(host.selectors()).toEqual({ "a.example": "new", "b.example": "old" });
		expect(host.mailFault("a.example")).toBeNull();
		expect(host.leftovers()).toEqual([]);
		expect([...host.violations]).toEqual([]);
	});

	it("places the key 0600, the signer's, in a directory of the signer alone", async () => {
		const host = new SwapHost({ swap: "restart" });
		await host.switchKeys(host.door(), ID, [host.change("new.main.example", null, "new")]);
		const found = new Map(host.disk.all().map(({ path, stat }) => [path, stat]));
		const path = host.keyPath("new.main.example", "new");
		expect(found.get(path)).toMatchObject({ mode: 0o600, ...SIGNER_OWNER });
		expect(found.get(path.replace(/\/[^/]*$/, ""))).toMatchObject({ mode: 0o700, ...SIGNER_OWNER });
		expect(host.selectors()["new.main.example"]).toBe("new");
	});

	it("keeps every other byte of the tables", async () => {
		const host = new SwapHost({ swap: "restart" });
		const before = host.disk.text("/etc/main/key.table") ?? "";
		await host.switchKeys(host.door(), ID, [host.change("a.example", "old", "new")]);
		expect(host.disk.text("/etc/main/key.table")).toBe(
			before.replace("a.example:old:", "a.example:new:").replace("a.example/old.", "a.example/new."),
		);
	});

	it("replaces a table below `chmod -R g+s`, though its unit lets the door set no such bit", async () => {
		const host = new SwapHost({ swap: "restart" });
		const table = "/etc/main/key.table";
		host.disk.put(table, host.disk.text(table) ?? "", 0o2640, { uid: 0, gid: 110 });
		const wrapDisk = (given: Disk): Disk => ({
			...given,
			create: async (path, mode) => {
				const file = await given.create(path, mode);
				if (file === "exists") return file;
				return {
					...file,
					chmod: async (to) => {
						if ((to & 0o6000) !== 0)
							throw new KeyturnError("disk.failed", `${path}: EPERM`, { errno: "EPERM" });
						await file.chmod(to);
					},
				};
			},
		});
		const changes = [host.change("a.example", "old", "new")];
		const ended = result(await host.switchKeys(host.door({ wrapDisk }), ID, changes));
		expect(ended).toMatchObject({ outcome: "done", reason: null });
		const stat = host.disk.all().find(({ path }) => path === table)?.stat;
		expect(stat).toMatchObject({ mode: 0o640, uid: 0, gid: 110 });
	});

	it("does not start what the administrator has stopped", async () => {
		const host = new SwapHost({ swap: "restart" });
		host.services.stop("postfix");
		const ended = result(await host.switchKeys(host.door(), ID, [host.change("a.example", "old", "new")]));
		expect(ended.outcome).toBe("done");
		expect(host.services.runs("postfix")).toBe(false);
		expect(host.services.runs("main")).toBe(true);
	});

	it("stops nothing where the signer does not run, and says that nothing was proven", async () => {
		const host = new SwapHost({ swap: "restart" });
		host.services.stop("main");
		host.services.stop("postfix");
		host.services.calls.length = 0;
		const ended = result(await host.switchKeys(host.door(), ID, [host.change("a.example", "old", "new")]));
		expect(ended).toMatchObject({ outcome: "done", pauseMs: null });
		expect(ended.keys[0]?.reason).toMatch(/did not run/);
		expect(host.services.calls.filter((call) => /^(stop|start)/.test(call))).toEqual([]);
	});

	it("shares one stop between several signers", async () => {
		const host = new SwapHost({ swap: "restart", signers: ["main", "other"] });
		const changes = [host.change("a.example", "old", "new"), host.change("c.example", "old", "new", "other")];
		expect(result(await host.switchKeys(host.door(), ID, changes)).keys.map((key) => key.outcome)).toEqual([
			"done",
			"done",
		]);
		expect(host.services.calls.filter((call) => call.startsWith("stop"))).toEqual([
			"stop postfix",
			"stop main",
			"stop other",
		]);
		expect(host.selectors("other")).toEqual({ "c.example": "new" });
	});

	it("takes back only the lines of a key that does not sign", async () => {
		const host = new SwapHost({ swap: "restart" });
		host.program().spoils.add("bad");
		const changes = [host.change("a.example", "old", "new"), host.change("b.example", "old", "bad")];
		const ended = result(await host.switchKeys(host.door(), ID, changes));
		expect(ended.outcome).toBe("done");
		expect(ended.keys.map(({ domain, outcome, reason }) => ({ domain, outcome, reason }))).toEqual([
			{ domain: "a.example", outcome: "done", reason: null },
			{ domain: "b.example", outcome: "rolled_back", reason: "bad signature" },
		]);
		expect(host.selectors()).toEqual({ "a.example": "new", "b.example": "old" });
		expect(host.mailFault("b.example")).toBeNull();
		expect(host.leftovers()).toEqual([]);
		expect([...host.violations]).toEqual([]);
	});

	it("takes back one of two added domains, and its lines in both tables", async () => {
		const host = new SwapHost({ swap: "restart" });
		host.program().spoils.add("bad");
		const before = host.disk.text("/etc/main/signing.table");
		const changes = [host.change("a.example", "old", "new"), host.change("new.main.example", null, "bad")];
		expect(result(await host.switchKeys(host.door(), ID, changes)).outcome).toBe("done");
		expect(host.disk.text("/etc/main/signing.table")).toBe(before);
		expect(host.selectors()).toEqual({ "a.example": "new", "b.example": "old" });
	});

	it("puts all back where the signer could not work with the rest alone", async () => {
		const host = new SwapHost({ swap: "restart" });
		host.program().spoils.add("bad");
		const context = host.context();
		const signers = new Map(
			[...context.signers].map(([name, one]) => {
				const render: typeof one.signer.render = (reading, changes) => {
					if (changes.length < 2) throw new KeyturnError("signer.config", "both, or none");
					return one.signer.render(reading, changes);
				};
				return [name, { ...one, signer: { ...one.signer, render } }] as const;
			}),
		);
		const changes = [host.change("a.example", "old", "new"), host.change("b.example", "old", "bad")];
		const ended = result(await host.switchKeys(createSwap({ ...context, signers }), ID, changes));
		expect(ended.keys.map(({ outcome }) => outcome)).toEqual(["rolled_back", "rolled_back"]);
		expect(host.selectors()).toEqual({ "a.example": "old", "b.example": "old" });
		expect(host.mailFault("a.example")).toBeNull();
		expect(host.leftovers()).toEqual([]);
		expect([...host.violations]).toEqual([]);
	});

	it("puts the very table before back when every key fails", async () => {
		const host = new SwapHost({ swap: "restart" });
		const before = host.disk.all().find(({ path }) => path === "/etc/main/key.table");
		host.program().spoils.add("new");
		const ended = result(await host.switchKeys(host.door(), ID, [host.change("a.example", "old", "new")]));
		expect(ended).toMatchObject({ outcome: "rolled_back" });
		expect(ended.reason).toMatch(/bad signature/);
		expect(host.disk.all().find(({ path }) => path === "/etc/main/key.table")).toEqual(before);
		expect(host.mailFault("a.example")).toBeNull();
		expect(host.services.runs("postfix")).toBe(true);
	});

	it("puts all back when the signer does not come up with the new table", async () => {
		const host = new SwapHost({ swap: "restart" });
		host.program().refuses = (lines) =>
			lines.some((line) => line.selector === "new") ? "it refuses the new key" : null;
		const swap = host.door();
		const request = host.change("a.example", "old", "new");
		const answer = staged(await swap.handle({ act: "stage", id: ID, changes: [request] }));
		const ended = result(await swap.handle(host.commitRequest(ID, answer, [request])));
		expect(ended.outcome).toBe("rolled_back");
		expect(ended.reason).toMatch(/did not come up/);
		expect(host.selectors()["a.example"]).toBe("old");
		expect(host.services.runs("main") && host.services.runs("postfix")).toBe(true);
	});

	it("holds the mail server while the signer does not come up even with the old table", async () => {
		const host = new SwapHost({ swap: "restart" });
		host.services.of("main").failingStarts = 1000;
		const startedAt = host.nowMs;
		const ended = result(await host.switchKeys(host.door(), ID, [host.change("a.example", "old", "new")]));
		expect(ended).toMatchObject({ outcome: "rolled_back" });
		expect(ended.reason).toMatch(/does not come up/);
		expect(host.nowMs - startedAt).toBeGreaterThanOrEqual(300_000);
		expect(host.services.runs("postfix")).toBe(true);
		expect(host.selectors()["a.example"]).toBe("old");
	});

	it("goes on trying to start a signer that did not come up, with every later request", async () => {
		const host = new SwapHost({ swap: "restart" });
		host.services.of("main").failingStarts = 1000;
		await host.switchKeys(host.door(), ID, [host.change("a.example", "old", "new")]);
		expect(host.services.runs("main")).toBe(false);
		host.services.of("main").failingStarts = 0;
		await host.door().handle({ act: "inspect", ids: [] });
		expect(host.services.runs("main")).toBe(true);
		expect(host.leftovers()).toEqual([]);
	});

	it.each(["restart", "reload"] as const)(
		"leaves the rest to the next boot where the host goes down in it (%s)",
		async (swap) => {
			const host = new SwapHost({ swap });
			const goDown = (call: string): void => {
				if (call !== "rename" || host.selectors()["a.example"] === "old") return;
				host.services.phase = "stopping";
				for (const name of ["main", "postfix"]) host.services.of(name).failingStarts = 1000;
				host.services.of("main").failingReloads = 1000;
				host.services.powerOff();
			};
			const startedAt = host.nowMs;
			const changes = [host.change("a.example", "old", "new")];
			const answer = await host.switchKeys(host.door({ onChange: goDown }), ID, changes);
			expect(answer).toMatchObject({ act: "refused", message: expect.stringContaining("going down") });
			expect(host.nowMs - startedAt).toBeLessThan(60_000);
			for (const name of ["main", "postfix"]) host.services.of(name).failingStarts = 0;
			host.services.of("main").failingReloads = 0;
			await host.losePower(() => 0);
			const booted = await host.door().handle({ act: "inspect", ids: [ID] });
			expect(booted).toMatchObject({ act: "inspect", results: [{ id: ID, outcome: "done" }] });
			expect(host.selectors()["a.example"]).toBe("new");
			expect(host.services.runs("main") && host.services.runs("postfix")).toBe(true);
			expect([...host.violations]).toEqual([]);
		},
	);

	it("ends the hold as soon as the signer comes up", async () => {
		const host = new SwapHost({ swap: "restart" });
		host.services.of("main").failingStarts = 4;
		const startedAt = host.nowMs;
		await host.switchKeys(host.door(), ID, [host.change("a.example", "old", "new")]);
		expect(host.nowMs - startedAt).toBeLessThan(100_000);
		expect(host.services.runs("main") && host.services.runs("postfix")).toBe(true);
		host.look();
		expect([...host.violations]).toEqual([]);
	});

	it("does not hold a mail server that defers mail by itself", async () => {
		const host = new SwapHost({ swap: "restart", defersMail: true });
		host.services.of("main").failingStarts = 1000;
		const startedAt = host.nowMs;
		await host.switchKeys(host.door(), ID, [host.change("a.example", "old", "new")]);
		expect(host.nowMs - startedAt).toBeLessThan(60_000);
		expect(host.services.runs("postfix")).toBe(true);
	});

	it("touches no file when the mail server does not stop", async () => {
		const host = new SwapHost({ swap: "restart" });
		host.services.of("postfix").failingStops = 1;
		const ended = result(await host.switchKeys(host.door(), ID, [host.change("a.example", "old", "new")]));
		expect(ended).toMatchObject({ outcome: "undone" });
		expect(ended.reason).toMatch(/does not stop/);
		expect(host.selectors()["a.example"]).toBe("old");
		expect(host.services.runs("postfix") && host.services.runs("main")).toBe(true);
	});

	it("goes on owing the start of a mail server that does not start", async () => {
		const host = new SwapHost({ swap: "restart" });
		host.services.of("postfix").failingStarts = 5;
		const ended = result(await host.switchKeys(host.door(), ID, [host.change("a.example", "old", "new")]));
		expect(ended).toMatchObject({ outcome: "done" });
		expect(ended.reason).toMatch(/postfix did not start again/);
		expect(ended.owed).toEqual(["postfix"]);
		expect(host.services.runs("postfix")).toBe(false);
		const again = await host.door().handle({ act: "recover", filesOnly: false });
		expect(again).toMatchObject({ act: "recover", did: ["started postfix"] });
		expect(host.services.runs("postfix")).toBe(true);
		expect(host.leftovers()).toEqual([]);
	});
});

describe("a switch by reload", () => {
	it("stops nothing and proves the new key", async () => {
		const host = new SwapHost({ swap: "reload" });
		const ended = result(await host.switchKeys(host.door(), ID, [host.change("a.example", "old", "new")]));
		expect(ended).toMatchObject({ outcome: "done", oldProcessGone: false, pauseMs: null });
		expect(host.services.calls.filter((call) => call.startsWith("stop"))).toEqual([]);
		expect(host.program().signNow("a.example")).toMatch(/s=new/);
	});

	it("puts the old table back and stops nothing where the signer runs but cannot be reloaded", async () => {
		const host = new SwapHost({ swap: "reload" });
		host.services.of("main").failingReloads = 9;
		const ended = result(await host.switchKeys(host.door(), ID, [host.change("a.example", "old", "new")]));
		expect(ended).toMatchObject({ outcome: "rolled_back", pauseMs: null });
		expect(ended.reason).toMatch(/does not reload/);
		expect(host.selectors()["a.example"]).toBe("old");
		expect(host.services.calls.filter((call) => call.startsWith("stop"))).toEqual([]);
		expect(host.leftovers()).toEqual([]);
	});

	it("takes back a key that does not sign, and signals again", async () => {
		const host = new SwapHost({ swap: "reload" });
		host.program().spoils.add("bad");
		const changes = [host.change("a.example", "old", "new"), host.change("b.example", "old", "bad")];
		const ended = result(await host.switchKeys(host.door(), ID, changes));
		expect(ended.keys.map((key) => key.outcome)).toEqual(["done", "rolled_back"]);
		expect(host.program().signNow("b.example")).toMatch(/s=old/);
		expect(host.services.calls.filter((call) => call.startsWith("stop"))).toEqual([]);
	});

	it("does not read every key file of the host again each time it probes", async () => {
		const host = new SwapHost({ swap: "reload" });
		host.program().spoils.add("new");
		let probes = 0;
		const process = createSimProcess({
			onCall: (call) => {
				if (call === "signer.probe") probes += 1;
			},
		});
		let reads = 0;
		const fault = (call: DiskCall, path: string) => {
			if (call === "read" && path === host.keyPath("b.example", "old")) reads += 1;
			return null;
		};
		const door = host.door({ process, fault });
		result(await host.switchKeys(door, ID, [host.change("a.example", "old", "new")]));
		expect(probes).toBeGreaterThan(20);
		expect(reads).toBeGreaterThan(0);
		expect(reads).toBeLessThan(10);
	});
});

describe.each(["restart", "reload"] as const)("first keys and keys taken out by %s", (swap) => {
	/** Which tables were renamed into place, in order. */
	async function renamesOf(host: SwapHost, change: ReturnType<SwapHost["change"]>) {
		const renames: string[] = [];
		const door = host.door({
			onChange: (call, path) => {
				if (call === "rename" && path.startsWith("/etc/main/")) renames.push(path);
			},
		});
		return { ended: result(await host.switchKeys(door, ID, [change])), renames };
	}

	it("has the entry before a line names it, and keeps it as long as one does", async () => {
		const host = new SwapHost({ swap });
		const before = host.disk.text("/etc/main/key.table");
		const added = await renamesOf(host, host.change("new.main.example", null, "new"));
		expect(added.renames).toEqual(["/etc/main/key.table", "/etc/main/signing.table"]);
		expect(added.ended).toMatchObject({ outcome: "done", keys: [{ from: null, selector: "new" }] });
		expect(host.mailFault("new.main.example")).toBeNull();

		const out = host.change("new.main.example", "new", null);
		const ended = result(await host.switchKeys(host.door(), ID2, [out]));
		expect(ended).toMatchObject({
			outcome: "done",
			keys: [{ from: "new", selector: null, outcome: "done", reason: null }],
			oldProcessGone: swap === "restart",
		});
		expect(host.selectors()).toEqual({ "a.example": "old", "b.example": "old" });
		expect(host.disk.text("/etc/main/key.table")).toBe(before);
		expect(host.disk.text(host.keyPath("new.main.example", "new"))).not.toBeNull();
		expect(host.leftovers()).toEqual([]);
		expect([...host.violations]).toEqual([]);
	});

	it("takes the signing line first when a key goes", async () => {
		const host = new SwapHost({ swap });
		const { renames } = await renamesOf(host, host.change("a.example", "old", null));
		expect(renames).toEqual(["/etc/main/signing.table", "/etc/main/key.table"]);
	});

	it("puts the lines back where the signer does not take their going up", async () => {
		const host = new SwapHost({ swap });
		const before = [host.disk.text("/etc/main/key.table"), host.disk.text("/etc/main/signing.table")];
		if (swap === "reload") host.program().isDeaf = true;
		else
			host.program().refuses = (lines) =>
				lines.some((line) => line.domain === "a.example") ? null : "it refuses";
		const ended = result(await host.switchKeys(host.door(), ID, [host.change("a.example", "old", null)]));
		expect(ended).toMatchObject({ outcome: "rolled_back", keys: [{ outcome: "rolled_back" }] });
		if (swap === "reload") expect(ended.keys[0]?.reason).toContain("still signed");
		expect([host.disk.text("/etc/main/key.table"), host.disk.text("/etc/main/signing.table")]).toEqual(
			before,
		);
		expect(host.mailFault("a.example")).toBeNull();
		expect([...host.violations]).toEqual([]);
	});
});

describe("ids", () => {
	it("give the same result whenever they come again, and act once", async () => {
		const host = new SwapHost({ swap: "restart" });
		const changes = [host.change("a.example", "old", "new")];
		const first = await host.switchKeys(host.door(), ID, changes);
		const stops = host.services.calls.filter((call) => call.startsWith("stop")).length;
		expect(await host.door().handle({ act: "stage", id: ID, changes })).toEqual(first);
		expect(await host.door().handle({ act: "commit", id: ID, tableHashes: {}, evidence: [] })).toEqual(first);
		expect(host.services.calls.filter((call) => call.startsWith("stop")).length).toBe(stops);
		const seen = await host.door().handle({ act: "inspect", ids: [ID, ID2] });
		expect(seen).toMatchObject({ act: "inspect", results: [result(first)], staged: [] });
	});

	it("cannot be committed when nothing is staged under them", async () => {
		const host = new SwapHost({ swap: "restart" });
		expect(await host.door().handle({ act: "commit", id: ID, tableHashes: {}, evidence: [] })).toMatchObject({
			act: "refused",
			why: "unknown_id",
		});
	});

	it("cannot stand for two switches", async () => {
		const host = new SwapHost({ swap: "restart" });
		await host.door().handle({ act: "stage", id: ID, changes: [host.change("a.example", "old", "new")] });
		expect(
			await host.door().handle({ act: "stage", id: ID, changes: [host.change("b.example", "old", "new")] }),
		).toMatchObject({ act: "refused", why: "invalid" });
	});
});

describe("stage", () => {
	it("answers messages signed with the staged keys, and touches nothing live", async () => {
		const host = new SwapHost({ swap: "restart" });
		const before = host.disk.text("/etc/main/key.table");
		const answer = staged(
			await host.door().handle({ act: "stage", id: ID, changes: [host.change("a.example", "old", "new")] }),
		);
		expect(answer.messages).toHaveLength(1);
		expect(answer.messages[0]?.message).toMatch(/d=a\.example; s=new;/);
		expect(host.disk.text("/etc/main/key.table")).toBe(before);
		expect(host.leftovers()).toEqual([]);
		expect(host.services.calls.filter((call) => /^(stop|start|reload)/.test(call))).toEqual([]);
	});

	it("can be repeated", async () => {
		const host = new SwapHost({ swap: "restart" });
		const changes = [host.change("a.example", "old", "new")];
		const first = staged(await host.door().handle({ act: "stage", id: ID, changes }));
		expect(await host.door().handle({ act: "stage", id: ID, changes })).toEqual(first);
	});

	it("takes over the key of an attempt that was undone, under a new id", async () => {
		const host = new SwapHost({ swap: "restart" });
		const changes = [host.change("a.example", "old", "new")];
		host.services.of("postfix").failingStops = 1;
		expect(result(await host.switchKeys(host.door(), ID, changes)).outcome).toBe("undone");
		expect(result(await host.switchKeys(host.door(), ID2, changes)).outcome).toBe("done");
	});

	it("goes back to a key that it replaced, without being given it", async () => {
		const host = new SwapHost({ swap: "restart" });
		await host.switchKeys(host.door(), ID, [host.change("a.example", "old", "new")]);
		const back = host.change("a.example", "new", "old");
		const changes = [{ ...back, to: back.to === null ? null : { ...back.to, key: null } }];
		expect(result(await host.switchKeys(host.door(), ID2, changes)).outcome).toBe("done");
		expect(host.selectors()["a.example"]).toBe("old");
	});

	it("never writes where a file stands that it did not make", async () => {
		const host = new SwapHost({ swap: "restart" });
		const path = host.keyPath("a.example", "new");
		host.disk.put(path, "theirs", 0o600);
		const change = host.change("a.example", "old", "new");
		expect(await host.door().handle({ act: "stage", id: ID, changes: [change] })).toMatchObject({
			act: "refused",
			why: "unsafe",
			domains: ["a.example"],
		});
		expect(host.disk.text(path)).toBe("theirs");
	});

	it("leaves a foreign file alone that appears at the last moment, also when the id is given up", async () => {
		const host = new SwapHost({ swap: "restart" });
		const path = host.keyPath("a.example", "new");
		const swap = host.door({
			onChange: (call, changed) => {
				if (call === "rename" && changed.endsWith("ledger.json")) host.disk.put(path, "theirs", 0o600);
			},
		});
		const change = host.change("a.example", "old", "new");
		expect(await swap.handle({ act: "stage", id: ID, changes: [change] })).toMatchObject({
			act: "refused",
			why: "unsafe",
		});
		await host.door().handle({ act: "drop", keys: [], staged: [ID] });
		expect(host.disk.text(path)).toBe("theirs");
	});

	it.each([
		["a domain of nobody", (host: SwapHost) => host.change("evil.example", null, "new")],
		["another signer's domain", (host: SwapHost) => host.change("a.example", "old", "new", "other")],
		["a path as selector", (host: SwapHost) => host.change("a.example", "old", "../../x")],
		["a path as domain", (host: SwapHost) => host.change("../a.example", "old", "new")],
		["nothing", (host: SwapHost) => host.change("a.example", null, null)],
	])("refuses %s", async (_what, change) => {
		const host = new SwapHost({ swap: "restart" });
		const before = host.disk.all().filter(({ path }) => !path.startsWith("/var/lib/keyturn-door"));
		expect(await host.door().handle({ act: "stage", id: ID, changes: [change(host)] })).toMatchObject({
			act: "refused",
			why: "invalid",
		});
		expect(host.disk.all().filter(({ path }) => !path.startsWith("/var/lib/keyturn-door"))).toEqual(before);
	});

	it("refuses a key that does not match its record, without telling the key", async () => {
		const host = new SwapHost({ swap: "restart" });
		const change = host.change("a.example", "old", "new");
		const other = host.change("b.example", "old", "new");
		const mixed = { ...change, to: change.to && other.to && { ...change.to, record: other.to.record } };
		const answer = await host.door().handle({ act: "stage", id: ID, changes: [mixed] });
		expect(answer).toMatchObject({ act: "refused", why: "invalid", domains: ["a.example"] });
		expect(JSON.stringify(answer)).not.toMatch(/PRIVATE|MC4C/);
	});

	it("refuses a table that is a mount of its own, and leaves nothing", async () => {
		const host = new SwapHost({ swap: "restart" });
		host.disk.putMount("/etc/main/key.table");
		const change = host.change("a.example", "old", "new");
		const answer = await host.door().handle({ act: "stage", id: ID, changes: [change] });
		expect(answer).toMatchObject({ act: "refused", why: "invalid" });
		expect(host.disk.text(host.keyPath("a.example", "new"))).toBeNull();
		expect(host.leftovers()).toEqual([]);
	});

	it("leaves nothing when the disk is full", async () => {
		const host = new SwapHost({ swap: "restart" });
		const swap = host.door({
			fault: (call, path) => (call === "file.write" && path.endsWith(".private") ? "ENOSPC" : null),
		});
		const change = host.change("a.example", "old", "new");
		expect(await swap.handle({ act: "stage", id: ID, changes: [change] })).toMatchObject({
			act: "refused",
			why: "failed",
		});
		expect(host.disk.text(host.keyPath("a.example", "new"))).toBeNull();
		expect(result(await host.switchKeys(host.door(), ID, [change])).outcome).toBe("done");
	});
});

describe("commit refuses", () => {
	async function stageOne(host: SwapHost) {
		const changes = [host.change("a.example", "old", "new")];
		return { changes, answer: staged(await host.door().handle({ act: "stage", id: ID, changes })) };
	}

	function expectUntouched(host: SwapHost): void {
		expect(host.selectors()["a.example"]).toBe("old");
		expect(host.services.calls.filter((call) => /^(stop|start|reload|arm)/.test(call))).toEqual([]);
		expect(host.leftovers()).toEqual([]);
	}

	it("a table that was changed since", async () => {
		const host = new SwapHost({ swap: "restart" });
		const { changes, answer } = await stageOne(host);
		host.disk.put("/etc/main/key.table", `${host.disk.text("/etc/main/key.table")}# edited\n`);
		expect(await host.door().handle(host.commitRequest(ID, answer, changes))).toMatchObject({
			act: "refused",
			why: "table_changed",
			domains: ["a.example"],
		});
		expectUntouched(host);
	});

	it.each([
		["old", 5 * 60_000 + 1],
		["of the future", -2_000],
	])("evidence that is %s", async (_what, ageMs) => {
		const host = new SwapHost({ swap: "restart" });
		const { changes, answer } = await stageOne(host);
		const request = {
			act: "commit" as const,
			id: ID,
			tableHashes: answer.tableHashes,
			evidence: host.evidence(changes, ageMs),
		};
		expect(await host.door().handle(request)).toMatchObject({
			act: "refused",
			why: "stale_evidence",
			domains: ["a.example"],
		});
		expectUntouched(host);
	});

	it.each([
		["for no key", () => []],
		["without answers", (one: object) => [{ ...one, answers: [] }]],
		[
			"for another key",
			(one: object, host: SwapHost) => [{ ...one, record: host.records.get("old a.example") }],
		],
		["for another selector", (one: object) => [{ ...one, selector: "other" }]],
	])("evidence %s", async (_what, edit) => {
		const host = new SwapHost({ swap: "restart" });
		const { changes, answer } = await stageOne(host);
		const [one] = host.evidence(changes);
		const evidence = edit(one ?? {}, host) as unknown as ReturnType<SwapHost["evidence"]>;
		expect(
			await host.door().handle({ act: "commit", id: ID, tableHashes: answer.tableHashes, evidence }),
		).toMatchObject({ act: "refused", why: "stale_evidence" });
		expectUntouched(host);
	});

	it.each(["starting", "stopping"] as const)("while the host is %s", async (phase) => {
		const host = new SwapHost({ swap: "restart" });
		const { changes, answer } = await stageOne(host);
		host.services.phase = phase;
		expect(await host.door().handle(host.commitRequest(ID, answer, changes))).toMatchObject({
			act: "refused",
			why: "not_now",
		});
		expectUntouched(host);
	});

	it("while packages are being installed, whatever else is wrong", async () => {
		const host = new SwapHost({ swap: "restart" });
		const { changes, answer } = await stageOne(host);
		host.services.packageWork = "/var/lib/dpkg/lock is held";
		host.services.of("postfix").complaint = "main.cf: bad";
		expect(await host.door().handle(host.commitRequest(ID, answer, changes))).toMatchObject({
			act: "refused",
			why: "packages",
			message:
				"packages are being installed (/var/lib/dpkg/lock is held): no service is touched until that is over",
		});
		expectUntouched(host);
	});

	it("what does not pass its preflight", async () => {
		const host = new SwapHost({ swap: "restart" });
		const { changes, answer } = await stageOne(host);
		host.services.of("postfix").complaint = "main.cf: bad";
		expect(await host.door().handle(host.commitRequest(ID, answer, changes))).toMatchObject({
			act: "refused",
			why: "preflight",
			message: "postfix: main.cf: bad",
		});
		expectUntouched(host);
	});

	it("a configuration that the running signer has never read", async () => {
		const host = new SwapHost({ swap: "restart" });
		host.nowMs += 3_600_000;
		host.disk.put("/etc/main/opendkim.conf", "Fault yes\n");
		const { changes, answer } = await stageOne(host);
		expect(await host.door().handle(host.commitRequest(ID, answer, changes))).toMatchObject({
			act: "refused",
			why: "preflight",
		});
		expectUntouched(host);
	});

	it("not the table that our own last switch left", async () => {
		const host = new SwapHost({ swap: "reload" });
		host.nowMs += 3_600_000;
		await host.switchKeys(host.door(), ID, [host.change("a.example", "old", "new")]);
		const next = await host.switchKeys(host.door(), ID2, [host.change("b.example", "old", "new")]);
		expect(result(next).outcome).toBe("done");
	});

	it("a key that is gone since", async () => {
		const host = new SwapHost({ swap: "restart" });
		const { changes, answer } = await stageOne(host);
		host.disk.remove(host.keyPath("a.example", "new"));
		expect(await host.door().handle(host.commitRequest(ID, answer, changes))).toMatchObject({
			act: "refused",
			why: "unknown_id",
		});
		expectUntouched(host);
	});
});

describe("somebody edits the table in the middle of a switch", () => {
	it("keeps the edit, starts what ran, and says conflict", async () => {
		const host = new SwapHost({ swap: "restart" });
		const edited = `${host.disk.text("/etc/main/key.table")}# edited\n`;
		const swap = host.door({
			onChange: (call, path) => {
				if (
					call === "link" &&
					path.includes("keyturn-before") &&
					host.services.of("main").state === "stopped"
				)
					host.disk.put("/etc/main/key.table", edited);
			},
		});
		const ended = result(await host.switchKeys(swap, ID, [host.change("a.example", "old", "new")]));
		expect(ended).toMatchObject({ outcome: "conflict" });
		expect(host.disk.text("/etc/main/key.table")).toBe(edited);
		expect(host.services.runs("main") && host.services.runs("postfix")).toBe(true);
		expect(host.leftovers()).toEqual([]);
	});
});

describe("drop", () => {
	it("deletes a key of ours that nothing names, and no other", async () => {
		const host = new SwapHost({ swap: "restart" });
		await host.switchKeys(host.door(), ID, [host.change("a.example", "old", "new")]);
		await host.switchKeys(host.door(), ID2, [host.change("a.example", "new", "newer")]);
		const key = (selector: string, domain = "a.example") => ({ signer: "main", domain, selector });
		const request = {
			act: "drop" as const,
			keys: [key("new"), key("newer"), key("old"), key("old", "b.example"), key("never")],
			staged: [],
		};
		const answer = await host.door().handle(request);
		if (answer.act !== "drop") throw new Error(JSON.stringify(answer));
		expect(answer.keys.map(({ gone }) => gone)).toEqual([true, false, false, false, true]);
		expect(answer.keys[1]?.reason).toMatch(/a live table names it/);
		expect(answer.keys[2]?.reason).toMatch(/did not make it/);
		expect(host.disk.text(host.keyPath("a.example", "new"))).toBeNull();
		expect(host.disk.text(host.keyPath("a.example", "old"))).not.toBeNull();
		expect(await host.door().handle(request)).toEqual(answer);
	});

	it("gives a staged switch up with its keys", async () => {
		const host = new SwapHost({ swap: "restart" });
		await host.door().handle({ act: "stage", id: ID, changes: [host.change("a.example", "old", "new")] });
		const kept = await host.door().handle({
			act: "drop",
			keys: [{ signer: "main", domain: "a.example", selector: "new" }],
			staged: [],
		});
		expect(kept).toMatchObject({ keys: [{ gone: false }] });
		expect(await host.door().handle({ act: "inspect", ids: [] })).toMatchObject({ staged: [ID] });
		await host.door().handle({ act: "drop", keys: [], staged: [ID] });
		expect(host.disk.text(host.keyPath("a.example", "new"))).toBeNull();
		expect(await host.door().handle({ act: "inspect", ids: [] })).toMatchObject({ staged: [] });
	});

	it("never takes a key that has been live, though its id is given up", async () => {
		const host = new SwapHost({ swap: "restart" });
		await host.switchKeys(host.door(), ID, [host.change("a.example", "old", "new")]);
		await host.door().handle({ act: "drop", keys: [], staged: [ID] });
		expect(host.disk.text(host.keyPath("a.example", "new"))).not.toBeNull();
		expect(host.mailFault("a.example")).toBeNull();
	});

	it("deletes nothing while a table cannot be read", async () => {
		const host = new SwapHost({ swap: "restart" });
		await host.switchKeys(host.door(), ID, [host.change("a.example", "old", "new")]);
		host.disk.put("/etc/main/key.table", "nonsense\n");
		expect(
			await host.door().handle({
				act: "drop",
				keys: [{ signer: "main", domain: "a.example", selector: "new" }],
				staged: [],
			}),
		).toMatchObject({ act: "refused", why: "failed" });
		expect(host.disk.text(host.keyPath("a.example", "new"))).not.toBeNull();
	});
});

describe("inspect", () => {
	it("tells lines, hashes, services and the last pause", async () => {
		const host = new SwapHost({ swap: "restart" });
		const answer = await host.door().handle({ act: "inspect", ids: [] });
		if (answer.act !== "inspect") throw new Error(JSON.stringify(answer));
		expect(answer.signers[0]).toMatchObject({
			signer: "main",
			running: true,
			problem: null,
			swap: "restart",
		});
		expect(
			answer.signers[0]?.lines.map(({ domain, selector, unsafe }) => [domain, selector, unsafe]),
		).toEqual([
			["a.example", "old", null],
			["b.example", "old", null],
		]);
		expect(answer.lastPauseAt).toBeNull();
		await host.switchKeys(host.door(), ID, [host.change("a.example", "old", "new")]);
		expect(await host.door().handle({ act: "inspect", ids: [] })).toMatchObject({
			lastPauseAt: expect.stringMatching(/^2026-11-01T03:01/) as string,
		});
	});

	it("tells which of its domains that nothing signs for cannot get a first key", async () => {
		const host = new SwapHost({ swap: "restart" });
		const faults = host.program().firstKeyFaults;
		for (const domain of ["a.example", "new.main.example"]) faults.set(domain, "no place");
		const answer = await host.door().handle({ act: "inspect", ids: [] });
		expect(answer).toMatchObject({
			signers: [{ firstKeyFaults: [{ domain: "new.main.example", reason: "no place" }] }],
		});
	});

	it("tells of a table that cannot be read, and of the others all the same", async () => {
		const host = new SwapHost({ swap: "restart", signers: ["main", "other"] });
		host.disk.put("/etc/main/key.table", "nonsense\n");
		const answer = await host.door().handle({ act: "inspect", ids: [] });
		if (answer.act !== "inspect") throw new Error(JSON.stringify(answer));
		expect(answer.signers.map(({ problem }) => problem === null)).toEqual([false, true]);
	});
});
