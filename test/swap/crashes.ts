/** Kills the door, or the power, before single calls of a switch, and says what is wrong with the host that is found then. */

import { hashOf } from "../../src/durable.ts";
import type { StageChange, SwitchResult } from "../../src/ports/door.ts";
import type { Journal } from "../../src/swap/journal.ts";
import type { DiskCall } from "../fakes/sim-disk.ts";
import { createSimProcess, runUntilDeath } from "../fakes/sim-process.ts";
import { DOOR_DIRECTORY, type DoorOptions, SwapHost, type SwapHostOptions } from "../fakes/swap-host.ts";

export const ID = "0123456789abcdef0123456789abcdef";
const ID2 = "fedcba9876543210fedcba9876543210";

export interface Scenario {
	readonly name: string;
	readonly options: SwapHostOptions;
	readonly changes: (host: SwapHost) => readonly StageChange[];
	/** Makes something fail in the switch. */
	readonly spoil?: (host: SwapHost) => void;
}

export const turn = (host: SwapHost) => [
	host.change("a.example", "old", "new"),
	host.change("b.example", "old", "new"),
];
const add = (host: SwapHost) => [host.change("new.main.example", null, "new")];
const remove = (host: SwapHost) => [host.change("a.example", "old", null)];
const twoSigners = (host: SwapHost) => [
	host.change("a.example", "old", "new"),
	host.change("c.example", "old", "new", "other"),
];

/** A signer that reloads is probed for twenty seconds before its key counts as bad: four probes are as good as eighty. */
const LEAST_SLEEP_MS = 5_000;

export const SCENARIOS: readonly Scenario[] = (["restart", "reload"] as const).flatMap((swap) => [
	{ name: `turn by ${swap}`, options: { swap }, changes: turn },
	{ name: `add by ${swap}`, options: { swap }, changes: add },
	{ name: `remove by ${swap}`, options: { swap }, changes: remove },
	{
		name: `turn of two signers by ${swap}`,
		options: { swap, signers: ["main", "other"] },
		changes: twoSigners,
	},
	{
		name: `turn by ${swap} with one bad key`,
		options: { swap, leastSleepMs: LEAST_SLEEP_MS },
		changes: turn,
		spoil: (host: SwapHost) => {
			host.program().spoils.add("b.example new");
		},
	},
	{
		name: `add and turn by ${swap}, the added key bad`,
		options: { swap, leastSleepMs: LEAST_SLEEP_MS },
		changes: (host: SwapHost) => [...add(host), host.change("a.example", "old", "new")],
		spoil: (host: SwapHost) => {
			host.program().spoils.add("new.main.example new");
		},
	},
	{
		name: `remove by ${swap} from a signer that does not reload`,
		options: { swap, leastSleepMs: LEAST_SLEEP_MS },
		changes: remove,
		spoil: (host: SwapHost) => {
			host.program().isDeaf = true;
		},
	},
	{
		name: `turn by ${swap} that the signer does not survive`,
		options: { swap, leastSleepMs: LEAST_SLEEP_MS },
		changes: turn,
		spoil: (host: SwapHost) => {
			host.program().refuses = (lines) =>
				lines.some((line) => line.selector === "new" && line.domain === "b.example") ? "it refuses" : null;
		},
	},
]);

function chooser(seed: number): (count: number) => number {
	let state = (seed * 2654435761 + 12345) >>> 0;
	return (count) => {
		state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
		return Math.floor((state / 2 ** 32) * count);
	};
}

/** A host on which the door died before its call number `dieAt`; null when the switch ended before. */
async function dieAt(
	scenario: Scenario,
	at: number,
	door: DoorOptions = {},
): Promise<{ readonly host: SwapHost; readonly call: string } | null> {
	const host = new SwapHost(scenario.options);
	scenario.spoil?.(host);
	const process = createSimProcess({
		dieAt: at,
		onCall: (call) => {
			if (call.startsWith("services.")) host.look();
		},
	});
	const switched = host.switchKeys(host.door({ ...door, process }), ID, scenario.changes(host));
	const outcome = await runUntilDeath(process, switched);
	host.look();
	return outcome.kind === "died" ? { host, call: outcome.at } : null;
}

