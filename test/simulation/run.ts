/** One simulated run: a seed in, what it did and which promises broke out. */

import { createChecker, type Breach } from "./checker.ts";
import { createChance } from "./chance.ts";
import type { Weather } from "./luck.ts";
import { unusedLines } from "./mail-host.ts";
import { createNemesis, LONGEST_FAULT_MS } from "./nemesis.ts";
import { createPrograms } from "./processes.ts";
import {
	type Aftermath,
	neverSilent,
	nothingIsKeptForGood,
	oneDomainsTroubleIsItsOwn,
	restWritesNothing,
} from "./aftermath.ts";
import { addAgain, noteAsked, type OperatorActs, startOperator, startWishes, turnNow } from "./operator.ts";
import type { Policy } from "../../src/rotation/policy.ts";
import { nextSlot, previousSlot } from "../../src/rotation/slots.ts";
import { rememberParsedKeys } from "./quick-keys.ts";
import { createScenario, type Scenario } from "./scenario.ts";
import type { Running } from "./scheduler.ts";
import { storedDomain } from "./stored-domain.ts";
import { createWorld, type World } from "./world.ts";
import { HONEST, type Wrappers } from "./wrappers.ts";

export interface RunOptions {
	readonly seed: number;
	/** Usual if left out. */
	readonly weather?: Weather;
	readonly wrappers?: Wrappers;
	/** Stops at the first broken promise. */
	readonly stopAtBreach?: boolean;
	readonly adjust?: (scenario: Scenario) => Scenario;
}

export interface RunOutcome {
	readonly seed: number;
	/** Keys replaced. */
	readonly turns: number;
	readonly steps: number;
	readonly deaths: number;
	readonly breaches: readonly Breach[];
	readonly history: readonly string[];
	/** Of the whole history, which `history` is only the end of. */
	readonly historyHash: string;
}

rememberParsedKeys();

const DAY_MS = 86_400_000;
const SETTLED_MS = 3 * 3_600_000;

export async function runSimulation(options: RunOptions): Promise<RunOutcome> {
	const { seed } = options;
	const made = createScenario(createChance(seed, "scenario"), options.weather ?? "usual");
	const scenario = options.adjust?.(made) ?? made;
	let steps = 0;
	let deaths = 0;
	let isResting = false;
	const luck = createChance(seed, "steps");
	const onStep = (running: Running, call: string): "die" | void => {
		steps += 1;
		checker.check();
		if (isResting) return;
		const { luck: rates } = scenario;
		if (luck.happens(running.kind === "door" ? rates.doorDies : rates.daemonDies)) {
			deaths += 1;
			return "die";
		}
		// Between the last look at a table and its rename an edit is lost: a limit that the documents state.
		if (running.kind === "door" && !call.startsWith("disk.rename") && luck.happens(rates.administratorEdits))
			nemesis.editTables();
		if (world.phase === "running" && luck.happens(rates.powerFails)) {
			deaths += 1;
			programs.losePower();
		}
	};
	const world = createWorld(seed, scenario, onStep);
	const checker = createChecker(world);
	const programs = createPrograms(world, options.wrappers ?? HONEST, () => checker.forgetStates());
	const nemesis = createNemesis(world, {
		command: () => programs.runCommand(),
	});
	const acts: OperatorActs = {
		leave: (wish) => {
			noteAsked(world, wish);
			programs.leaveWish(wish);
		},
		reconfigure: () => programs.reconfigure(),
		isResting: () => isResting,
	};
	startOperator(world, acts);
	startWishes(world, acts);
	const findRestless = async (): Promise<readonly string[]> => {
		let changed: number | null | undefined;
		programs.tickIdly((found) => {
			changed = found;
		});
		await world.scheduler.run(() => changed !== undefined);
		if (changed === null) return ["something is due again and again"];
		return changed === 0 ? [] : [`ticks with nothing to do made ${changed} writes`];
	};
	programs.startDaemon();
	const troubleEndsMs = scenario.days * DAY_MS;
	world.time.after(troubleEndsMs, () => {
		isResting = true;
		nemesis.rest();
		world.record.note("nemesis", "rests");
	});
	// Whoever had a domain removed wants it back in the end; a host that is just down hears of it later.
	for (const laterMs of [13, 15, 17].map((hours) => hours * 3_600_000))
		world.time.after(troubleEndsMs + laterMs, () => {
			if (world.unsigned.all().length > 0) acts.leave(addAgain(world.unsigned.all()));
		});
	// After rollbacks the next attempt may wait for days; its remedy is an operator's.
	if (scenario.luck.serviceFaults + scenario.luck.probeFaults > 0)
		world.time.after(troubleEndsMs + SETTLED_MS, () =>
			programs.leaveWish(turnNow(scenario.policies.map((policy) => policy.domain))),
		);
	const endsMs = (scenario.days + scenario.calmDays) * DAY_MS;
	const keepLooking = () => {
		world.dirty = true;
		checker.check();
		if (world.time.elapsedMs() < endsMs) world.time.after(3_600_000, keepLooking);
	};
	keepLooking();
	const isOver = () =>
		world.time.elapsedMs() >= endsMs || (options.stopAtBreach === true && checker.breaches.length > 0);
	await world.scheduler.run(isOver);
	const restless = checker.breaches.length > 0 ? [] : await findRestless();
	const breaches = [...checker.breaches];
	if (!(options.stopAtBreach === true && breaches.length > 0)) {
		const halves = halvesLeft(world);
		const after: Aftermath = {
			unsigned: world.unsigned.all(),
			broken: scenario.broken,
			lastSwitchMs: new Map(
				scenario.policies.map(({ domain }) => [domain, checker.lastSwitchMs(domain)] as const),
			),
			lastDueMs: lastDue(scenario, endsMs),
			delivered: new Map(world.sinks.map((sink) => [sink.name, sink.got])),
			full: new Set(world.sinks.filter(({ wasFull }) => wasFull).map(({ name }) => name)),
			halves: new Set(halves.map(({ domain }) => domain)),
			hookToldMs: world.hooks.toldMs,
			outlived: findOutlived(world, halves, endsMs),
			silentWaits: [...programs.silentWaits],
			firstToldMs: world.firstToldMs,
			toldByMs: toldBy(scenario),
			restless,
		};
		const atMs = world.time.elapsedMs();
		for (const what of oneDomainsTroubleIsItsOwn(after))
			breaches.push({ promise: "7 one domain's trouble is its own", what, atMs });
		for (const what of restWritesNothing(after))
			breaches.push({ promise: "I9 rest writes nothing", what, atMs });
		for (const what of nothingIsKeptForGood(after))
			breaches.push({ promise: "nothing is kept for good", what, atMs });
		for (const what of neverSilent(after)) breaches.push({ promise: "8 never silent", what, atMs });
	}
	return {
		seed,
		turns: checker.turns(),
		steps,
		deaths,
		breaches,
		history: world.record.lines(400),
		historyHash: world.record.hash(),
	};
}

