import { describe, expect, it } from "vitest";
import { KeyturnError } from "../../src/errors.ts";
import type {
	CommitAnswer,
	DoorAnswer,
	DoorRequest,
	StageAnswer,
	StageChange,
} from "../../src/ports/door.ts";
import type { Services } from "../../src/ports/services.ts";
import type { Signer } from "../../src/ports/signer.ts";
import { readJournal } from "../../src/swap/journal.ts";
import { readLedger } from "../../src/swap/ledger.ts";
import { readLeft } from "../../src/swap/results.ts";
import { readStaged, writeStaged } from "../../src/swap/staged-switch.ts";
import { createSwap, type SwapOptions } from "../../src/swap/swap.ts";
import { createSimProcess } from "../fakes/sim-process.ts";
import { SwapHost, type SwapHostOptions } from "../fakes/swap-host.ts";

const ID = "0123456789abcdef0123456789abcdef";
const ID2 = "fedcba9876543210fedcba9876543210";
const TABLE = "/etc/main/key.table";
const KEPT = "/etc/main/.key.table.keyturn-before";

async function stageOn(host: SwapHost, changes: readonly StageChange[], id = ID): Promise<StageAnswer> {
	const answer = await host.door().handle({ act: "stage", id, changes });
	if (answer.act !== "stage") throw new Error(JSON.stringify(answer));
	return answer;
}

/** A host on which this is staged, and the request that commits it. */
async function staged(
	options: SwapHostOptions = { swap: "restart" },
	changesOf = (host: SwapHost): readonly StageChange[] => [host.change("a.example", "old", "new")],
) {
	const host = new SwapHost(options);
	const changes = changesOf(host);
	const answer = await stageOn(host, changes);
	host.services.calls.length = 0;
	return { host, changes, request: host.commitRequest(ID, answer, changes) };
}

function result(answer: DoorAnswer): CommitAnswer["result"] {
	if (answer.act === "commit") return answer.result;
	throw new Error(JSON.stringify(answer));
}

/** A door whose services or signers do one thing otherwise. */
function doorWith(
	context: SwapOptions,
	changes: {
		readonly services?: (services: Services) => Partial<Services>;
		readonly signer?: (signer: Signer) => Partial<Signer>;
	},
) {
	const signers = [...context.signers].map(([name, given]) => {
		const signer = { ...given.signer, ...changes.signer?.(given.signer) };
		return [name, { ...given, signer }] as const;
	});
	return createSwap({
		...context,
		services: { ...context.services, ...changes.services?.(context.services) },
		signers: new Map(signers),
	});
}