async function resultsOf(host: SwapHost): Promise<readonly SwitchResult[]> {
	const answer = await host.door().handle({ act: "inspect", ids: [ID, ID2] });
	if (answer.act !== "inspect") throw new Error(JSON.stringify(answer));
	return answer.results;
}

/** What is wrong with the host after the crash was settled; an empty list is what we promise. */
async function findFaults(host: SwapHost, scenario: Scenario): Promise<readonly string[]> {
	const faults = [...host.violations];
	const [result] = await resultsOf(host);
	faults.push(...host.leftovers().map((path) => `left over: ${path}`));
	for (const name of host.signerNames) {
		if (!host.services.runs(name)) faults.push(`${name} does not run`);
		for (const domain of Object.keys(host.selectors(name))) {
			const why = host.mailFault(domain, name);
			if (why !== null) faults.push(`mail of ${domain}: ${why}`);
		}
		faults.push(...unlikeItsTables(host, name));
	}
	if (!host.services.runs("postfix")) faults.push("postfix does not run");
	for (const { signer, domain, from, to } of scenario.changes(host)) {
		const selector = host.selectors(signer)[domain] ?? null;
		const key = result?.keys.find((switched) => switched.domain === domain);
		const wanted = key?.outcome === "done" ? (to?.selector ?? null) : from;
		if (selector !== wanted) faults.push(`${domain} stands at ${selector}, expected ${wanted}`);
	}
	host.look();
	faults.push(...host.violations);
	return faults;
}

/** What runs has read what stands, or nobody knows which key is in use. */
function unlikeItsTables(host: SwapHost, signer: string): readonly string[] {
	const named = host.selectors(signer);
	return host
		.domainsOf(signer)
		.concat(`new.${signer}.example`)
		.flatMap((domain) => {
			const used = /s=([^;]*)/.exec(host.program(signer).signNow(domain) ?? "")?.[1];
			return used === named[domain]
				? []
				: [
						`mail of ${domain} is signed with ${used ?? "no key"}, its table names ${named[domain] ?? "none"}`,
					];
		});
}

/** The agent goes on: the same id if it has no result, a new one after an undone switch, until it is done. */
async function goOn(host: SwapHost, scenario: Scenario): Promise<readonly string[]> {
	host.program().refuses = () => null;
	host.program().spoils.clear();
	host.program().isDeaf = false;
	for (const id of [ID, ID2]) {
		const pending = scenario.changes(host).filter(({ signer, domain, to }) => {
			return (host.selectors(signer)[domain] ?? null) !== (to?.selector ?? null);
		});
		if (pending.length > 0) await host.switchKeys(host.door(), id, pending);
	}
	return scenario
		.changes(host)
		.filter(({ signer, domain, to }) => (host.selectors(signer)[domain] ?? null) !== (to?.selector ?? null))
		.map(({ domain }) => `${domain} cannot be switched any more`);
}

async function check(
	host: SwapHost,
	scenario: Scenario,
	where: string,
	calm: (host: SwapHost) => Promise<void>,
): Promise<readonly string[]> {
	try {
		await calm(host);
		const faults = [...standingAgainstDecision(host), ...(await findFaults(host, scenario))];
		faults.push(...(await goOn(host, scenario)));
		return [...new Set(faults)].map((fault) => `${where}: ${fault}`);
	} catch (error) {
		return [`${where}: ${String(error)}`];
	}
}

/** What was to go back has gone back before anything was started with it. */
function standingAgainstDecision(host: SwapHost): readonly string[] {
	const text = host.disk.text(`${DOOR_DIRECTORY}/journal.json`);
	const signers = text === null ? [] : (JSON.parse(text) as Journal).signers;
	return signers
		.filter(({ rollBack }) => rollBack !== null)
		.flatMap(({ files }) => files)
		.filter(
			({ path, hashAfter }) => hashOf(new TextEncoder().encode(host.disk.text(path) ?? "")) === hashAfter,
		)
		.map(({ path }) => `${path} was decided against, and stands`);
}

async function afterDeath(host: SwapHost): Promise<void> {
	await host.door().handle({ act: "recover", filesOnly: false });
}

