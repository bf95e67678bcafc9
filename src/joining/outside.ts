/** What faces the network: providers, ways of telling and hooks, as a configuration names them. */

import type { AgentPorts } from "../agent/agent.ts";
import { ALERT_TYPES, type AlertTools } from "../alerts/registry.ts";
import type { Examiner } from "../cli/workbench.ts";
import { hashOf } from "../durable.ts";
import { asKeyturnError, KeyturnError } from "../errors.ts";
import type { AlertSink } from "../ports/alert-sink.ts";
import type { DnsProvider } from "../ports/dns-provider.ts";
import type { HeldLock } from "../ports/lock.ts";
import type { AlertSettings, Settings } from "../settings/settings.ts";
import { publicAddresses } from "../system/identity.ts";
import type { SecretsOptions } from "../system/secrets.ts";
import type { ProviderTools } from "../../providers/registry.ts";
import type { Configuration } from "./configuration.ts";
import type { Machine } from "./machine.ts";
import { verifyOf } from "./verify-of.ts";

export type Outside = Pick<AgentPorts, "providers" | "sinks" | "pre">;

export interface OutsideGiven {
	readonly machine: Machine;
	readonly configuration: Configuration;
	/** Where secrets may stand. */
	readonly secrets: Omit<SecretsOptions, "disk">;
	/** Whose programs are trusted, besides root's. */
	readonly uid: number;
}

/** One call with its retries takes as long. */
const ACCOUNT_LOCK_MS = 120_000;

/** Loads much: only where the agent or its network is needed. Fails where a secret cannot be read. */
export async function joinOutside(
	given: OutsideGiven,
	settings: Settings,
	configPath: string,
): Promise<Outside> {
	const providers = await joinProviders(given, settings, configPath);
	return { providers, ...(await joinSinks(given, settings)) };
}

/** By name. Fails where a secret of one cannot be read. */
export async function joinProviders(
	given: OutsideGiven,
	settings: Settings,
	configPath: string,
): Promise<Outside["providers"]> {
	const { machine, configuration } = given;
	const tools = await joinTools(given, settings);
	const { createPublisher } = await import("../publishing/publisher.ts");
	const { createTurns } = await import("../publishing/turns.ts");
	const { authorities, clock, random, log } = tools;
	const turns = createTurns(async (account, signal) => lockAccount(machine, settings.state, account, signal));
	const providers = new Map<string, DnsProvider>();
	for (const { name, type, settings: own } of settings.providers) {
		const provider = await (await configuration.providerType(type, configPath))?.create({
			...tools,
			name,
			settings: own,
		});
		if (provider === undefined) throw new KeyturnError("bug", `provider type ${type} is not registered`);
		providers.set(name, createPublisher({ provider, turns, clock, random, log, authorities }));
	}
	return providers;
}

/** Who is told, and the programs around a switch. Fails where a secret of one cannot be read. */
export async function joinSinks(
	given: OutsideGiven,
	settings: Settings,
): Promise<Pick<Outside, "sinks" | "pre">> {
	const tools = await joinTools(given, settings);
	const sinks = await Promise.all(
		settings.alerts.map((alert, index) => joinSink(alert, settings.alerts, index, tools)),
	);
	const { pre, after } = await joinHooks(given.machine, settings.hooks);
	return { sinks: [...sinks, ...after], pre };
}

/** Where metrics are asked for, what goes to DNS, providers and alerts is counted. */
export async function counting(
	machine: Machine,
	{ metrics }: Settings,
	outside: Outside,
): Promise<Outside & Pick<AgentPorts, "propagation">> {
	const { propagation } = machine;
	if (metrics.textfile === null && metrics.listen === null) return { ...outside, propagation };
	const meters = await machine.meters();
	return {
		...outside,
		providers: new Map([...outside.providers].map(([name, port]) => [name, meters.provider(port)])),
		sinks: outside.sinks.map((sink) => meters.sink(sink)),
		propagation: meters.propagation(propagation),
	};
}

