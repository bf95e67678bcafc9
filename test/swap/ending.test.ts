import { describe, expect, it } from "vitest";
import { hashOf } from "../../src/durable.ts";
import { KeyturnError } from "../../src/errors.ts";
import type { ProbedKey, ProbeVerdict, Signer } from "../../src/ports/signer.ts";
import type { Services } from "../../src/ports/services.ts";
import { makeDirectories } from "../../src/swap/context.ts";
import {
	endSwitch,
	goingBack,
	type RenderPart,
	restartedFirst,
	type Stand,
	startAnyway,
} from "../../src/swap/ending.ts";
import { type Journal, type JournalSigner, readJournal } from "../../src/swap/journal.ts";
import { beginRun } from "../../src/swap/switch-run.ts";
import { SwapHost } from "../fakes/swap-host.ts";

const TABLE = "/etc/main/key.table";
const AFTER: Stand = { standing: "after", reason: null };
const NEVER: RenderPart = () => null;

const signed = ({ domain, selector }: ProbedKey): ProbeVerdict => ({
	domain,
	selector,
	outcome: "signed",
	reason: null,
});

function failing(...domains: readonly string[]) {
	return async (expectations: readonly ProbedKey[]): Promise<readonly ProbeVerdict[]> =>
		expectations.map((key) =>
			domains.includes(key.domain) ? { ...signed(key), outcome: "failed", reason: "bad" } : signed(key),
		);
}

const unreachable = async () => {
	throw new KeyturnError("signer.probe", "no route to it");
};

/** Keys of domains d0, d1, … */
function keys(count: number): readonly ProbedKey[] {
	return Array.from({ length: count }, (_, at) => ({ domain: `d${at}`, selector: "new", record: "" }));
}

interface Given {
	readonly entry?: Partial<JournalSigner>;
	readonly stand?: Stand;
	readonly signer?: (signer: Signer, host: SwapHost) => Partial<Signer>;
	readonly services?: (services: Services, host: SwapHost) => Partial<Services>;
	readonly render?: RenderPart;
	readonly isMailDown?: boolean;
	readonly swap?: "restart" | "reload";
	readonly defersMail?: boolean;
}

/** A switch whose table stands as the new one, signer and mail server stopped for it. */
async function setUp(given: Given = {}) {
	const swap = given.swap ?? "restart";
	const host = new SwapHost({ swap, defersMail: given.defersMail ?? false });
	const context = host.context();
	await makeDirectories(context);
	const main = context.signers.get("main");
	if (main === undefined) throw new Error("no signer");
	const before = new TextEncoder().encode(host.disk.text(TABLE) ?? "");
	const after = new TextEncoder().encode(`${host.disk.text(TABLE)}# after\n`);
	host.disk.put("/etc/main/.key.table.keyturn-before", before);
	host.disk.put(TABLE, after);
	const entry: JournalSigner = {
		signer: "main",
		swap,
		ran: { service: "main", units: ["main.service"] },
		files: [
			{
				path: TABLE,
				hashBefore: hashOf(before),
				hashAfter: hashOf(after),
				kept: "/etc/main/.key.table.keyturn-before",
			},
		],
		expectations: keys(2),
		changes: [],
		partial: null,
		rollBack: null,
		...given.entry,
	};
	const journal: Journal = {
		schema: 1,
		id: "0a",
		startedAt: "2026-11-01T03:01:00.000Z",
		mail: [{ service: "postfix", units: ["postfix.service"] }],
		mailStart: ["postfix"],
		stopsMail: true,
		signers: [entry],
		owed: [],
	};
	const isMailDown = given.isMailDown ?? swap === "restart";
	if (isMailDown) for (const service of ["postfix", "main"]) host.services.stop(service);
	host.services.calls.length = 0;
	const probe = failing();
	const signer = { ...main.signer, probe, ...given.signer?.({ ...main.signer, probe }, host) };
	const services = { ...context.services, ...given.services?.(context.services, host) };
	const run = beginRun(
		{ ...context, services, signers: new Map([["main", { ...main, signer }]]) },
		journal,
		isMailDown,
	);
	run.isMailDown = isMailDown;
	const end = async () => {
		const stands = new Map([["main", given.stand ?? AFTER]]);
		const ended = await endSwitch(run, stands, given.render ?? NEVER, restartedFirst(run.journal));
		const [one] = ended;
		if (one === undefined || ended.length !== 1) throw new Error("expected one ending");
		return one;
	};
	return { host, context, run, end };
}

