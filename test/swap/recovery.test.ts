import { describe, expect, it } from "vitest";
import { KeyturnError } from "../../src/errors.ts";
import type { DoorAnswer, RecoverAnswer, StageChange } from "../../src/ports/door.ts";
import { readJournal } from "../../src/swap/journal.ts";
import { readLeft } from "../../src/swap/results.ts";
import { createSwap } from "../../src/swap/swap.ts";
import { createSimProcess, runUntilDeath } from "../fakes/sim-process.ts";
import { SwapHost, type SwapHostOptions } from "../fakes/swap-host.ts";

const ID = "0123456789abcdef0123456789abcdef";
const TABLE = "/etc/main/key.table";

const turn = (host: SwapHost): readonly StageChange[] => [
	host.change("a.example", "old", "new"),
	host.change("b.example", "old", "new"),
];

/** A host on which the door died before the first call of a switch that is this one. */
async function diedAt(
	call: string | RegExp,
	options: SwapHostOptions = { swap: "restart" },
	{ changes = turn, prepare = () => {} }: { changes?: typeof turn; prepare?: (host: SwapHost) => void } = {},
): Promise<SwapHost> {
	const host = new SwapHost(options);
	prepare(host);
	const process = createSimProcess({
		onCall: (made) => ((typeof call === "string" ? made === call : call.test(made)) ? "die" : undefined),
	});
	const outcome = await runUntilDeath(process, host.switchKeys(host.door({ process }), ID, changes(host)));
	if (outcome.kind !== "died") throw new Error(`never called ${String(call)}`);
	host.services.calls.length = 0;
	host.said.length = 0;
	return host;
}

function recovered(answer: DoorAnswer): RecoverAnswer {
	if (answer.act === "recover") return answer;
	throw new Error(JSON.stringify(answer));
}

async function recover(host: SwapHost, filesOnly = false): Promise<RecoverAnswer> {
	return recovered(await host.door().handle({ act: "recover", filesOnly }));
}

/** The starts, stops and reloads since the crash. */
function acts(host: SwapHost): readonly string[] {
	return host.services.calls.filter((call) => /^(stop|start|reload|arm|disarm)/.test(call));
}

function expectWell(host: SwapHost): void {
	for (const name of ["main", "postfix"]) expect(host.services.runs(name), name).toBe(true);
	expect(host.leftovers()).toEqual([]);
	host.look();
	expect([...host.violations]).toEqual([]);
}