/** The last slot of each domain that left it enough time to turn, as the earliest moment at which that turn may have been. */
function lastDue({ beginning, policies, luck }: Scenario, endsMs: number): ReadonlyMap<string, number> {
	const due = new Map<string, number>();
	for (const policy of policies) {
		const latest = new Date(beginning.getTime() + endsMs - boundMs(policy));
		const slot = previousSlot(policy.schedule, policy.timezone, latest);
		const dueMs = slot === null ? 0 : slot.getTime() - beginning.getTime();
		if (slot === null || dueMs <= 0) continue;
		// A key kept ready for an emergency stands for the slot to come once it is used, however early; so does one of a
		// clock that was ahead.
		const earliest =
			policy.standby || luck.wishes + luck.clockSteps > 0
				? previousSlot(policy.schedule, policy.timezone, new Date(slot.getTime() - 1))
				: null;
		due.set(
			policy.domain,
			earliest === null ? dueMs - policy.publishAheadMs : earliest.getTime() - beginning.getTime(),
		);
	}
	return due;
}

/** A key may sign over connections of before a reload for as long, as far as anybody knows. */
const CONNECTIONS_MS = DAY_MS;

/** Records of our own keys that stand though grace, and whatever may add to it, have been over for half a day. */
function findOutlived(world: World, halves: readonly Half[], endsMs: number): readonly string[] {
	const { scenario, host } = world;
	// A clock that is not believed removes nothing for as long as that.
	if (scenario.luck.clockSteps + scenario.luck.suspensions > 0) return [];
	return scenario.policies
		.filter(({ domain }) => !scenario.broken.has(domain))
		.flatMap(({ domain, retire, record, jitterMs }) => {
			const leastMs = scenario.queueLifetimeMs + record.ttlSeconds * 1000;
			const keptMs = Math.max(retire.graceMs, leastMs) + jitterMs + scenario.queueLifetimeMs + CONNECTIONS_MS;
			return (storedDomain(host.disk, domain)?.keys ?? [])
				.filter(({ state, origin }) => state === "retiring" && origin === "made")
				.filter(({ selector }) => !halves.some((one) => one.domain === domain && one.selector === selector))
				.filter(({ selector, publicKey }) => {
					const mail = host.classes.get(`${domain} ${selector} ${publicKey}`);
					return mail !== undefined && mail.lastMs + keptMs + SETTLED_MS * 4 < endsMs;
				})
				.map(({ selector }) => `the record of ${selector} of ${domain} stands long after its last use`);
		});
}

interface Half {
	readonly domain: string;
	readonly selector: string;
}

/** Lines of old keys of ours that stand in a key table alone, where somebody saves tables between two renames. */
function halvesLeft({ scenario, host }: World): readonly Half[] {
	if (scenario.luck.administratorEdits === 0) return [];
	return unusedLines(host.disk).filter(({ domain, selector }) =>
		(storedDomain(host.disk, domain)?.keys ?? []).some(
			(key) => key.selector === selector && key.origin === "made" && key.state === "retiring",
		),
	);
}

/** By when a domain whose provider refuses is told of: its first turn, `verify.timeout`, and whatever else goes wrong meanwhile. */
function toldBy(scenario: Scenario): ReadonlyMap<string, number> {
	const { beginning, policies, broken, luck } = scenario;
	const told = new Map<string, number>();
	// A clock that is off by weeks, or a host that sleeps, makes a turn due as much later.
	if (luck.clockSteps + luck.suspensions > 0) return told;
	for (const policy of policies.filter(({ domain }) => broken.has(domain))) {
		const due = nextSlot(policy.schedule, policy.timezone, beginning);
		if (due === null) continue;
		const dueMs = due.getTime() - beginning.getTime();
		told.set(policy.domain, dueMs + policy.verify.timeoutMs + 3 * LONGEST_FAULT_MS[scenario.pace]);
	}
	return told;
}

/** A turn waits for its soak, for a window, and where services are stopped for the pause of the day before. */
function boundMs({ swap, window, spreadMs }: Policy): number {
	const waits = [swap === "restart", window !== null].filter(Boolean).length;
	return waits * DAY_MS + 4 * 3_600_000 + spreadMs;
}