function acts(host: SwapHost): readonly string[] {
	return host.services.calls.filter((call) => /^(stop|start|reload|arm)/.test(call));
}

const RIGHT = { signer: "main", leftOut: [], unproven: [], rest: [], isUp: true };

describe("a signer whose new table stands", () => {
	it("is started and proven before the mail server is", async () => {
		const { host, end } = await setUp();
		expect(await end()).toMatchObject({ ...RIGHT, standing: "after", reason: null });
		expect(acts(host)).toEqual(["start main", "start postfix"]);
	});

	it("is waited for until it takes connections, for twenty seconds", async () => {
		const waited: number[] = [];
		const { end } = await setUp({
			signer: () => ({
				ready: async (timeoutMs) => {
					waited.push(timeoutMs);
				},
			}),
		});
		await end();
		expect(waited).toEqual([20_000]);
	});

	it("is left alone where it did not run, and that is said", async () => {
		const { host, end } = await setUp({ entry: { ran: { service: "main", units: [] } } });
		expect(await end()).toMatchObject({
			...RIGHT,
			standing: "after",
			reason: "main did not run, so that nothing was probed",
		});
		expect(acts(host)).toEqual(["start postfix"]);
	});

	it("tells which keys could not be told", async () => {
		const unproven = { domain: "d1", selector: "new", reason: "no route" };
		const { end } = await setUp({
			signer: () => ({
				probe: async (asked) =>
					asked.map((key) => (key.domain === "d1" ? { ...unproven, outcome: "unproven" } : signed(key))),
			}),
		});
		expect(await end()).toMatchObject({ ...RIGHT, standing: "after", reason: null, unproven: [unproven] });
	});

	it("is not proven for keys left out before", async () => {
		const asked: string[] = [];
		const { end } = await setUp({
			entry: {
				partial: { hashes: [], leftOut: [{ domain: "d1", selector: "new", reason: "bad" }] },
				expectations: [...keys(2), { domain: "d1", selector: "other", record: "" }],
			},
			stand: { standing: "partial", reason: null },
			signer: () => ({
				probe: async (given) => {
					asked.push(...given.map(({ domain, selector }) => `${selector} ${domain}`));
					return given.map(signed);
				},
			}),
		});
		expect(await end()).toMatchObject({
			standing: "after",
			leftOut: [{ domain: "d1", selector: "new", reason: "bad" }],
		});
		expect(asked).toEqual(["new d0", "other d1"]);
	});
});

describe("a signer whose table does not stand as wanted", () => {
	it.each([
		[{ standing: "before", reason: "why" } as const, null, "why"],
		[{ standing: "before", reason: null } as const, "decided", "decided"],
		[{ standing: "conflict", reason: "edited" } as const, null, "edited"],
	])("is only started, with the reason: %j", async (stand, rollBack, reason) => {
		let probes = 0;
		const { host, end } = await setUp({
			stand,
			entry: { rollBack },
			signer: () => ({
				probe: async () => {
					probes += 1;
					return [];
				},
			}),
		});
		const table = host.disk.text(TABLE);
		expect(await end()).toMatchObject({ ...RIGHT, standing: stand.standing, reason });
		expect(acts(host)).toEqual(["start main", "start postfix"]);
		expect(host.disk.text(TABLE)).toBe(table);
		expect(probes).toBe(0);
	});

	it("is a conflict where nothing is known of it", async () => {
		const { run } = await setUp();
		expect(await endSwitch(run, new Map(), NEVER, restartedFirst(run.journal))).toMatchObject([
			{ standing: "conflict", reason: null },
		]);
	});
});

