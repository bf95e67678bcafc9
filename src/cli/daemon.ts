/** `keyturn run`: ticks at every slot, whenever something is due, and every few minutes besides; parks on SIGTERM. */

import type { TickReport } from "../agent/agent.ts";
import { excerpt } from "../dkim/foreign-text.ts";
import { asKeyturnError } from "../errors.ts";
import type { Wish } from "../ports/state-store.ts";
import type { Settings } from "../settings/settings.ts";
import { createOutputs } from "./outputs.ts";
import { keepWatchdog } from "./watchdog.ts";
import { type CommandContext, EXIT, type Workbench } from "./workbench.ts";

/** What is due follows from state and time alone: a tick comes at least this often, whatever cron does. */
const LONGEST_SLEEP_MS = 5 * 60_000;
const SHORTEST_SLEEP_MS = 1000;
/** Wishes are found this soon. */
const WISH_MS = 1000;
/** What `systemctl status` shows in a line. */
const STATUS_LENGTH = 300;

export async function runDaemon(context: CommandContext): Promise<number> {
	const bench = await context.open();
	if ((await bench.becomeDaemon()) === "held") {
		context.terminal.say("another keyturn daemon is running");
		return EXIT.held;
	}
	const log = await bench.log();
	// A secret that cannot be read is as bad as a configuration that cannot: whoever starts it hears of it.
	const agent = await bench.agent();
	agent.note("config", null);
	const waking = createWaking(bench, context.signal);
	context.onReload(() => waking.reload());
	waking.schedule(bench);
	log.info("started", { domains: bench.settings.policies.length, host: bench.settings.host });
	await bench.notify(["READY=1", "STATUS=looking at all domains for the first time"]);
	const watchdog = keepWatchdog(bench, context.signal);
	await tellHang(context, bench);
	const outputs = createOutputs(bench);
	let { settings } = bench;
	while (!context.signal.aborted) {
		const wishes = await readWishes(bench);
		if (waking.takeReload() || nameUnknown(wishes, settings))
			settings = (await reloadSettings(bench, waking)) ?? settings;
		const ticked = await tickOnce(context, bench, new Set(wishes.map(({ id }) => id)));
		await outputs.show(settings, ticked.report !== null);
		if (!context.signal.aborted) await rest(context, bench, waking, ticked);
	}
	await watchdog;
	await bench.notify(["STOPPING=1"]);
	log.info("parked");
	return EXIT.done;
}

async function readWishes(bench: Workbench): Promise<readonly Wish[]> {
	try {
		return await bench.store.wishes();
	} catch (thrown) {
		(await bench.log()).error("wishes could not be read", { error: asKeyturnError(thrown) });
		return [];
	}
}

/** Whoever left the wish has read a newer configuration, into which the domain was put by `keyturn add` or by hand. */
function nameUnknown(wishes: readonly Wish[], { policies }: Settings): boolean {
	const known = new Set(policies.map((policy) => policy.domain));
	return wishes.some(({ domains }) => domains.some((domain) => !known.has(domain)));
}

/** What hung may hang again: it is told before the first tick, and remembered until one has gone through. */
async function tellHang(context: CommandContext, bench: Workbench): Promise<void> {
	const log = await bench.log();
	try {
		const endedAt = await bench.watchdog.endedAt();
		if (endedAt === null) return;
		log.error("the daemon before this one hung", { endedAt: endedAt.toISOString() });
		const distress = {
			summary: "keyturn hung and was started again; meanwhile no key was turned, looked at or removed",
			detail: `it got on with nothing, and the service manager's watchdog ended it at ${endedAt.toISOString()}`,
			hint: "the keys in use go on signing; was the process stopped, is the disk of the state directory well? journalctl -u keyturn has what it did last",
		};
		await (await bench.agent()).distress(distress, context.signal);
	} catch (thrown) {
		log.error("that the daemon hung could not be told", { error: asKeyturnError(thrown) });
	}
}

interface Ticked {
	readonly report: TickReport | null;
	/** Wishes that the tick found; one that it could not take, a failure's or of a domain whose state cannot be read, wakes nobody again. */
	readonly seen: ReadonlySet<string>;
}

/** Who has the lock keeps no wish waiting for longer than that. */
const HELD: Ticked = { report: null, seen: new Set() };