describe("a commit is refused, with what is wrong and what to do,", () => {
	async function expectRefused(host: SwapHost, answer: Promise<DoorAnswer>, refusal: object): Promise<void> {
		expect(await answer).toEqual({ act: "refused", domains: [], hint: null, ...refusal });
		expect(host.selectors()["a.example"]).toBe("old");
		expect(host.services.calls.filter((call) => /^(stop|start|reload|arm)/.test(call))).toEqual([]);
		expect(host.leftovers()).toEqual([]);
	}

	it("if nothing was staged under its id, or the staging did not end", async () => {
		const { host, request } = await staged();
		const unknown = (id: string) => ({
			why: "unknown_id",
			message: `${id}: nothing is staged under this id`,
			hint: "stage again",
		});
		const other = { ...request, id: ID2 } as DoorRequest;
		await expectRefused(host, host.door().handle(other), unknown(ID2));
		const context = host.context();
		const paper = await readStaged(context, ID);
		if (paper === null) throw new Error("nothing staged");
		await writeStaged(context, { ...paper, isComplete: false });
		await expectRefused(host, host.door().handle(request), unknown(ID));
	});

	it("if the table is another than the one staged on, or the one that was answered", async () => {
		const { host, request } = await staged();
		const refusal = {
			why: "table_changed",
			domains: ["a.example"],
			message: "signer main: the table is not the one staged on",
		};
		for (const tableHashes of [{}, { main: "00" }])
			await expectRefused(host, host.door().handle({ ...request, tableHashes } as DoorRequest), refusal);
		host.disk.put("/etc/main/key.table", `${host.disk.text("/etc/main/key.table")}# edited\n`);
		await expectRefused(host, host.door().handle(request), refusal);
	});

	it("if it renders otherwise than it was staged, as after an upgrade", async () => {
		const { host, request } = await staged();
		const refusal = {
			why: "table_changed",
			domains: ["a.example"],
			message: "signer main: it renders differently from what was staged",
		};
		const [path, other] = ["/etc/main/key.table", "/etc/main/other.table"];
		const files = (...rendered: readonly { path: string; bytes: Uint8Array }[]) =>
			doorWith(host.context(), {
				signer: () => ({ render: () => rendered.map((file) => ({ ...file, hashBefore: "" })) }),
			});
		const wanted = new TextEncoder().encode(
			(host.disk.text(path) ?? "")
				.replace("a.example:old:", "a.example:new:")
				.replace("a.example/old.", "a.example/new."),
		);
		const bytes = new TextEncoder().encode("other");
		await expectRefused(host, files().handle(request), refusal);
		await expectRefused(host, files({ path, bytes }).handle(request), refusal);
		await expectRefused(host, files({ path: other, bytes: wanted }).handle(request), refusal);
		await expectRefused(
			host,
			files({ path, bytes: wanted }, { path: other, bytes }).handle(request),
			refusal,
		);
	});

	it("if a key is gone, or another by now", async () => {
		const { host, request } = await staged();
		const path = host.keyPath("a.example", "new");
		const refusal = { why: "unknown_id", domains: ["a.example"], hint: "stage again" };
		const key = host.disk.text(host.keyPath("b.example", "old")) ?? "";
		host.disk.put(path, key, 0o600);
		const mismatch = { ...refusal, message: `${path}: the private key does not match the record` };
		await expectRefused(host, host.door().handle(request), mismatch);
		host.disk.remove(path);
		await expectRefused(host, host.door().handle(request), { ...refusal, message: `${path}: it is gone` });
	});

	it("if a key cannot be read, naming that alone", async () => {
		const { host, request } = await staged({ swap: "restart" }, (one) =>
			["b.example", "a.example"].map((domain) => one.change(domain, "old", "new")),
		);
		const path = host.keyPath("a.example", "new");
		const fault = (call: string, at: string) => (call === "read" && at === path ? "EIO" : null);
		await expectRefused(host, host.door({ fault }).handle(request), {
			why: "failed",
			domains: ["a.example"],
			message: `read ${path}: EIO`,
		});
	});

	it("if the signer or a mail server is just being started or stopped", async () => {
		for (const service of ["main", "postfix"]) {
			const { host, request } = await staged();
			host.services.of(service).state = "changing";
			await expectRefused(host, host.door().handle(request), {
				why: "not_now",
				message: `${service}.service is just being started or stopped`,
			});
		}
	});

	it("if the table cannot be read", async () => {
		const { host, request } = await staged();
		const swap = doorWith(host.context(), {
			signer: () => ({
				read: async () => {
					throw new KeyturnError("signer.config", "line 3: no key", { hint: "mend it" });
				},
			}),
		});
		await expectRefused(host, swap.handle(request), {
			why: "failed",
			domains: ["a.example"],
			message: "line 3: no key",
			hint: "mend it",
		});
	});

	it("if any key of it was not seen at the servers just now, naming each such key", async () => {
		const changesOf = (host: SwapHost) => [
			host.change("a.example", "old", "new"),
			host.change("b.example", "old", "new"),
			host.change("new.main.example", null, "new"),
		];
		const { host, request, changes } = await staged({ swap: "restart" }, changesOf);
		const evidence = host.evidence(changes.slice(1, 2));
		await expectRefused(host, host.door().handle({ ...request, evidence } as DoorRequest), {
			why: "stale_evidence",
			domains: ["a.example", "new.main.example"],
			message: "new of a.example: no answers were given; new of new.main.example: no answers were given",
			hint: "ask every server again",
		});
	});
});