/** An administrator is there before the dead man's switch: he starts what is down, and the unit that is meant for the boot. */
async function afterHands(host: SwapHost): Promise<void> {
	try {
		host.startAll();
	} catch {
		// With this table it does not come up, and he goes no further.
	}
	await host.door().handle({ act: "recover", filesOnly: true });
	await afterDeath(host);
}

export interface CrashOptions {
	readonly kind: "death" | "power" | "hands";
	/** The first call to die before, and how many are passed over each time. */
	readonly from?: number;
	readonly every?: number;
	/** How many ways in which a power loss may choose what survives. */
	readonly seeds?: number;
	readonly door?: DoorOptions;
	readonly isFirstEnough?: boolean;
}

/** Runs a scenario with a death before every call; gives all faults found, and how many deaths there were. */
export async function tryCalls(
	scenario: Scenario,
	{ kind, from = 0, every = 1, seeds = 1, door = {}, isFirstEnough = false }: CrashOptions,
): Promise<{ readonly faults: readonly string[]; readonly deaths: number }> {
	const faults: string[] = [];
	let deaths = 0;
	for (let at = from; ; at += every) {
		for (let seed = 0; seed < seeds; seed += 1) {
			const died = await dieAt(scenario, at, door);
			if (died === null || (isFirstEnough && faults.length > 0)) return { faults, deaths };
			deaths += 1;
			const where = `${scenario.name}, ${kind} ${seed} at ${at} (${died.call})`;
			const lose = async (host: SwapHost) => host.losePower(chooser(seed * 1000 + at));
			const calm = { death: afterDeath, hands: afterHands, power: lose }[kind];
			faults.push(...(await check(died.host, scenario, where, calm)));
		}
	}
}

/** Dies once in the switch and once more in the recovery, at every call of it. */
export async function tryTwice(
	scenario: Scenario,
	{ from, every }: { readonly from: number; readonly every: number },
): Promise<{ readonly faults: readonly string[]; readonly deaths: number }> {
	const faults: string[] = [];
	let deaths = 0;
	for (let at = from; ; at += every)
		for (let again = 0; ; again += 1) {
			const died = await dieAt(scenario, at);
			if (died === null) return { faults, deaths };
			const process = createSimProcess({ dieAt: again });
			const recovery = died.host.door({ process }).handle({ act: "recover", filesOnly: false });
			const second = await runUntilDeath(process, recovery);
			const where = `${scenario.name}, at ${at} (${died.call}), then in recovery at ${again}`;
			faults.push(...(await check(died.host, scenario, where, afterDeath)));
			if (second.kind === "ended") break;
			deaths += 1;
		}
}

/** Lets one disk call fail, or all from it on, until the switch has ended; then the disk is well again. */
export async function tryDiskFaults(
	scenario: Scenario,
	{
		errno,
		isLasting,
		every,
	}: { readonly errno: string; readonly isLasting: boolean; readonly every: number },
): Promise<{ readonly faults: readonly string[]; readonly struck: number }> {
	const faults: string[] = [];
	let struck = 0;
	for (let at = 0; ; at += every) {
		const host = new SwapHost(scenario.options);
		scenario.spoil?.(host);
		let calls = 0;
		let where = "";
		const fault = (call: DiskCall, path: string) => {
			if (!(STRIKES[errno] ?? []).includes(call)) return null;
			calls += 1;
			if (isLasting ? calls <= at : calls !== at + 1) return null;
			where ||= `${scenario.name}, ${errno} at ${at} (${call} ${path})`;
			return errno;
		};
		await host.switchKeys(host.door({ fault }), ID, scenario.changes(host));
		if (where === "") return { faults, struck };
		struck += 1;
		if (!host.services.runs("postfix") || !host.services.runs("main"))
			faults.push(`${where}: the services did not wait for the disk to be well`);
		faults.push(...(await check(host, scenario, where, afterDeath)));
	}
}

const STRIKES: Readonly<Record<string, readonly DiskCall[]>> = {
	ENOSPC: ["create", "file.write", "link", "makeDirectory"],
	EIO: ["file.sync", "syncDirectory", "read"],
};

export function scenarioNamed(name: string): Scenario {
	const found = SCENARIOS.find((candidate) => candidate.name === name);
	if (found === undefined) throw new Error(`no scenario ${name}`);
	return found;
}
