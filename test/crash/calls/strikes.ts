/** Strikes the calls of a turn one after another, each in a turn of its own, and tells what does not hold afterwards. */

import { type Call, callsOf, nameOf } from "./call.ts";
import { type CrashHost, upCrashHost } from "./host.ts";
import { brokenServices } from "./promises.ts";
import { brokenAfterCrash, brokenAfterTick, type Known } from "./recovery.ts";
import { powerLossesOf, upPowerHost } from "./power.ts";
import { remainsOf } from "./remains.ts";
import { type Selection, select } from "./selection.ts";
import type { Blow, Ended } from "./turn.ts";

export interface Strike {
	readonly call: Call;
	readonly blow: Blow;
	/** What KEYTURN_STRIKE takes. */
	readonly name: string;
}

export interface Tally {
	readonly faults: readonly string[];
	/** Strikes that befell a call. */
	readonly struck: number;
	/** Those whose call did not come this time, since what a process reads comes in more pieces or fewer; or that showed nothing. */
	readonly missed: number;
	/** Different remainders, each of which was recovered. */
	readonly remainders: number;
}

export type Kind = "kill" | "fail" | "power";

/** `npm run crash-test` runs the tests that call it; `-t` of vitest takes the kind. */
export async function strikeCalls(kind: Kind, selection: Selection): Promise<Tally> {
	const { host, strike: strikeOne } = kind === "power" ? await upPowerHost() : await upPlainHost(kind);
	const all = await strikesOf(kind, host);
	const chosen = select(all, selection);
	if (chosen.length === 0)
		throw new Error(`none of ${all.length} strikes was chosen by ${JSON.stringify(selection)}`);
	console.log(
		`${kind}: ${chosen.length} of ${all.length} strikes, at ${new Set(all.map(({ call }) => call)).size} calls`,
	);
	const tally = { faults: [] as string[], struck: 0, missed: 0, remainders: 0 };
	const known: Known = new Set();
	for (const [index, strike] of chosen.entries()) {
		const startedAt = performance.now();
		const broken = unlessInstalling(await strikeOne(strike, known));
		if (broken === null) tally.missed += 1;
		else tally.struck += 1;
		tally.remainders = known.size;
		for (const one of broken ?? []) {
			tally.faults.push(`${strike.name}: ${one}`);
			console.log(
				`BROKEN ${strike.name}: ${one}\n  again: KEYTURN_STRIKE='${strike.name}' npm run crash-test -- -t '^${kind}'`,
			);
		}
		const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
		const outcome = broken === null ? "not reached" : broken.length > 0 ? "broken" : "holds";
		console.log(
			`${kind} ${index + 1}/${chosen.length} ${outcome} (${known.size} remainders, ${seconds} s): ${strike.name}`,
		);
	}
	return tally;
}

/** While the machine installs packages no switch is made, by us or by anybody: then a strike shows nothing. */
function unlessInstalling(broken: readonly string[] | null): readonly string[] | null {
	return broken?.some((one) => one.includes("packages are being installed")) === true ? null : broken;
}

/** What is broken after a strike; null if its call did not come. */
type StrikeOne = (strike: Strike, known: Known) => Promise<readonly string[] | null>;

interface Struck {
	readonly host: CrashHost;
	readonly strike: StrikeOne;
}

async function upPlainHost(kind: "kill" | "fail"): Promise<Struck> {
	const host = await upCrashHost();
	const strike: StrikeOne = async (strike, known) => {
		await host.restore();
		const ended = await host.turn.run(strike);
		return ended.isStruck ? brokenAfter(kind, host, strike, ended, known) : null;
	};
	return { host, strike };
}

/** Counts the calls in a turn that nothing happens to. */
async function cleanCalls(host: CrashHost): Promise<readonly Call[]> {
	await host.restore();
	const ended = await host.turn.run();
	if (ended.code !== 0)
		throw new Error(`the clean turn ended with ${ended.code}: ${ended.stdout}${ended.stderr}`);
	const processes = await host.turn.processes();
	const calls = await Promise.all(
		processes.map(async (name) => callsOf(name, await host.turn.log(name), host.root)),
	);
	return calls.flat();
}

async function strikesOf(kind: Kind, host: CrashHost): Promise<readonly Strike[]> {
	return (await cleanCalls(host)).flatMap((call) => {
		const blows = blowsOf(kind, call, host.root);
		return blows.map((blow) => ({ call, blow, name: `${blow} ${nameOf(call, host.root)}` }));
	});
}

function blowsOf(kind: Kind, call: Call, root: string): readonly Blow[] {
	if (kind === "kill") return ["signal=SIGKILL"];
	return kind === "fail" ? faultsOf(call, root) : powerLossesOf(call, root);
}

const FULL = new Set(["write", "fsync", "mkdir", "link", "rename"]);
const BROKEN_DISK = new Set(["write", "fsync"]);
const DENIED = new Set([
	"openat",
	"mkdir",
	"link",
	"rename",
	"unlink",
	"fchmod",
	"fchown",
	"lchown",
	"statx",
	"readlink",
	"newfstatat",
]);

/** Of the disk below the host's directories, and only calls by path: what a program says by a pipe is no disk. */
function faultsOf({ name, path, changes }: Call, root: string): readonly Blow[] {
	if (path === null || (path !== root && !path.startsWith(`${root}/`))) return [];
	const errors = [
		...(FULL.has(name) || (name === "openat" && changes) ? ["ENOSPC"] : []),
		...(BROKEN_DISK.has(name) ? ["EIO"] : []),
		...(DENIED.has(name) ? ["EACCES"] : []),
	];
	return errors.map((errno) => `error=${errno}` as const);
}

async function brokenAfter(
	kind: "kill" | "fail",
	host: CrashHost,
	strike: Strike,
	ended: Ended,
	known: Known,
): Promise<readonly string[]> {
	const told = kind === "fail" ? [...brokenServices(host), ...untold(strike, ended)] : [];
	const remains = await remainsOf(host);
	if (known.has(remains)) return told;
	const broken = await (kind === "kill" ? brokenAfterCrash : brokenAfterTick)(host, known);
	if (broken.length === 0) known.add(remains);
	return [...told, ...broken];
}

/** Whoever asked hears what failed, where, and how; unless it made no difference. */
function untold({ call, blow }: Strike, { code, stdout, stderr }: Ended): readonly string[] {
	if (code === 0) return [];
	const errno = blow.replace("error=", "");
	const said = stdout + stderr;
	const name =
		call.path
			?.split("/")
			.at(-1)
			?.replace(/^\.(.*)\.keyturn-(?:new|before|staged)$/, "$1") ?? "";
	return said.replaceAll(/\s+/g, " ").includes(errno) && said.replaceAll(/\s+/g, "").includes(name)
		? []
		: [`it ended with ${code}, and did not say ${errno} and ${name}: ${said}`];
}