describe("a switch that was interrupted", () => {
	it("before its rename is undone: what ran is started, the table stays", async () => {
		const host = await diedAt("services.stop main");
		host.nowMs += 10_000;
		const { results, did } = await recover(host);
		expect(results).toMatchObject([
			{ id: ID, outcome: "undone", oldProcessGone: true, reason: "main: the switch was interrupted" },
		]);
		expect(results[0]?.keys.map(({ outcome, reason }) => [outcome, reason])).toEqual([
			["rolled_back", "the switch was interrupted"],
			["rolled_back", "the switch was interrupted"],
		]);
		expect(did).toEqual(["main: the table stands before", "started postfix", `switch ${ID}: undone`]);
		expect(acts(host)).toEqual(["armDeadMan", "start main", "start postfix", "disarmDeadMan"]);
		expect(host.selectors()).toEqual({ "a.example": "old", "b.example": "old" });
		expectWell(host);
	});

	it("after its rename is done: started, proven, and its pause counted from its beginning", async () => {
		const host = await diedAt("services.start main");
		host.nowMs += 10_000;
		const { results, did } = await recover(host);
		expect(results).toMatchObject([{ id: ID, outcome: "done", reason: null, pauseMs: 10_000 }]);
		expect(did).toEqual(["main: the table stands after", "started postfix", `switch ${ID}: done`]);
		expect(host.selectors()).toEqual({ "a.example": "new", "b.example": "new" });
		expect((await readLeft(host.context())).pausedAt).toBe("2026-11-01T03:01:00.000Z");
		expectWell(host);
		expect(host.said[0]).toEqual({
			level: "warn",
			message: "settling an interrupted switch",
			fields: { id: ID, did: expect.any(Array) as unknown },
		});
	});

	it("counts no pause backwards, though the clock went back", async () => {
		const host = await diedAt("services.start main");
		host.nowMs -= 3_600_000;
		expect((await recover(host)).results).toMatchObject([{ pauseMs: 0 }]);
	});

	it("between two renames goes back", async () => {
		const add = (host: SwapHost) => [host.change("new.main.example", null, "new")];
		const host = await diedAt("disk.rename /etc/main/signing.table", undefined, { changes: add });
		const { results } = await recover(host);
		expect(results).toMatchObject([{ outcome: "undone" }]);
		expect(host.selectors()).toEqual({ "a.example": "old", "b.example": "old" });
		expectWell(host);
	});

	it("between two renames stops first what was started with that by hand", async () => {
		const both = (host: SwapHost) => [
			host.change("a.example", "old", "new"),
			host.change("new.main.example", null, "new"),
		];
		const host = await diedAt("disk.rename /etc/main/signing.table", undefined, { changes: both });
		host.startAll();
		expect(host.program().signNow("a.example")).toMatch(/s=new/);
		await recover(host);
		expect(acts(host)).toEqual([
			"armDeadMan",
			"stop postfix",
			"stop main",
			"start main",
			"start postfix",
			"disarmDeadMan",
		]);
		expect(host.program().signNow("a.example")).toMatch(/s=old/);
		expectWell(host);
	});

	it("and whose table was changed by others since is a conflict: nothing is touched, what ran is started", async () => {
		const host = await diedAt("services.start main");
		const edited = `${host.disk.text(TABLE)}# by hand\n`;
		host.disk.put(TABLE, edited);
		const { results, did } = await recover(host);
		expect(results).toMatchObject([
			{
				outcome: "conflict",
				reason: "main: the switch was interrupted, and the table was changed by others",
			},
		]);
		expect(did[0]).toBe("main: the table stands changed by others");
		expect(host.disk.text(TABLE)).toBe(edited);
		expect((await readLeft(host.context())).files).toEqual({});
		expectWell(host);
	});

	it("with a key that does not sign goes back whole, since the reading before is lost", async () => {
		const host = await diedAt("services.start main", undefined, {
			prepare: (prepared) => prepared.program().spoils.add("b.example new"),
		});
		const { results } = await recover(host);
		expect(results).toMatchObject([
			{ outcome: "rolled_back", reason: "main: new of b.example: bad signature" },
		]);
		expect(host.selectors()).toEqual({ "a.example": "old", "b.example": "old" });
		expectWell(host);
	});

	it("with a table that the signer does not come up with goes back", async () => {
		const host = await diedAt("services.start main", undefined, {
			prepare: (prepared) => {
				prepared.program().refuses = (lines) => (lines.some((line) => line.selector === "new") ? "no" : null);
			},
		});
		const { results } = await recover(host);
		expect(results).toMatchObject([
			{
				outcome: "rolled_back",
				reason: "main: main did not come up with the new table: signer: no",
			},
		]);
		expect(host.selectors()).toEqual({ "a.example": "old", "b.example": "old" });
		expectWell(host);
	});

	it("while the mail server was held for a signer that did not reload starts it only once that signer is up", async () => {
		const host = await diedAt(
			"services.stop postfix",
			{ swap: "reload" },
			{
				prepare: ({ services }) => {
					const main = services.of("main");
					const onReload = () => {
						main.state = "failed";
						main.failingStarts = 1;
						Object.assign(main, { onReload: undefined });
					};
					Object.assign(main, { onReload });
				},
			},
		);
		host.services.stop("postfix");
		host.services.calls.length = 0;
		await recover(host);
		expect(acts(host)).toEqual(["armDeadMan", "start main", "reload main", "start postfix", "disarmDeadMan"]);
		expectWell(host);
	});

	it("by a reload is signalled again, proven, and stops nothing", async () => {
		const host = await diedAt("services.reload main", { swap: "reload" });
		const { results } = await recover(host);
		expect(results).toMatchObject([{ outcome: "done", oldProcessGone: false, pauseMs: null }]);
		expect(acts(host)).toEqual(["armDeadMan", "start main", "reload main", "disarmDeadMan"]);
		expect(host.program().signNow("a.example")).toMatch(/s=new/);
		expectWell(host);
	});

	it("and whose tables' directory has gone with the package is a conflict", async () => {
		const host = await diedAt("services.start main");
		host.disk.remove("/etc/main");
		expect((await recover(host)).results).toMatchObject([{ outcome: "conflict" }]);
		expect(host.services.runs("postfix")).toBe(true);
	});

	it("is settled without the dead man's switch where that cannot be armed", async () => {
		const host = await diedAt("services.start main");
		const context = host.context();
		const armDeadMan = async () => {
			throw new KeyturnError("service.failed", "no timer");
		};
		const swap = createSwap({ ...context, services: { ...context.services, armDeadMan } });
		expect(recovered(await swap.handle({ act: "recover", filesOnly: false })).results).toMatchObject([
			{ outcome: "done" },
		]);
		expect(host.said).toContainEqual({
			level: "error",
			message: "the dead man's switch could not be armed",
			fields: { error: "no timer" },
		});
		expectWell(host);
	});

	it.each([
		["starts", 0, "running"],
		["does not start: the mail server is held first", 99, "failed"],
	] as const)(
		"of a signer that keyturn.yaml has no more says so, and leaves no mail server down: it %s",
		async (_how, failingStarts, state) => {
			const host = await diedAt("services.start main");
			host.services.of("main").failingStarts = failingStarts;
			const swap = createSwap({ ...host.context(), signers: new Map() });
			const began = host.nowMs;
			expect(await swap.handle({ act: "recover", filesOnly: false })).toMatchObject({
				act: "refused",
				message: "signer main: not in keyturn.yaml any more",
				hint: "put it back until its last switch has been settled",
			});
			expect(host.services.of("main").state).toBe(state);
			expect(host.services.runs("postfix")).toBe(true);
			expect(host.nowMs - began).toBe(failingStarts === 0 ? 0 : 300_000);
			host.services.of("main").failingStarts = 0;
			expect((await recover(host)).results).toMatchObject([{ outcome: "done" }]);
		},
	);

	it("that never began leaves nothing to do", async () => {
		const host = new SwapHost({ swap: "restart" });
		expect(await recover(host)).toEqual({ act: "recover", results: [], did: [] });
	});
});