describe("a commit", () => {
	it("needs no evidence for lines that are taken out", async () => {
		const { host, request } = await staged({ swap: "restart" }, (h) => [h.change("a.example", "old", null)]);
		expect(request).toMatchObject({ evidence: [] });
		expect(result(await host.door().handle(request))).toMatchObject({
			outcome: "done",
			keys: [{ domain: "a.example", from: "old", selector: null, outcome: "done", reason: null }],
		});
		expect(host.selectors()).toEqual({ "b.example": "old" });
	});

	it("has noted which keys may be live, armed the dead man's switch and written its journal before it stops anything", async () => {
		const { host, request } = await staged();
		const context = host.context();
		const before: Record<string, unknown> = {};
		const swap = doorWith(context, {
			services: (services) => ({
				armDeadMan: async (afterMs) => {
					before["armed"] ??= afterMs;
					before["journal when armed"] ??= await readJournal(context);
				},
				stop: async (service, units) => {
					before[`stop ${service}`] = units;
					before["ledger"] ??= await readLedger(context);
					before["journal"] ??= await readJournal(context);
					await services.stop(service, units);
				},
			}),
		});
		await swap.handle(request);
		expect(before).toMatchObject({
			armed: 90_000,
			"journal when armed": null,
			"stop postfix": ["postfix.service"],
			"stop main": ["main.service"],
			ledger: [
				{
					signer: "main",
					domain: "a.example",
					selector: "new",
					path: host.keyPath("a.example", "new"),
					origin: "made",
					id: ID,
					wasLive: true,
				},
				{
					signer: "main",
					domain: "a.example",
					selector: "old",
					path: host.keyPath("a.example", "old"),
					origin: "found",
					id: ID,
					hash: null,
					wasLive: true,
				},
			],
			journal: {
				schema: 1,
				id: ID,
				startedAt: "2026-11-01T03:01:00.000Z",
				mail: [{ service: "postfix", units: ["postfix.service"] }],
				mailStart: ["postfix"],
				stopsMail: true,
				owed: [],
				signers: [
					{
						signer: "main",
						swap: "restart",
						ran: { service: "main", units: ["main.service"] },
						files: [{ path: "/etc/main/key.table", kept: "/etc/main/.key.table.keyturn-before" }],
						expectations: [
							{ domain: "a.example", selector: "new", record: host.records.get("new a.example") },
						],
						changes: [{ domain: "a.example", from: "old", selector: "new" }],
						partial: null,
						rollBack: null,
					},
				],
			},
		});
	});

	it("keeps what the ledger knew of a key that it replaces", async () => {
		const { host, request } = await staged();
		await host.door().handle(request);
		await host.switchKeys(host.door(), ID2, [host.change("a.example", "new", "newer")]);
		const ledger = await readLedger(host.context());
		expect(ledger.map(({ selector, origin, id }) => `${selector} ${origin} ${id}`).toSorted()).toEqual([
			`new made ${ID}`,
			`newer made ${ID2}`,
			`old found ${ID}`,
		]);
	});

	it("leaves behind how each file stands and when it paused, and nothing that was staged", async () => {
		const { host, request } = await staged();
		const answer = result(await host.door().handle(request));
		const context = host.context();
		const reading = await context.signers.get("main")?.signer.read();
		expect(await readLeft(context)).toMatchObject({
			files: { "/etc/main/key.table": reading?.files[0]?.hash },
			pausedAt: "2026-11-01T03:01:00.000Z",
		});
		expect(await readStaged(context, ID)).toBeNull();
		expect(answer).toMatchObject({ id: ID, at: new Date(host.nowMs).toISOString(), pauseMs: 0 });
		expect(host.said.filter(({ level }) => level !== "debug")).toEqual([
			{ level: "info", message: "a switch has ended", fields: { id: ID, outcome: "done", reason: null } },
		]);
	});

	it("leaves no pause behind that there was not", async () => {
		const { host, request } = await staged({ swap: "reload" });
		await host.door().handle(request);
		expect((await readLeft(host.context())).pausedAt).toBeNull();
	});

	it.each([
		["one that answered before has to answer", false, ["postfix"]],
		["one that did not answer before need not answer", true, undefined],
	])("starts the mail server again: %s", async (_, isSilent, owed) => {
		const { host, request } = await staged();
		let wasStopped = false;
		const context = host.context();
		const swap = doorWith(context, {
			services: (services) => ({
				stop: async (service, units) => {
					wasStopped = true;
					await services.stop(service, units);
				},
				answers: async () => Promise.resolve(!isSilent && !wasStopped),
			}),
		});
		const done = result(await swap.handle(request));
		expect(done.outcome).toBe("done");
		expect(done.owed).toEqual(owed);
		expect(host.services.runs("postfix")).toBe(true);
		expect((await readJournal(context)) !== null).toBe(owed !== undefined);
		const next = await swap.handle({
			act: "stage",
			id: ID2,
			changes: [host.change("b.example", "old", "new")],
		});
		expect(next.act).toBe(owed === undefined ? "stage" : "refused");
	});

	it("asks no mail server whether it answers where none is stopped", async () => {
		const { host, request } = await staged({ swap: "reload" });
		await host.door().handle(request);
		expect(host.services.calls).toContain("look postfix");
		expect(host.services.calls).not.toContain("answers postfix");
	});

	it("stops what signs for it even where no mail server runs, and counts that pause", async () => {
		const { host, request } = await staged();
		host.services.stop("postfix");
		const answer = result(await host.door().handle(request));
		expect(answer).toMatchObject({ outcome: "done", reason: null });
		expect(host.services.calls.filter((call) => /^(stop|start)/.test(call))).toEqual([
			"stop main",
			"start main",
		]);
		expect((await readLeft(host.context())).pausedAt).toBe("2026-11-01T03:01:00.000Z");
	});

	it("goes on without the dead man's switch disarmed, since that would find nothing to do", async () => {
		const { host, request } = await staged();
		const swap = doorWith(host.context(), {
			services: () => ({
				disarmDeadMan: async () => {
					throw new KeyturnError("service.failed", "no timer");
				},
			}),
		});
		expect(result(await swap.handle(request)).outcome).toBe("done");
		expect(host.said).toContainEqual({
			level: "warn",
			message: "the dead man's switch was not disarmed",
			fields: { error: "no timer" },
		});
	});

	it("does not say that nothing was done where its end cannot be kept; the next request has it", async () => {
		const { host, request } = await staged();
		const fault = (call: string, path: string) =>
			call === "file.write" && path.includes("/results/") ? "ENOSPC" : null;
		expect(await host.door({ fault }).handle(request)).toMatchObject({ act: "refused", why: "unsettled" });
		expect(host.services.runs("postfix")).toBe(true);
		expect(result(await host.door().handle(request))).toMatchObject({ outcome: "done" });
	});

	it("remembers a table as it left it, not as somebody changed it before the end", async () => {
		const { host, request } = await staged();
		const isEdited = { value: false };
		const swap = doorWith(host.context(), {
			services: (services) => ({
				answers: async (service) => {
					if (isEdited.value) host.disk.put(TABLE, `${host.disk.text(TABLE)}# edited\n`);
					return services.answers(service);
				},
				start: async (service, units) => {
					isEdited.value = service === "postfix";
					return services.start(service, units);
				},
			}),
		});
		expect(result(await swap.handle(request)).outcome).toBe("done");
		expect(host.disk.text(TABLE)).toContain("# edited");
		expect((await readLeft(host.context())).files).toEqual({});
	});

	it("starts nothing if the dead man's switch cannot be armed", async () => {
		const { host, request } = await staged();
		const swap = doorWith(host.context(), {
			services: () => ({
				armDeadMan: async () => {
					throw new KeyturnError("service.failed", "no timer");
				},
			}),
		});
		expect(await swap.handle(request)).toMatchObject({ act: "refused", why: "failed", message: "no timer" });
		expect(host.services.calls.filter((call) => /^(stop|start)/.test(call))).toEqual([]);
	});
});