describe("all goes back", () => {
	it("if that was decided before a crash, or if only the whole can go back", () => {
		const partial = {
			hashes: [],
			leftOut: [
				{ domain: "a", selector: "new", reason: "bad" },
				{ domain: "b", selector: "new", reason: "worse" },
			],
		};
		const entry = { partial: null, rollBack: null } as JournalSigner;
		expect(goingBack(entry, "after")).toBeNull();
		expect(goingBack({ ...entry, rollBack: "why", partial }, "partial")).toBe("why");
		expect(goingBack({ ...entry, partial }, "after")).toBe("new of a: bad; new of b: worse");
		expect(goingBack({ ...entry, partial }, "partial")).toBeNull();
	});

	it("with the signer stopped first, so that none has a table in memory other than the one on disk", async () => {
		const { host, end, run } = await setUp({ signer: () => ({ probe: failing("d0", "d1") }) });
		expect(await end()).toMatchObject({
			...RIGHT,
			standing: "before",
			reason: "new of d0: bad; new of d1: bad",
		});
		expect(acts(host)).toEqual(["start main", "stop postfix", "stop main", "start main", "start postfix"]);
		expect(host.disk.text(TABLE)).not.toContain("# after");
		expect((await readJournal(run.context))?.signers[0]?.rollBack).toBe("new of d0: bad; new of d1: bad");
		expect(host.said.filter(({ level }) => level === "error")).toEqual([
			{
				level: "error",
				message: "the signer does not sign as staged",
				fields: { domain: "d0", selector: "new", reason: "bad" },
			},
			{
				level: "error",
				message: "the signer does not sign as staged",
				fields: { domain: "d1", selector: "new", reason: "bad" },
			},
			{
				level: "error",
				message: "putting the old table back",
				fields: { signer: "main", reason: "new of d0: bad; new of d1: bad" },
			},
		]);
	});

	it("without a stop where the signer reloads", async () => {
		const { host, end } = await setUp({ swap: "reload", signer: () => ({ probe: failing("d0") }) });
		expect(await end()).toMatchObject({ ...RIGHT, standing: "before" });
		expect(acts(host)).toEqual(["start main", "reload main", "start main", "reload main"]);
	});

	it("even if the journal cannot be written any more, or the signer does not stop", async () => {
		const full = await setUp({ signer: () => ({ probe: failing("d0") }) });
		const { disk } = full.run.context;
		const create = async (path: string, mode: number) => {
			if (path.includes("journal")) throw new KeyturnError("disk.failed", "full");
			return disk.create(path, mode);
		};
		const run = beginRun({ ...full.run.context, disk: { ...disk, create } }, full.run.journal, true);
		expect(
			await endSwitch(run, new Map([["main", AFTER]]), NEVER, restartedFirst(run.journal)),
		).toMatchObject([{ standing: "before" }]);
		expect(full.host.disk.text(TABLE)).not.toContain("# after");
		const stubborn = await setUp({
			signer: (_signer, host) => ({
				probe: async (asked) => {
					host.services.of("main").failingStops = 1;
					return failing("d0")(asked);
				},
			}),
		});
		expect(await stubborn.end()).toMatchObject({ standing: "before", reason: "new of d0: bad" });
		expect(stubborn.host.said).toContainEqual({
			level: "error",
			message: "could not stop before putting back",
			fields: { error: "main: does not stop" },
		});
	});

	it("but not over what others wrote meanwhile", async () => {
		const { host, end } = await setUp({
			signer: (_signer, given) => ({
				probe: async (asked) => {
					given.disk.put(TABLE, "# theirs\n");
					return failing("d0")(asked);
				},
			}),
		});
		expect(await end()).toMatchObject({
			standing: "conflict",
			reason: "new of d0: bad; nor with the old one",
		});
		expect(host.disk.text(TABLE)).toBe("# theirs\n");
	});

	it("where the signer does not come up with the new table; and both are said where it does not with the old one", async () => {
		const { end } = await setUp({
			signer: (_signer, host) => ({
				ready: async () => {
					if (host.disk.text(TABLE)?.includes("# after") === true)
						throw new KeyturnError("signer.probe", "no handshake");
				},
			}),
		});
		const reason = "main did not come up with the new table: no handshake";
		expect(await end()).toMatchObject({ ...RIGHT, standing: "before", reason });
		const down = await setUp({
			defersMail: true,
			signer: () => ({
				ready: async () => {
					throw new KeyturnError("signer.probe", "no handshake");
				},
			}),
		});
		expect(await down.end()).toMatchObject({
			isUp: false,
			standing: "before",
			reason: `${reason}; nor with the old one`,
		});
		expect(down.host.said).toContainEqual({
			level: "error",
			message: "the signer did not come up",
			fields: { signer: "main", error: "no handshake" },
		});
	});
});