describe("while the host starts or stops", () => {
	it.each([
		["asked for files only", true, "running"],
		["at boot", false, "starting"],
		["at shutdown", false, "stopping"],
	] as const)(
		"%s, files are repaired and no service is touched; the rest waits",
		async (_when, filesOnly, phase) => {
			const add = (host: SwapHost) => [host.change("new.main.example", null, "new")];
			const host = await diedAt("disk.rename /etc/main/signing.table", undefined, { changes: add });
			host.services.phase = phase;
			const answer = await recover(host, filesOnly);
			expect(answer).toMatchObject({
				act: "recover",
				results: [],
				did: ["main: the table stands before"],
				pending: { reason: `switch ${ID} waits for its services`, services: [] },
			});
			expect(acts(host)).toEqual([]);
			expect(host.selectors()).toEqual({ "a.example": "old", "b.example": "old" });
			expect(await readJournal(host.context())).toMatchObject({ id: ID });
			host.services.phase = "running";
			expect((await recover(host)).results).toMatchObject([{ id: ID, outcome: "undone" }]);
			expectWell(host);
		},
	);

	it("files left half written beside the tables go", async () => {
		const host = await diedAt(/^disk\.file\.sync \/etc\/main\/\.key\.table\.keyturn-new/);
		expect(host.leftovers()).toContain("/etc/main/.key.table.keyturn-new");
		await recover(host, true);
		expect(host.disk.powerLoss(() => 0).text("/etc/main/.key.table.keyturn-new")).toBeNull();
	});
});

