/** `keyturn doctor`: the whole host looked over, and what was found, with the command that mends it; changes nothing. */

import { writersOf } from "../agent/writers.ts";
import { CHECKS, examine } from "../doctor/checks.ts";
import type { AgentFacts } from "../doctor/facts.ts";
import { type Finding, finding } from "../doctor/finding.ts";
import { gather } from "../doctor/gather.ts";
import { signersRead } from "../doctor/signers-read.ts";
import type { DoctorPorts, Known } from "../doctor/sources.ts";
import { asKeyturnError, type KeyturnError } from "../errors.ts";
import { type Fault, faultSentence } from "../settings/faults.ts";
import { asTheyTurn } from "../report/status.ts";
import { plural } from "../report/status-words.ts";
import { emptyDomainState } from "../rotation/domain-state.ts";
import { isCandidate } from "../rotation/life.ts";
import { type Examined, nagiosReport, nagiosStatus, nagiosUnknown } from "./doctor-nagios.ts";
import { signersText } from "./doctor-signers.ts";
import { doctorText } from "./doctor-text.ts";
import { forgottenDomains } from "./forgotten.ts";
import { readDomains, readHost } from "./status.ts";
import { type CommandContext, EXIT, type Examiner, type Workbench } from "./workbench.ts";

/** What a monitoring system takes for "could not be told". */
const NAGIOS_UNKNOWN = 3;

export async function doctor(
	context: CommandContext,
	{ form }: { readonly form: "text" | "json" | "nagios" },
): Promise<number> {
	if (form !== "nagios") return tell(context, await look(context), form);
	try {
		const examined = await look(context);
		context.terminal.result(nagiosReport(examined));
		return nagiosStatus(examined.findings);
	} catch (thrown) {
		context.terminal.result(nagiosUnknown(asKeyturnError(thrown).message));
		return NAGIOS_UNKNOWN;
	}
}

function tell({ terminal }: CommandContext, examined: Examined, form: "text" | "json"): number {
	const { findings, domains, at, signers } = examined;
	terminal.result(
		form === "json"
			? JSON.stringify({ schema: 1, at: at?.toISOString() ?? null, domains, signers, findings }, null, 2)
			: [...signersText(signers), doctorText(findings, { domains, checks: CHECKS.length })].join("\n\n"),
	);
	return findings.some(({ severity }) => severity !== "info") ? EXIT.failed : EXIT.done;
}

/** Without a configuration there is nothing else to look at. */
async function look(context: CommandContext): Promise<Examined> {
	let bench: Workbench;
	try {
		bench = await context.open();
	} catch (thrown) {
		const error = asKeyturnError(thrown);
		if (!error.code.startsWith("config.")) throw error;
		return { at: null, domains: 0, oldestKeySeconds: null, findings: faultsOf(error), signers: [] };
	}
	const { terminal } = context;
	const { length } = bench.settings.policies;
	const examiner = await bench.examiner();
	if (terminal.isLive)
		terminal.say(
			`asking the door, the name servers and the providers of ${length} ${plural("domain", length)}`,
		);
	const ports = { ...examiner, ...portsOf(bench), writersOf: writersAmong(bench, examiner) };
	const facts = await gather(await known(bench, examiner), ports, context.signal);
	return {
		at: facts.now,
		domains: facts.domains.length,
		oldestKeySeconds: oldestKey(facts.domains, facts.now),
		findings: examine(facts),
		signers: signersRead(facts),
	};
}

/** As the agent finds them. */
function writersAmong({ settings }: Workbench, ports: Examiner): DoctorPorts["writersOf"] {
	return async (policy, record, signal) => writersOf({ ports, settings, signal }, policy, record);
}

function portsOf({ door, propagation, clock, random }: Workbench) {
	return { door, propagation, clock, random };
}

async function known(bench: Workbench, { addresses, unmade, unheard }: Examiner): Promise<Known> {
	const domains = await readDomains(bench);
	const turning = asTheyTurn(domains);
	const hasAgent = unmade === null && unheard === null;
	return {
		settings: bench.settings,
		agent: await agentFacts(bench),
		addresses,
		unmade,
		unheard,
		domains: await Promise.all(
			domains.map(async (domain, index) => ({
				...domain,
				obstacles: hasAgent ? await obstaclesOf(bench, { ...domain, ...turning[index] }) : [],
			})),
		),
	};
}

/** None where the host's document cannot be read, which is a trouble that stands. */
async function obstaclesOf(
	bench: Workbench,
	{ policy, state }: Pick<Known["domains"][number], "policy" | "state">,
): Promise<readonly string[]> {
	try {
		return await (await bench.agent()).obstacles(policy, state ?? emptyDomainState(policy.domain));
	} catch (thrown) {
		if (/^(?:state|disk)\./.test(asKeyturnError(thrown).code)) return [];
		throw thrown;
	}
}

async function agentFacts(bench: Workbench): Promise<AgentFacts> {
	const { troubles, undelivered, lastTickAt } = await readHost(bench);
	return {
		isDaemonAlive: await bench.daemonAlive(),
		lastTickAt,
		undelivered,
		forgotten: await forgottenBy(bench),
		troubles: troubles.map(({ event, severity, summary, hint, domains }) => ({
			event,
			severity: severity === "critical" || severity === "info" ? severity : "warning",
			summary,
			hint,
			domains,
		})),
	};
}

async function forgottenBy(bench: Workbench): Promise<AgentFacts["forgotten"]> {
	return (await forgottenDomains(bench)).flatMap(({ domain, keys }) => {
		const left = keys.filter(
			({ origin, state }) =>
				origin === "made" && (isCandidate(state) || state === "retiring" || state === "revoked"),
		);
		return left.length === 0 ? [] : [{ domain, selectors: left.map(({ selector }) => selector) }];
	});
}

/** Since it signs; null where nothing does. */
function oldestKey(domains: Known["domains"], now: Date): number | null {
	const ages = domains.flatMap(({ state }) =>
		(state?.keys ?? []).flatMap((key) =>
			key.state === "active" ? [(now.getTime() - new Date(key.since).getTime()) / 1000] : [],
		),
	);
	return ages.length === 0 ? null : Math.floor(Math.max(...ages));
}

function faultsOf(error: KeyturnError): readonly Finding[] {
	const { code, message, hint, cause } = error;
	if (code === "config.invalid" && isFaults(cause))
		return cause.map((fault) =>
			finding("config.invalid", fault.path === "" ? fault.file : fault.path, {
				summary: faultSentence(fault),
				advice: `correct line ${fault.line} of ${fault.file}`,
			}),
		);
	return [
		finding(code === "config.unreadable" ? "config.unreadable" : "config.invalid", "configuration", {
			summary: message,
			advice: hint ?? "correct it",
		}),
	];
}

function isFaults(cause: unknown): cause is readonly Fault[] {
	return Array.isArray(cause) && cause.length > 0;
}
