/** The privileged program: one request on standard input, one answer on standard output; reaches no network. */

import { asKeyturnError, KeyturnError } from "./errors.ts";
import type { DoorAnswer, DoorRequest, RefusedAnswer } from "./ports/door.ts";
import type { Services } from "./ports/services.ts";
import { formatFaults } from "./settings/faults.ts";
import { parseDoorSettings } from "./settings/parse-door-settings.ts";
import type { DoorSettings, ServicesSettings, SignerSettings } from "./settings/settings.ts";
import type { Signer } from "./ports/signer.ts";
import { createMailAnswers } from "./signers/mail-answers.ts";
import { findOtherReaders } from "./signers/other-readers/other-readers.ts";
import { parseProbeAnswer, type ProbeAnswer, type ProbeRequest } from "./signers/probe-protocol.ts";
import { SIGNER_TYPES, signerSchemas } from "./signers/registry.ts";
import type { SwapSigner } from "./swap/context.ts";
import { formatAnswer, parseRequest } from "./swap/protocol.ts";
import { isBusy, leavesWork } from "./swap/refusal.ts";
import { createSwap } from "./swap/swap.ts";
import { createAddressesOf } from "./system/addresses.ts";
import { createSystemClock } from "./system/clock.ts";
import { createSystemDisk } from "./system/disk.ts";
import { createHostServices } from "./system/host-services.ts";
import { createTakeLock } from "./system/lock.ts";
import { createLog } from "./system/log.ts";
import { createPostfix } from "./system/postfix.ts";
import { createProbeProgram } from "./system/probe-program.ts";
import { createOutsidePrograms } from "./system/outside-programs.ts";
import { createSystemPrograms } from "./system/programs.ts";
import { createSystemRandom } from "./system/random.ts";
import { createSystemSockets } from "./system/sockets.ts";
import { nudgeStops } from "./system/nudged-services.ts";
import { whyUntrustedDirectory, whyUntrustedFile } from "./system/trusted.ts";

const CONFIG_LIMIT_BYTES = 4 * 1024 * 1024;
/** Tens of thousands of keys with their evidence. */
const REQUEST_LIMIT_BYTES = 128 * 1024 * 1024;
/** Each waits half a minute for the lock: a slow, healthy switch is left alone, but not forgotten. */
const DEAD_MAN_TRIES = 60;
const NOBODY = { uid: 65_534, gid: 65_534 };

const disk = createSystemDisk();
const programs = createSystemPrograms();
const clock = createSystemClock();
const random = createSystemRandom();
const log = createLog({ level: "info", destination: "stderr" });
const postfix = createPostfix({ programs, disk });
const outside = createOutsidePrograms({ programs, disk, clock });
const runProbe = createProbeProgram({
	programs,
	disk,
	addressesOf: createAddressesOf(outside),
	argv: [process.execPath, new URL(import.meta.url.replace(/door(\.[jt]s)$/, "probe$1")).pathname],
});
const answers = createMailAnswers({
	greetsAt: () => postfix.greetsAt(),
	probe: (request) => probe(request, NOBODY),
});

const isDeadMan = process.argv.includes("--recover");

async function main(): Promise<DoorAnswer> {
	const configPath = argument("--config");
	const request = await readRequest();
	if (request.act === "refused") return request;
	const settings = await readSettings(configPath);
	const directory = `${settings.state}-door`;
	await requireOwn(directory);
	const signers = new Map<string, SwapSigner>();
	for (const signer of settings.signers) signers.set(signer.name, await signerOf(signer));
	const swap = createSwap({
		disk,
		services: nudgeStops(await servicesOf(settings, configPath), clock, nudgesOf([...signers.values()])),
		signers,
		clock,
		log,
		directory,
		domains: new Map(settings.domains.map(({ domain, signers: own }) => [domain, own])),
		defersMail: () => postfix.defersMail(),
		queue: () => postfix.queue(),
		wiring: () => postfix.wiring(),
		mayReveal: settings.mayReveal,
		several: new Set(settings.several),
		otherReaders: () => findOtherReaders({ disk, own: settings.signers.flatMap(configurationOf) }),
		takeLock: createTakeLock(clock),
	});
	const tries = isDeadMan ? DEAD_MAN_TRIES : 1;
	let answer = await swap.handle(request);
	for (let tried = 1; tried < tries && isBusy(answer); tried += 1) answer = await swap.handle(request);
	return answer;
}

/** At boot files only are repaired; the dead man's switch recovers all once the holder of the lock is gone. */
async function readRequest(): Promise<DoorRequest | RefusedAnswer> {
	if (process.argv.includes("--recover-files")) return { act: "recover", filesOnly: true };
	if (isDeadMan) return { act: "recover", filesOnly: false };
	return parseRequest(await readInput());
}

/** Whoever may ask is not trusted with all the memory of this host. */
async function readInput(): Promise<string> {
	const chunks: Buffer[] = [];
	let bytes = 0;
	for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
		bytes += chunk.length;
		if (bytes > REQUEST_LIMIT_BYTES)
			throw new KeyturnError(
				"door.protocol",
				`the request: expected at most ${REQUEST_LIMIT_BYTES} bytes, got more`,
			);
		chunks.push(chunk);
	}
	return Buffer.concat(chunks).toString("utf8");
}