describe("a switch that has its result", () => {
	/** Done, but postfix did not start again. */
	async function owing(commands: Record<string, object> = {}): Promise<SwapHost> {
		const host = new SwapHost({ swap: "restart", commands });
		host.services.of("postfix").failingStarts = 3;
		await host.switchKeys(host.door(), ID, turn(host));
		host.services.calls.length = 0;
		return host;
	}

	it("owes only the starts that are missing, and is over when they are made", async () => {
		const host = await owing();
		expect(await recover(host)).toEqual({ act: "recover", results: [], did: ["started postfix"] });
		expect(acts(host)).toEqual(["start postfix", "disarmDeadMan"]);
		expect(await readJournal(host.context())).toBeNull();
		expectWell(host);
	});

	it("leaves the dead man's switch armed while it owes one, and disarms it then", async () => {
		const host = await owing();
		expect(host.services.isArmed).toBe(true);
		host.services.of("postfix").failingStarts = 3;
		expect(await recover(host)).toMatchObject({ pending: { services: ["postfix"] } });
		expect(host.services.isArmed).toBe(true);
		await recover(host);
		expect(host.services.isArmed).toBe(false);
	});

	it("names no unit where keyturn.yaml has commands for what it owes", async () => {
		const host = await owing({ postfix: {} });
		host.services.of("postfix").failingStarts = 99;
		expect(await recover(host)).toMatchObject({
			pending: {
				hint: "see the log of postfix; every request to the door tries again, such as: keyturn recover",
			},
		});
	});

	it("goes on owing them, and lets nothing new begin, saying why", async () => {
		const host = await owing();
		host.services.of("postfix").failingStarts = 99;
		const pending = {
			reason: "postfix did not start again after the last switch",
			hint: expect.stringContaining("journalctl -u postfix.service") as unknown,
			services: ["postfix"],
		};
		expect(await recover(host)).toEqual({ act: "recover", results: [], did: [], pending });
		expect(await host.door().handle({ act: "inspect", ids: [] })).toMatchObject({ act: "inspect", pending });
		expect(await host.door().handle({ act: "drop", keys: [], staged: [] })).toMatchObject({
			act: "refused",
			why: "not_now",
			message: pending.reason,
			hint: pending.hint,
		});
		expect(await readJournal(host.context())).toMatchObject({ owed: [{ service: "postfix" }] });
	});

	it.each([
		[true, "running"],
		[false, "starting"],
	] as const)("starts nothing for files only, or while the host starts: %s, %s", async (filesOnly, phase) => {
		const host = await owing();
		host.services.phase = phase;
		expect(await recover(host, filesOnly)).toMatchObject({
			did: [],
			pending: { reason: "postfix did not start again after the last switch", services: [] },
		});
		expect(acts(host)).toEqual([]);
		expect(await readJournal(host.context())).not.toBeNull();
	});

	it("does not go on with what the administrator has masked, and says so", async () => {
		const host = await owing();
		host.services.of("postfix").state = "masked";
		const did = ["postfix is masked: it is left as it is"];
		expect(await recover(host)).toEqual({ act: "recover", results: [], did });
		expect(await readJournal(host.context())).toBeNull();
		expect(host.services.isArmed).toBe(false);
	});

	it("is over when its package was purged and its unit masked", async () => {
		const host = await owing();
		host.services.of("postfix").state = "masked";
		host.disk.remove("/etc/main");
		expect(await recover(host)).toMatchObject({ did: ["postfix is masked: it is left as it is"] });
	});

	it("goes on with one that cannot be looked at", async () => {
		const host = await owing();
		host.services.of("postfix").state = "masked";
		const context = host.context();
		const look = async () => Promise.reject(new KeyturnError("service.failed", "no bus"));
		const swap = createSwap({ ...context, services: { ...context.services, look } });
		expect(recovered(await swap.handle({ act: "recover", filesOnly: false })).pending?.services).toEqual([
			"postfix",
		]);
	});

	it("owes less when a part of them is made", async () => {
		const host = new SwapHost({ swap: "restart", defersMail: true });
		host.services.of("main").failingStarts = 99;
		host.services.of("postfix").failingStarts = 3;
		await host.switchKeys(host.door(), ID, turn(host));
		expect((await readJournal(host.context()))?.owed.map(({ service }) => service)).toEqual([
			"main",
			"postfix",
		]);
		expect(await recover(host)).toMatchObject({ did: ["started postfix"], pending: { services: ["main"] } });
		expect((await readJournal(host.context()))?.owed.map(({ service }) => service)).toEqual(["main"]);
		host.services.of("main").failingStarts = 0;
		expect(await recover(host)).toMatchObject({ did: ["started main"] });
		expect(host.services.runs("main") && host.services.runs("postfix")).toBe(true);
		expect(host.leftovers()).toEqual([]);
	});

	it("is not settled a second time though its journal was not gone yet", async () => {
		const host = await diedAt(/^disk\.unlink .*\/journal\.json$/);
		const before = await host.door().handle({ act: "inspect", ids: [ID] });
		expect(before).toMatchObject({ act: "inspect", results: [{ id: ID, outcome: "done" }], staged: [] });
		expect(await readJournal(host.context())).toBeNull();
		expect(acts(host)).toEqual(["disarmDeadMan"]);
		expectWell(host);
	});
});