it("a mail server that somebody starts in the pause is stopped before the signer starts", async () => {
	const { host, request } = await staged({ swap: "restart", probe: false });
	const onChange = (call: string, path: string) => {
		if (call === "link" && path === KEPT) host.services.start("postfix");
	};
	expect(result(await host.door({ onChange }).handle(request)).outcome).toBe("done");
	const calls = host.services.calls.filter((call) => /^(stop|start) /.test(call));
	expect(calls.slice(calls.lastIndexOf("stop main"))).toEqual([
		"stop main",
		"stop postfix",
		"start main",
		"start postfix",
	]);
});

/** What monit does, at the worst moment: each time before a table is renamed. */
describe("a signer that somebody starts in the pause", () => {
	const startsMain = (host: SwapHost) => ({
		onChange: (call: string, path: string) => {
			if (call === "link" && path === KEPT) host.services.start("main");
		},
	});

	it("signs with the new table after the switch, though nothing can be proven", async () => {
		const { host, request } = await staged({ swap: "restart", probe: false });
		const { outcome } = result(await host.door(startsMain(host)).handle(request));
		expect(outcome).toBe("done");
		expect(host.program().signNow("a.example")).toMatch(/s=new/);
		expect(host.said).toContainEqual({
			level: "warn",
			message: "somebody else has started the signer in the pause: it is stopped again",
			fields: { service: "main" },
		});
	});

	it("signs with the new table though it did not run before the switch", async () => {
		const { host, request } = await staged({ swap: "restart", probe: false });
		host.services.stop("main");
		expect(result(await host.door(startsMain(host)).handle(request))).toMatchObject({
			outcome: "done",
			oldProcessGone: true,
		});
		expect(host.program().signNow("a.example")).toMatch(/s=new/);
	});

	it("is not stopped beneath a mail server that was started with it", async () => {
		const { host, request } = await staged({ swap: "restart" });
		for (const service of ["postfix", "main"]) host.services.stop(service);
		host.services.calls.length = 0;
		const onChange = (call: string, path: string) => {
			if (call === "link" && path === KEPT)
				for (const service of ["main", "postfix"]) host.services.start(service);
		};
		expect(result(await host.door({ onChange }).handle(request)).outcome).toBe("done");
		const acts = host.services.calls.filter((call) => /^(stop|start) /.test(call));
		expect(acts).toEqual(["stop postfix", "stop main", "start main", "start postfix"]);
	});

	it("costs no turn", async () => {
		const { host, request } = await staged();
		expect(result(await host.door(startsMain(host)).handle(request)).outcome).toBe("done");
	});

	it("and is not up yet is stopped all the same", async () => {
		const { host, request } = await staged({ swap: "restart", probe: false });
		const onChange = (call: string, path: string) => {
			if (call !== "link" || path !== KEPT) return;
			host.program().start();
			host.services.of("main").state = "changing";
		};
		expect(result(await host.door({ onChange }).handle(request)).outcome).toBe("done");
		expect(host.services.calls.filter((call) => call === "stop main")).toHaveLength(2);
		expect(host.program().signNow("a.example")).toMatch(/s=new/);
	});

	it("signs with the old table after that was put back", async () => {
		const { host, request } = await staged();
		host.program().spoils.add("new");
		let renames = 0;
		const process = createSimProcess({
			onCall: (call) => {
				if (call === "disk.rename /etc/main/key.table" && ++renames === 2) host.services.start("main");
			},
		});
		expect(result(await host.door({ process }).handle(request)).outcome).toBe("rolled_back");
		expect(host.program().signNow("a.example")).toMatch(/s=old/);
	});

	it("and does not stop again goes on as before: what it signs with is proven", async () => {
		const { host, request } = await staged();
		const onChange = (call: string, path: string) => {
			if (call !== "link" || path !== KEPT) return;
			host.services.start("main");
			host.services.of("main").failingStops = 1;
		};
		expect(result(await host.door({ onChange }).handle(request))).toMatchObject({
			outcome: "rolled_back",
			reason: "main: new of a.example: signed as old of a.example",
		});
	});
});