/** The door acts on what this file says: nobody but root, or who runs it, may be able to write it. */
async function readSettings(path: string): Promise<DoorSettings> {
	const bytes = await disk.read(path, CONFIG_LIMIT_BYTES);
	if (bytes === null)
		throw new KeyturnError("config.unreadable", `${path}: expected the configuration, found nothing`);
	const why = await whyUntrustedFile(disk, path, ourselves());
	if (why !== null)
		throw new KeyturnError("config.unsafe", `${why}; whoever can change ${path} has root write files`, {
			hint: `chown root ${path}; chmod go-w ${path}; in a directory that only root can write to, such as /etc/keyturn`,
		});
	const parsed = parseDoorSettings(Buffer.from(bytes).toString("utf8"), {
		path,
		signers: await signerSchemas(),
	});
	if ("faults" in parsed) throw new KeyturnError("config.invalid", formatFaults(parsed.faults));
	return parsed.settings;
}

/** What lies there is believed: a journal of somebody else's would have root rename files of his choice. */
async function requireOwn(directory: string): Promise<void> {
	const why = await whyUntrustedDirectory(disk, directory, ourselves());
	if (why === null) return;
	throw new KeyturnError("config.unsafe", `${why}; the door keeps its papers in ${directory}`, {
		hint: "let `state` be a directory below one that only root can write to, such as /var/lib/keyturn",
	});
}

/** Root under systemd; elsewhere whoever runs keyturn. */
function ourselves(): number {
	return process.geteuid?.() ?? 0;
}

async function signerOf(given: SignerSettings): Promise<SwapSigner> {
	const type = await SIGNER_TYPES[given.type]?.();
	if (type === undefined) throw new KeyturnError("bug", `signer type ${given.type} is not registered`);
	const service = given.services.stop.at(-1) ?? given.type;
	const start = given.services.commands[service]?.start;
	const signer: Signer = await type.create({
		name: given.name,
		settings: given.settings,
		service,
		...(start === undefined ? {} : { start }),
		swap: given.swap,
		disk,
		programs,
		outside,
		sockets: createSystemSockets(),
		clock,
		runProbe: async (request) => probe(request, (await signer.read()).owner),
	});
	return { signer, services: given.services, probe: given.probe };
}

/** Its main configuration file, by the same key for every type. */
function configurationOf({ settings }: SignerSettings): readonly string[] {
	const { config } = settings as { readonly config?: unknown };
	return typeof config === "string" ? [config] : [];
}

function nudgesOf(signers: readonly SwapSigner[]): ReadonlyMap<string, () => Promise<void>> {
	return new Map(
		signers.flatMap(({ signer }) =>
			signer.nudge === undefined ? [] : [[signer.service, signer.nudge] as const],
		),
	);
}

/** Handshake, a reload's settling, and eight messages at a time of at most fifteen seconds each. */
async function probe(request: ProbeRequest, owner: { uid: number; gid: number }): Promise<ProbeAnswer> {
	const messages = request.kind === "smtp" ? 0 : request.expectations.length;
	const settleMs = "settleMs" in request ? request.settleMs : 0;
	const timeoutMs = request.timeoutMs + settleMs + 15_000 * Math.ceil(messages / 8) + 20_000;
	return parseProbeAnswer(await runProbe({ request, owner, timeoutMs }));
}

async function servicesOf(settings: DoorSettings, configPath: string): Promise<Services> {
	if (settings.signers.length === 0)
		throw new KeyturnError("config.invalid", `${configPath}: no signer is configured`);
	const recover: readonly [string, ...string[]] = [
		process.execPath,
		new URL(import.meta.url).pathname,
		"--config",
		configPath,
		"--recover",
	];
	const [byUnit, byCommand] = [namesOf(settings, "systemd"), namesOf(settings, "command")];
	const commands = Object.assign(
		{},
		...settings.signers.map((signer) => signer.services.commands),
	) as ServicesSettings["commands"];
	return createHostServices({
		programs,
		disk,
		clock,
		random,
		log,
		answers,
		commands,
		byUnit,
		byCommand,
		recover,
		isDeadMan,
	});
}

function namesOf({ signers }: DoorSettings, manager: ServicesSettings["manager"]): readonly string[] {
	return signers.flatMap(({ services }) => (services.manager === manager ? services.stop : []));
}

/** Nobody may be there to hear it: a command that was interrupted, an agent that was started anew. */
function tell(answer: DoorAnswer): void {
	process.stdout.on("error", (error) => log.info("whoever asked has gone before the answer", { error }));
	process.stdout.write(`${formatAnswer(answer)}\n`);
}

function argument(name: string): string {
	const value = process.argv[process.argv.indexOf(name) + 1];
	return process.argv.includes(name) && value !== undefined ? value : "/etc/keyturn/keyturn.yaml";
}

try {
	for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
		process.on(name, () => log.warn("the door finishes what it began", { signal: name }));
	const answer = await main();
	// Whoever asked may be the attacker: the administrator hears of it here, too.
	if (answer.act === "refused")
		log.warn("refused", { why: answer.why, domains: answer.domains.slice(0, 10), reason: answer.message });
	tell(answer);
	// Then systemd, or what stands in for it, runs it again.
	if (isDeadMan && leavesWork(answer)) process.exitCode = 1;
} catch (thrown) {
	const error = asKeyturnError(thrown);
	log.error("the door could not answer", { error });
	tell({ act: "refused", why: "failed", domains: [], message: error.message, hint: error.hint });
	process.exitCode = 1;
}