describe("a crash between the decision to take lines back and doing it", () => {
	/** The first rename of the table was the switch itself, the second was to take back the key that does not sign. */
	async function decided(): Promise<SwapHost> {
		const host = new SwapHost({ swap: "restart" });
		host.program().spoils.add("b.example new");
		let renames = 0;
		const process = createSimProcess({
			onCall: (call) => {
				if (call === `disk.rename ${TABLE}`) renames += 1;
				return renames === 2 ? "die" : undefined;
			},
		});
		await runUntilDeath(process, host.switchKeys(host.door({ process }), ID, turn(host)));
		expect(await readJournal(host.context())).toMatchObject({
			signers: [
				{ partial: { leftOut: [{ domain: "b.example", selector: "new", reason: "bad signature" }] } },
			],
		});
		expect(host.selectors()["b.example"]).toBe("new");
		return host;
	}

	it("ends with all of them back", async () => {
		const host = await decided();
		const { results } = await recover(host);
		expect(results).toMatchObject([
			{ outcome: "rolled_back", reason: "main: new of b.example: bad signature" },
		]);
		expect(host.selectors()).toEqual({ "a.example": "old", "b.example": "old" });
		expectWell(host);
	});

	it("ends so at boot too, before anything starts the signer", async () => {
		const host = await decided();
		await recover(host, true);
		expect(host.selectors()).toEqual({ "a.example": "old", "b.example": "old" });
		const { results } = await recover(host);
		expect(results).toMatchObject([
			{ outcome: "rolled_back", reason: "main: new of b.example: bad signature" },
		]);
		expectWell(host);
	});

	it("leaves the table while its signer runs with it and may not be stopped", async () => {
		const host = await decided();
		host.startAll();
		expect((await recover(host, true)).did).toEqual(["main: the table stands after"]);
		expect(host.selectors()["b.example"]).toBe("new");
		const { results } = await recover(host);
		expect(results).toMatchObject([
			{ outcome: "rolled_back", reason: "main: new of b.example: bad signature" },
		]);
		expect(host.program().signNow("b.example")).toMatch(/s=old/);
		expectWell(host);
	});
});

describe("a journal that cannot be read", () => {
	it.each(["services.stop main", "services.start main"])(
		"stops every request until its hint is followed, after a crash at %s",
		async (call) => {
			const host = await diedAt(call);
			const path = `${host.context().directory}/journal.json`;
			host.disk.put(path, "\0\0\0");
			for (const act of ["recover", "inspect"] as const) {
				const request = act === "recover" ? { act, filesOnly: false } : { act, ids: [] };
				expect(await host.door().handle(request)).toMatchObject({
					act: "refused",
					why: "failed",
					hint: expect.stringMatching(
						`start what should run, .*, move ${path} away, and run keyturn recover`,
					) as string,
				});
			}
			host.startAll();
			host.disk.remove(path);
			await recover(host);
			const next = [host.change("a.example", host.selectors()["a.example"] ?? "none", "later")];
			expect(await host.switchKeys(host.door(), "0c", next)).toMatchObject({
				result: { outcome: "done" },
			});
			expect(host.selectors()["a.example"]).toBe("later");
			expect([...host.violations]).toEqual([]);
		},
	);
});