describe("several signers in one commit", () => {
	const both = (host: SwapHost) => [
		host.change("a.example", "old", "new"),
		host.change("c.example", "old", "new", "other"),
	];
	const options = { swap: "restart", signers: ["main", "other"] } as const;

	it("start in the order configured before the mail server, which starts once", async () => {
		const { host, request } = await staged(options, both);
		expect(result(await host.door().handle(request)).outcome).toBe("done");
		expect(host.services.calls.filter((call) => /^(stop|start) /.test(call))).toEqual([
			"stop postfix",
			"stop main",
			"stop other",
			"start main",
			"start other",
			"start postfix",
		]);
	});

	it("fare each for itself: one that does not come up is put back, the other is done", async () => {
		const { host, request } = await staged(options, both);
		host.program("other").refuses = (lines) => (lines.some((line) => line.selector === "new") ? "no" : null);
		const answer = result(await host.door().handle(request));
		expect(answer.outcome).toBe("done");
		expect(answer.keys.map(({ signer, outcome, reason }) => [signer, outcome, reason])).toEqual([
			["main", "done", null],
			["other", "rolled_back", "other did not come up with the new table: signer: no"],
		]);
		expect(answer.reason).toBe("other: other did not come up with the new table: signer: no");
		expect(host.selectors("main")["a.example"]).toBe("new");
		expect(host.selectors("other")["c.example"]).toBe("old");
	});

	it("stay as they are if one of them does not stop", async () => {
		const { host, request } = await staged(options, both);
		host.services.of("other").failingStops = 1;
		const answer = result(await host.door().handle(request));
		expect(answer).toMatchObject({ outcome: "undone", oldProcessGone: true });
		expect(answer.reason).toBe("main: other: does not stop; other: other: does not stop");
		for (const name of ["main", "other", "postfix"]) expect(host.services.runs(name), name).toBe(true);
		expect(host.said).toContainEqual({
			level: "error",
			message: "could not stop for the switch",
			fields: { error: "other: does not stop" },
		});
	});

	it("refuse together what one of them refuses", async () => {
		const { host, request } = await staged(options, both);
		host.disk.put("/etc/other/key.table", `${host.disk.text("/etc/other/key.table")}# edited\n`);
		expect(await host.door().handle(request)).toMatchObject({ why: "table_changed", domains: ["c.example"] });
		expect(host.selectors("main")["a.example"]).toBe("old");
	});

	it("switch without an outage where one of them does not run", async () => {
		const { host, request } = await staged(options, both);
		host.services.stop("main");
		host.services.stop("other");
		host.services.calls.length = 0;
		const answer = result(await host.door().handle(request));
		expect(answer).toMatchObject({ outcome: "done", oldProcessGone: true, pauseMs: null });
		expect(answer.reason).toBe(
			"main: main did not run, so that nothing was probed; other: other did not run, so that nothing was probed",
		);
		expect(host.services.calls.filter((call) => /^(stop|start) /.test(call))).toEqual([]);
	});
});
