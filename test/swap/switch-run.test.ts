import { describe, expect, it } from "vitest";
import { makeDirectories, type SwapContext } from "../../src/swap/context.ts";
import { type Journal, type RanService, readJournal } from "../../src/swap/journal.ts";
import { amend, beginRun, entryOf, startMail, starts, stopMail } from "../../src/swap/switch-run.ts";
import { SwapHost } from "../fakes/swap-host.ts";

const postfix = { service: "postfix", units: ["postfix.service"] };
const idle = { service: "exim", units: [] };

const journal: Journal = {
	schema: 1,
	id: "0a",
	startedAt: "2026-11-01T03:00:00.000Z",
	mail: [postfix, idle],
	mailStart: ["exim", "postfix", "never"],
	stopsMail: false,
	signers: (["main", "other"] as const).map((signer) => ({
		signer,
		swap: "restart",
		ran: { service: signer, units: [] },
		files: [],
		expectations: [],
		changes: [],
		partial: null,
		rollBack: null,
	})),
	owed: [],
};

async function setUp(changes: Partial<Journal> = {}, owesMail = false) {
	const host = new SwapHost({ swap: "restart" });
	const context = host.context();
	await makeDirectories(context);
	host.services.calls.length = 0;
	return { host, context, run: beginRun(context, { ...journal, ...changes }, owesMail) };
}

function acts(host: SwapHost): readonly string[] {
	return host.services.calls.filter((call) => /^(stop|start) /.test(call));
}

describe("the mail servers", () => {
	it("are stopped if they ran, after the journal says so, and are then owed", async () => {
		const { host, context, run } = await setUp();
		let known: boolean | undefined;
		const services = {
			...context.services,
			stop: async (service: string, units: readonly string[]) => {
				known = (await readJournal(context))?.stopsMail;
				await context.services.stop(service, units);
			},
		};
		const watched = beginRun({ ...context, services }, run.journal, false);
		await stopMail(watched);
		expect(known).toBe(true);
		expect(acts(host)).toEqual(["stop postfix"]);
		expect(watched).toMatchObject({ owesMail: true, stoppedAtMs: host.nowMs });
		expect(watched.journal.stopsMail).toBe(true);
	});

	it("that did not run are neither stopped nor owed", async () => {
		const { host, context, run } = await setUp({ mail: [idle] });
		await stopMail(run);
		expect(acts(host)).toEqual([]);
		expect(run).toMatchObject({ owesMail: false, stoppedAtMs: null });
		expect(await readJournal(context)).toBeNull();
	});

	it("that did not run and were started since are stopped and owed, and the journal names their units", async () => {
		const { host, context, run } = await setUp({ mail: [{ service: "postfix", units: [] }] });
		await stopMail(run);
		expect(acts(host)).toEqual(["stop postfix"]);
		expect(run.owesMail).toBe(true);
		const mail = [{ service: "postfix", units: ["postfix.service"] }];
		expect(await readJournal(context)).toMatchObject({ mail, stopsMail: true });
	});

	it("are not written down a second time, and their pause counts from the first stop", async () => {
		const { host, context, run } = await setUp({ stopsMail: true });
		run.stoppedAtMs = 5;
		await stopMail(run);
		expect(await readJournal(context)).toBeNull();
		expect(run.stoppedAtMs).toBe(5);
		expect(host.services.runs("postfix")).toBe(false);
	});

	it("are started once, in the order configured, those that ran", async () => {
		const { host, run } = await setUp({}, true);
		host.services.stop("postfix");
		run.stoppedAtMs = host.nowMs - 1_234;
		run.owed.push(postfix);
		await startMail(run);
		expect(host.services.calls.filter((call) => call.startsWith("start"))).toEqual(["start postfix"]);
		expect(run).toMatchObject({ did: ["started postfix"], owed: [], owesMail: false, pauseMs: 1_234 });
		await startMail(run);
		expect(host.services.calls.filter((call) => call.startsWith("start"))).toHaveLength(1);
	});

	it("leave no pause where nothing was stopped, and stay owed where they do not start", async () => {
		const { host, run } = await setUp({}, true);
		host.services.stop("postfix");
		host.services.of("postfix").failingStarts = 9;
		await startMail(run);
		expect(run).toMatchObject({ did: [], owed: [postfix], pauseMs: null });
	});
});

describe("a start", () => {
	const start = async (
		prepare: (host: SwapHost) => void,
		change: (context: SwapContext) => SwapContext = (c) => c,
		ran: RanService = postfix,
	) => {
		const { host, context } = await setUp();
		host.services.stop("postfix");
		host.services.calls.length = 0;
		prepare(host);
		const startedAt = host.nowMs;
		const isUp = await starts(change(context), ran);
		const tries = host.services.calls.filter((call) => call === "start postfix").length;
		return { isUp, tries, tookMs: host.nowMs - startedAt, said: host.said };
	};

	it("is tried three times, two and five seconds apart, and each failure is told", async () => {
		const done = await start(() => {});
		expect(done).toMatchObject({ isUp: true, tries: 1, tookMs: 0, said: [] });
		const late = await start((host) => {
			host.services.of("postfix").failingStarts = 2;
		});
		expect(late).toMatchObject({ isUp: true, tries: 3, tookMs: 7_000 });
		const never = await start((host) => {
			host.services.of("postfix").failingStarts = 3;
		});
		expect(never).toMatchObject({ isUp: false, tries: 3, tookMs: 7_000 });
		expect(never.said).toHaveLength(3);
		expect(never.said[0]).toEqual({
			level: "error",
			message: "the mail server did not start",
			fields: { service: "postfix", error: "postfix: exited with status 78" },
		});
	});

	it("is one only when the service answers, for which it has thirty seconds each time", async () => {
		const answering = (afterMs: number) => (context: SwapContext) => {
			const from = context.clock.uptimeMs();
			const answers = async () => context.clock.uptimeMs() - from >= afterMs;
			return { ...context, services: { ...context.services, answers } };
		};
		const slow = await start(() => {}, answering(30_000));
		expect(slow).toMatchObject({ isUp: true, tries: 1, tookMs: 30_000 });
		const never = await start(() => {}, answering(Number.POSITIVE_INFINITY));
		expect(never).toMatchObject({ isUp: false, tries: 3, tookMs: 3 * 30_200 + 7_000 });
		expect(never.said[0]).toEqual({
			level: "error",
			message: "the mail server does not answer",
			fields: { service: "postfix" },
		});
		const asBefore = await start(() => {}, answering(Number.POSITIVE_INFINITY), {
			...postfix,
			wasSilent: true,
		});
		expect(asBefore).toEqual({ isUp: true, tries: 1, tookMs: 0, said: [] });
	});
});

describe("a signer's entry in the journal", () => {
	it("is changed alone, and durably", async () => {
		const { context, run } = await setUp();
		expect(await amend(run, "other", { rollBack: "why" })).toMatchObject({
			signer: "other",
			rollBack: "why",
		});
		const written = await readJournal(context);
		expect(written).toEqual(run.journal);
		expect(written?.signers.map(({ rollBack }) => rollBack)).toEqual([null, "why"]);
		expect(entryOf(run, "main").rollBack).toBeNull();
	});

	it("has to be there", async () => {
		const { run } = await setUp();
		expect(() => entryOf(run, "third")).toThrow("no journal entry for signer third");
	});
});