describe("a part of the lines goes back", () => {
	const partText = `${new SwapHost({ swap: "restart" }).disk.text(TABLE)}# part\n`;
	const part = new TextEncoder().encode(partText);
	const render: RenderPart = (signer, leftOut) =>
		signer === "main" && leftOut.length === 1 ? new Map([[TABLE, part]]) : null;

	it("with the signer stopped first, and the others are proven again", async () => {
		const asked: string[][] = [];
		const { host, end, run } = await setUp({
			render,
			signer: () => ({
				probe: async (given) => {
					asked.push(given.map(({ domain }) => domain));
					return failing("d1")(given);
				},
			}),
		});
		const leftOut = [{ domain: "d1", selector: "new", reason: "bad" }];
		expect(await end()).toMatchObject({ ...RIGHT, standing: "after", reason: null, leftOut });
		expect(host.disk.text(TABLE)).toBe(partText);
		expect(acts(host)).toEqual(["start main", "stop postfix", "stop main", "start main", "start postfix"]);
		expect(asked).toEqual([["d0", "d1"], ["d0", "d1"], ["d0"]]);
		expect((await readJournal(run.context))?.signers[0]?.partial).toEqual({
			hashes: [hashOf(part)],
			leftOut,
		});
	});

	it("and then all, if another key fails now", async () => {
		let probes = 0;
		const { host, end } = await setUp({
			render,
			signer: () => ({
				probe: async (given) => {
					probes += 1;
					return failing(probes <= 2 ? "d1" : "d0")(given);
				},
			}),
		});
		expect(await end()).toMatchObject({
			...RIGHT,
			standing: "before",
			reason: "new of d0: bad",
			leftOut: [],
		});
		expect(host.disk.text(TABLE)).not.toMatch(/# (part|after)/);
	});

	it("and then all, if the signer does not come up with it", async () => {
		const { end } = await setUp({
			render,
			signer: (_signer, host) => ({
				probe: failing("d1"),
				ready: async () => {
					if (host.disk.text(TABLE)?.includes("# part") === true)
						throw new KeyturnError("signer.probe", "no handshake");
				},
			}),
		});
		expect(await end()).toMatchObject({
			standing: "before",
			reason: "main did not come up with a part of the new table: no handshake",
		});
	});

	it("and then all, if the disk fails at it", async () => {
		const { host, end } = await setUp({
			signer: () => ({ probe: failing("d1") }),
			render: () => {
				// Nothing can be stopped any more.
				host.services.of("main").failingStops = 1;
				return new Map([[TABLE, part]]);
			},
		});
		expect(await end()).toMatchObject({
			standing: "before",
			reason: "new of d1: bad; then: main: does not stop",
		});
		expect(host.disk.text(TABLE)).not.toMatch(/# (part|after)/);
	});

	it("unless others changed the table meanwhile: that stays, and is told", async () => {
		const { host, end } = await setUp({
			signer: () => ({ probe: failing("d1") }),
			render: () => {
				host.disk.put(TABLE, "# theirs\n");
				return new Map([[TABLE, part]]);
			},
		});
		expect(await end()).toMatchObject({
			standing: "conflict",
			reason: "the table was changed while keys were taken back",
		});
		expect(host.disk.text(TABLE)).toBe("# theirs\n");
		expect(host.services.runs("postfix")).toBe(true);
	});
});

describe("keys that there was no time for while the mail server waited", () => {
	const slow = (probe: Signer["probe"]) => (_signer: Signer, host: SwapHost) => ({
		probe: async (...given: Parameters<Signer["probe"]>) => {
			host.nowMs += 2_000;
			return probe(...given);
		},
	});

	it("are proven after its start", async () => {
		const asked: string[] = [];
		const { host, end } = await setUp({
			entry: { expectations: keys(40) },
			signer: slow(async (given) => {
				asked.push(`${given.length} ${host.services.runs("postfix")}`);
				return given.map((key): ProbeVerdict => {
					const isUnproven = key.domain === "d0" || key.domain === "d39";
					return isUnproven ? { ...signed(key), outcome: "unproven", reason: "why" } : signed(key);
				});
			}),
		});
		const ended = await end();
		expect(asked).toEqual(["32 false", "8 true"]);
		expect(ended).toMatchObject({ standing: "after", rest: [] });
		expect(ended.unproven.map(({ domain }) => domain)).toEqual(["d0", "d39"]);
		expect(acts(host)).toEqual(["start main", "start postfix"]);
	});

	it("stop it once more if one of them fails", async () => {
		const { host, end } = await setUp({
			entry: { expectations: keys(40) },
			signer: slow(failing("d39")),
		});
		expect(await end()).toMatchObject({ standing: "before", reason: "new of d39: bad" });
		expect(acts(host)).toEqual([
			"start main",
			"start postfix",
			"stop postfix",
			"stop main",
			"start main",
			"start postfix",
		]);
	});
});

describe("while a signer is down with whatever table", () => {
	const down = (host: SwapHost) => {
		host.services.of("main").failingStarts = 999;
	};

	it("the mail server is held, the signer tried every fifteen seconds, and the dead man's switch armed for longer", async () => {
		const armed: number[] = [];
		const { host, end } = await setUp({
			services: () => ({
				armDeadMan: async (afterMs) => {
					armed.push(afterMs);
				},
			}),
		});
		down(host);
		const startedAt = host.nowMs;
		expect(await end()).toMatchObject({ isUp: false });
		expect(host.nowMs - startedAt).toBe(300_000);
		expect(armed).toEqual([390_000]);
		// Once for each table, then every fifteen seconds of five minutes.
		expect(acts(host).filter((call) => call === "start main")).toHaveLength(2 + 20);
		expect(host.services.runs("postfix")).toBe(true);
		expect(host.said).toContainEqual({
			level: "error",
			message: "the signer is down: the mail server is held",
			fields: { holdMs: 300_000 },
		});
	});

	it("the mail server is held once, also where keys of another signer are proven after its start", async () => {
		const { host, run } = await setUp();
		down(host);
		host.services.add("other");
		const main = run.context.signers.get("main");
		const [entry] = run.journal.signers;
		if (main === undefined || entry === undefined) throw new Error("no signer");
		const probe = async (expectations: readonly ProbedKey[]) => {
			host.nowMs += 2_000;
			return Promise.resolve(expectations.map(signed));
		};
		const other = { ...main, signer: { ...main.signer, service: "other", ready: async () => {}, probe } };
		const ran = { service: "other", units: ["other.service"] };
		const beside = { ...entry, signer: "other", ran, files: [], expectations: keys(40) };
		const journal = { ...run.journal, signers: [entry, beside] };
		const signers = new Map([
			["main", main],
			["other", other],
		]);
		const both = beginRun({ ...run.context, signers }, journal, true);
		const stands = new Map([
			["main", AFTER],
			["other", AFTER],
		]);
		const startedAt = host.nowMs;
		expect(await endSwitch(both, stands, NEVER, restartedFirst(journal))).toMatchObject([
			{ signer: "main", isUp: false },
			{ signer: "other", isUp: true, rest: [] },
		]);
		expect(acts(host).filter((call) => call === "start postfix")).toHaveLength(1);
		expect(host.nowMs - startedAt).toBe(300_000 + 2 * 2_000);
	});

	it("the hold ends with its coming up", async () => {
		const { host, end } = await setUp();
		host.services.of("main").failingStarts = 4;
		const startedAt = host.nowMs;
		expect(await end()).toMatchObject({ isUp: true });
		expect(host.nowMs - startedAt).toBe(45_000);
	});

	it("there is a hold without the dead man's switch, too", async () => {
		const { host, end } = await setUp({
			services: () => ({
				armDeadMan: async () => {
					throw new KeyturnError("service.failed", "no timer");
				},
			}),
		});
		down(host);
		expect(await end()).toMatchObject({ isUp: false });
		expect(host.services.runs("postfix")).toBe(true);
	});

	it("a mail server that defers mail by itself is not held", async () => {
		const { host, end } = await setUp({ defersMail: true });
		down(host);
		const startedAt = host.nowMs;
		await end();
		expect(host.nowMs).toBe(startedAt);
		expect(host.services.runs("postfix")).toBe(true);
	});

	it("nothing is held where no mail server ran", async () => {
		const { host, run } = await setUp();
		down(host);
		run.journal = { ...run.journal, mail: [{ service: "postfix", units: [] }] };
		const startedAt = host.nowMs;
		await endSwitch(run, new Map([["main", AFTER]]), NEVER, restartedFirst(run.journal));
		expect(host.nowMs).toBe(startedAt);
	});

	it("a mail server that still runs in front of a signer that reloads is stopped", async () => {
		const { host, end } = await setUp({
			swap: "reload",
			signer: () => ({
				ready: async () => {
					throw new KeyturnError("signer.probe", "no handshake");
				},
			}),
		});
		await end();
		expect(acts(host).filter((call) => call.endsWith("postfix"))).toEqual(["stop postfix", "start postfix"]);
	});
});

describe("a signer that runs and cannot be reloaded", () => {
	it("signs with a key that verifies: it is up, and the table goes back", async () => {
		const { host, end } = await setUp({ swap: "reload" });
		host.services.of("main").failingReloads = 9;
		expect(await end()).toMatchObject({
			...RIGHT,
			standing: "before",
			reason: "main did not come up with the new table: main: does not reload",
		});
		expect(host.said.filter(({ message }) => message === "the signer did not come up")).toHaveLength(2);
	});
});

describe("an old table that what runs may not have taken up is told", () => {
	const may = (why: string) => expect.stringContaining(`; what runs may still sign by the new one: ${why}`);

	it("where the reload for it fails, after the new one was loaded", async () => {
		const { host, end } = await setUp({
			swap: "reload",
			signer: () => ({
				probe: async (expectations) => {
					host.services.of("main").failingReloads = 9;
					return failing("d0")(expectations);
				},
			}),
		});
		expect(await end()).toMatchObject({ ...RIGHT, standing: "before", reason: may("main: does not reload") });
	});

	it("where the signer cannot be stopped", async () => {
		const { host, end } = await setUp({
			signer: () => ({
				probe: async (expectations) => {
					host.services.of("main").failingStops = 9;
					return failing("d0")(expectations);
				},
			}),
		});
		expect(await end()).toMatchObject({ standing: "before", reason: may("it could not be stopped") });
		for (const service of ["main", "postfix"]) expect(host.services.runs(service)).toBe(true);
	});

	it("where the program that applies it fails", async () => {
		const { end } = await setUp({
			swap: "reload",
			entry: { ran: { service: "main", units: [] } },
			signer: () => ({ apply: unreachable }),
		});
		expect(await end()).toMatchObject({ standing: "before", reason: may("no route to it") });
	});
});

it("a signer that cannot be stopped for a part of the new table gets none of it", async () => {
	const { host, end } = await setUp({
		render: () => new Map([[TABLE, new TextEncoder().encode("# part\n")]]),
		signer: () => ({ probe: failing("d0") }),
		services: (services, host) => {
			let stops = 0;
			return {
				stop: async (service, units) => {
					if (service === "main" && (stops += 1) > 1)
						throw new KeyturnError("service.failed", "main: does not stop");
					await services.stop(service, units);
					if (service === "main") host.services.start("main");
				},
			};
		},
	});
	expect(await end()).toMatchObject({
		standing: "before",
		reason: expect.stringContaining("main could not be stopped again"),
	});
	expect(host.disk.text(TABLE)).not.toContain("# part");
});

describe("a mail server that somebody starts in the pause", () => {
	it("is stopped again before the signer's keys are proven", async () => {
		const seen: boolean[] = [];
		const { host, end } = await setUp({
			signer: () => ({
				ready: async () => host.services.start("postfix"),
				probe: async (expectations) => {
					seen.push(host.services.runs("postfix"));
					return failing()(expectations);
				},
			}),
		});
		expect(await end()).toMatchObject({ ...RIGHT, standing: "after" });
		expect(seen).toEqual([false]);
		expect(host.services.runs("postfix")).toBe(true);
		expect(host.said).toContainEqual({
			level: "warn",
			message: "somebody else has started the mail server in the pause: it is stopped again",
			fields: { service: "postfix" },
		});
	});
});

it("a mail server that runs when a switch is settled is left alone while keys are proven", async () => {
	const { host, run, end } = await setUp();
	run.isMailDown = false;
	host.services.start("postfix");
	host.services.calls.length = 0;
	expect(await end()).toMatchObject({ ...RIGHT, standing: "after" });
	expect(acts(host)).not.toContain("stop postfix");
});

describe("whatever fails on the way", () => {
	const broken: Given = {
		render: () => {
			throw new KeyturnError("disk.failed", "it broke");
		},
		signer: () => ({ probe: failing("d0") }),
	};

	it("what ran is started before the failure is told", async () => {
		const { host, end } = await setUp(broken);
		await expect(end()).rejects.toThrow("it broke");
		for (const service of ["main", "postfix"]) expect(host.services.runs(service)).toBe(true);
	});

	it("what did not run is not started", async () => {
		const { host, run } = await setUp({ entry: { ran: { service: "main", units: [] } } });
		await startAnyway(run);
		expect(acts(host)).toEqual(["start postfix"]);
	});

	it("a signer that reloads is asked to read its table again, and one that is down holds the mail server", async () => {
		const { host, run } = await setUp({ swap: "reload" });
		await startAnyway(run);
		expect(acts(host)).toEqual(["start main", "reload main"]);
		const held = await setUp();
		held.host.services.of("main").failingStarts = 999;
		const startedAt = held.host.nowMs;
		await startAnyway(held.run);
		expect(held.host.nowMs - startedAt).toBe(300_000);
	});

	it("a mail server that somebody else starts while it is held is stopped again", async () => {
		const { host, run } = await setUp();
		host.services.of("main").failingStarts = 999;
		const { clock } = run.context;
		const seen: boolean[] = [];
		const sleep: typeof clock.sleep = async (ms, signal) => {
			seen.push(host.services.runs("postfix"));
			if (seen.length === 2) host.services.start("postfix");
			await clock.sleep(ms, signal);
		};
		await startAnyway(beginRun({ ...run.context, clock: { ...clock, sleep } }, run.journal, true));
		expect(seen.length).toBeGreaterThan(10);
		expect(seen).not.toContain(true);
		expect(host.said).toContainEqual({
			level: "warn",
			message: "somebody else has started the mail server while it is held: it is stopped again",
			fields: { service: "postfix" },
		});
		expect(host.services.runs("postfix")).toBe(true);
	});

	it("a failure of the start itself is told in the log", async () => {
		const { host, run } = await setUp();
		host.services.of("main").failingStarts = 999;
		const context = {
			...run.context,
			defersMail: async () => {
				throw new KeyturnError("config.unreadable", "main.cf");
			},
		};
		await startAnyway(beginRun(context, run.journal, true));
		expect(host.said).toContainEqual({
			level: "error",
			message: "could not start what ran",
			fields: { error: "main.cf" },
		});
	});
});

describe("what a program has to apply", () => {
	const quiet = { ran: { service: "main", units: [] } };
	const applying =
		(applied: string[], fails: (table: string) => boolean) => (_signer: Signer, host: SwapHost) => ({
			apply: async () => {
				const table = host.disk.text(TABLE) ?? "";
				applied.push(table.endsWith("# after\n") ? "after" : "before");
				if (fails(table)) throw new KeyturnError("signer.probe", "status 1");
				return Promise.resolve();
			},
		});

	it("is applied though no service of its name runs, and none is reloaded", async () => {
		const applied: string[] = [];
		const { host, end } = await setUp({
			swap: "reload",
			entry: quiet,
			signer: applying(applied, () => false),
		});
		expect(await end()).toMatchObject({ ...RIGHT, standing: "after", reason: null });
		expect(applied).toEqual(["after"]);
		expect(acts(host)).not.toContain("reload main");
	});

	it("is put back where the program fails, and applied again as it was", async () => {
		const applied: string[] = [];
		const { host, end } = await setUp({
			swap: "reload",
			entry: quiet,
			signer: applying(applied, (table) => table.endsWith("# after\n")),
		});
		expect(await end()).toMatchObject({ standing: "before", reason: expect.stringContaining("status 1") });
		expect(applied).toEqual(["after", "before"]);
		expect(host.disk.text(TABLE)).not.toContain("# after");
	});

	it("is applied before its service starts with it", async () => {
		const applied: string[] = [];
		const { host, end } = await setUp({
			signer: (_signer, host) => ({
				apply: async () => {
					applied.push(...acts(host));
					return Promise.resolve();
				},
			}),
		});
		expect(await end()).toMatchObject({ standing: "after" });
		expect(applied).toEqual([]);
		expect(acts(host)).toEqual(["start main", "start postfix"]);
	});

	it("is applied again as it was after a crash that came before the table's rename", async () => {
		const applied: string[] = [];
		const { end } = await setUp({
			swap: "reload",
			entry: quiet,
			stand: { standing: "before", reason: "interrupted" },
			signer: applying(applied, () => false),
		});
		await end();
		expect(applied).toHaveLength(1);
	});
});