/** What `doctor` looks through. A secret that is missing must not keep it from telling the rest. */
export async function joinExaminer(
	machine: Machine,
	outside: {
		readonly providers: () => Promise<Outside["providers"]>;
		readonly sinks: () => Promise<unknown>;
	},
): Promise<Examiner> {
	const { createMailPolicies } = await import("../system/mail-policies.ts");
	const { createTimeSource } = await import("../system/time-source.ts");
	const { disk } = machine;
	const unmade = new Map<keyof typeof outside, Examiner["unmade"]>();
	const failed = (what: keyof typeof outside) => (thrown: unknown) => {
		const { code, message, hint } = asKeyturnError(thrown);
		unmade.set(what, { code, why: message, hint });
		return null;
	};
	const providers = await outside.providers().catch(failed("providers"));
	await outside.sinks().catch(failed("sinks"));
	return {
		resolver: await machine.resolver(),
		policies: createMailPolicies(),
		timeSource: createTimeSource({ disk, programs: await machine.programs() }),
		disk,
		addresses: publicAddresses(),
		providers: providers ?? new Map(),
		unmade: unmade.get("providers") ?? null,
		unheard: unmade.get("sinks") ?? null,
	};
}

async function joinTools(
	{ machine, secrets, uid }: OutsideGiven,
	settings: Settings,
): Promise<ProviderTools & AlertTools> {
	const { createHttp } = await import("../system/http.ts");
	const { createSecrets } = await import("../system/secrets.ts");
	const { createWire } = await import("../system/wire.ts");
	const { createMailer } = await import("../system/mailer.ts");
	const { createAuthorities } = await import("../dns/authorities.ts");
	const { createZoneCopies } = await import("../system/zone-copies.ts");
	const { createProgramTrust } = await import("../system/program-trust.ts");
	const { clock, disk, pulse, random } = machine;
	return {
		authorities: createAuthorities({
			resolver: await machine.resolver(),
			clock,
			verifyFor: (name) => verifyOf(settings, name),
		}),
		programTrust: createProgramTrust(disk, uid),
		secrets: createSecrets({ ...secrets, disk }),
		disk,
		copies: createZoneCopies({ disk, clock, directory: `${settings.state}/zone-copies` }),
		wire: pulse.watch(createWire()),
		http: pulse.watch(createHttp({ clock })),
		mailer: pulse.watch(createMailer()),
		programs: await machine.programs(),
		clock,
		random,
		log: await machine.log(),
	};
}

/** `provider check` works beside a daemon, and both may be at one account. */
async function lockAccount(
	{ disk, takeLock }: Machine,
	state: string,
	account: string,
	signal: AbortSignal,
): Promise<HeldLock> {
	const directory = `${state}/accounts`;
	await disk.makeDirectory(directory, 0o700);
	const path = `${directory}/${hashOf(Buffer.from(account)).slice(0, 16)}.lock`;
	const lock = await takeLock(path, ACCOUNT_LOCK_MS, signal);
	if (lock !== "held") return lock;
	throw new KeyturnError("provider.unreachable", "another keyturn is at work on the same account", {
		retry: true,
		hint: "it is tried again; `provider check` ends by itself",
	});
}

/** Named by type and place among those of its type: what the outbox remembers across restarts. */
async function joinSink(
	{ type, on, repeatMs, settings }: AlertSettings,
	all: readonly AlertSettings[],
	index: number,
	tools: AlertTools,
): Promise<AlertSink> {
	const place = all.slice(0, index + 1).filter((one) => one.type === type).length;
	const sink = (await ALERT_TYPES[type]?.())?.create(
		{ name: `${type} ${place}`, on, repeatMs, settings },
		tools,
	);
	if (sink === undefined) throw new KeyturnError("bug", `alert type ${type} is not registered`);
	return sink;
}

async function joinHooks(
	machine: Machine,
	hooks: Settings["hooks"],
): Promise<{ readonly pre: AgentPorts["pre"]; readonly after: readonly AlertSink[] }> {
	const { createHookSink, createPreHook } = await import("../system/hooks.ts");
	const { timeoutMs } = hooks;
	const programs = await machine.programs();
	const after = (["deploy", "post"] as const).flatMap((phase) =>
		hooks[phase].map((argv, index) => createHookSink({ phase, place: index + 1, argv, timeoutMs, programs })),
	);
	const pre = hooks.pre.map((argv, index) =>
		createPreHook({ phase: "pre", place: index + 1, argv, timeoutMs, programs }),
	);
	return { pre, after };
}