/** A tick that fails as a whole is told and tried again: the daemon does not end by it. */
async function tickOnce(
	context: CommandContext,
	bench: Workbench,
	seen: ReadonlySet<string>,
): Promise<Ticked> {
	try {
		const report = await (await bench.agent()).tick(context.signal, { lockWaitMs: 30_000 });
		const status = report === "held" ? "another keyturn holds the lock" : statusLine(report);
		// A busy systemd, or one of before 246, may not find who has said so any more: then nothing would end its wait but a kill.
		await bench.notify([`STATUS=${status}`, "READY=1"]);
		if (report === "held") return HELD;
		if ((await bench.watchdog.endedAt()) !== null) await bench.watchdog.forget();
		return { report, seen };
	} catch (thrown) {
		if (!context.signal.aborted) (await bench.log()).error("tick failed", { error: asKeyturnError(thrown) });
		return { report: null, seen };
	}
}

/** systemd takes each further line for a word to it (sd_notify(3): `WATCHDOG=trigger`), and programs say what they like. */
function statusLine(report: TickReport): string {
	return excerpt(standing(report), STATUS_LENGTH);
}

function standing(report: TickReport): string {
	const failed = report.domains.find((one) => one.error !== null);
	if (failed !== undefined) return `${failed.domain}: ${failed.error?.message ?? ""}`;
	const [wait] = report.domains.flatMap((one) => one.waits.map((each) => ({ ...each, domain: one.domain })));
	return wait === undefined ? "nothing to do" : `${wait.domain}: ${wait.reason}`;
}

/** Until something is due, a slot comes, a wish is left, or the configuration is to be read again. */
async function rest(
	context: CommandContext,
	bench: Workbench,
	waking: Waking,
	{ report, seen }: Ticked,
): Promise<void> {
	const dueMs =
		report?.nextAt == null ? LONGEST_SLEEP_MS : report.nextAt.getTime() - bench.clock.now().getTime();
	const ends = bench.clock.uptimeMs() + Math.min(Math.max(dueMs, SHORTEST_SLEEP_MS), LONGEST_SLEEP_MS);
	// Once a rest: Node 20 keeps a trace of every such signal for as long as its sources live.
	const woken = AbortSignal.any([context.signal, waking.signal()]);
	while (!woken.aborted) {
		const leftMs = ends - bench.clock.uptimeMs();
		if (leftMs <= 0) return;
		await bench.clock.sleep(Math.min(leftMs, WISH_MS), woken);
		if (await hasNewWish(bench, seen)) return;
	}
	waking.rest();
}

/** Wishes that cannot be read are for the next tick to tell. */
async function hasNewWish(bench: Workbench, seen: ReadonlySet<string>): Promise<boolean> {
	try {
		return (await bench.store.wishes()).some((wish) => !seen.has(wish.id));
	} catch {
		return false;
	}
}

/** Null where the old ones stay. */
async function reloadSettings(bench: Workbench, waking: Waking): Promise<Settings | null> {
	await bench.notify(["RELOADING=1"]);
	const log = await bench.log();
	const loaded = await bench.reload();
	if ("fault" in loaded) {
		log.error("the new configuration is bad; the old one stays", { fault: loaded.fault });
		(await bench.agent()).note("config", {
			event: "config_rejected",
			severity: "warning",
			domains: [],
			selector: null,
			summary: "the new configuration was rejected; the old one stays in force",
			detail: loaded.fault,
			hint: "mend keyturn.yaml and reload again",
		});
	} else {
		log.info("configuration read again", { domains: loaded.settings.policies.length });
		(await bench.agent()).note("config", null);
		waking.schedule({ ...bench, settings: loaded.settings });
	}
	await bench.notify(["READY=1"]);
	return "fault" in loaded ? null : loaded.settings;
}

interface Waking {
	schedule(bench: Pick<Workbench, "settings" | "wakeOnSchedule">): void;
	reload(): void;
	takeReload(): boolean;
	/** Aborts when woken. */
	signal(): AbortSignal;
	rest(): void;
}

function createWaking(bench: Workbench, signal: AbortSignal): Waking {
	let scheduled = new AbortController();
	let wake = new AbortController();
	let isReloading = false;
	return {
		schedule({ settings }) {
			scheduled.abort();
			scheduled = new AbortController();
			bench.wakeOnSchedule(settings, () => wake.abort(), AbortSignal.any([signal, scheduled.signal]));
		},
		reload() {
			isReloading = true;
			wake.abort();
		},
		takeReload() {
			const was = isReloading;
			isReloading = false;
			return was;
		},
		signal: () => wake.signal,
		rest() {
			if (wake.signal.aborted) wake = new AbortController();
		},
	};
}
