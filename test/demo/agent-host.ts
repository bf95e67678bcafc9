/** Joins the real agent, door, provider and DNS code to the demo's host, as src/main.ts and src/door.ts do to a real one. */

import { createAgent, type Agent } from "../../src/agent/agent.ts";
import { createPropagation } from "../../src/dns/propagation.ts";
import { createWireResolver } from "../../src/dns/wire-resolver.ts";
import type { AlertSink } from "../../src/ports/alert-sink.ts";
import type { Door } from "../../src/ports/door.ts";
import type { Log } from "../../src/ports/log.ts";
import type { MailVerifier } from "../../src/ports/mail-verifier.ts";
import type { Programs } from "../../src/ports/programs.ts";
import type { Random } from "../../src/ports/random.ts";
import type { Resolver } from "../../src/ports/resolver.ts";
import type { Services } from "../../src/ports/services.ts";
import type { Sockets } from "../../src/ports/sockets.ts";
import type { StateStore } from "../../src/ports/state-store.ts";
import type { TakeLock } from "../../src/ports/lock.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { Wire } from "../../src/ports/wire.ts";
import { createPublisher } from "../../src/publishing/publisher.ts";
import { createTurns } from "../../src/publishing/turns.ts";
import { formatFaults } from "../../src/settings/faults.ts";
import { parseDoorSettings } from "../../src/settings/parse-door-settings.ts";
import { parseSettings } from "../../src/settings/parse-settings.ts";
import type { DoorSettings, Settings } from "../../src/settings/settings.ts";
import { readYaml } from "../../src/settings/yaml-source.ts";
import { type OpenDkimSettings, settingsSchema } from "../../src/signers/opendkim/settings.ts";
import { createOpenDkimSigner } from "../../src/signers/opendkim/signer.ts";
import { answerProbe } from "../../src/signers/socket-probe.ts";
import { formatAnswer, parseRequest } from "../../src/swap/protocol.ts";
import { createSwap } from "../../src/swap/swap.ts";
import { readAnswer } from "../../src/system/door-answer.ts";
import type { MakeKey } from "../../src/system/key-maker.ts";
import { createKeyStore } from "../../src/system/key-store.ts";
import { createPrivateShelf } from "../../src/system/private-shelf.ts";
import { createSecrets } from "../../src/system/secrets.ts";
import { PROVIDER_TYPES } from "../../providers/registry.ts";
import type { ScratchHost } from "./scratch-host.ts";

export interface HostPorts {
	readonly clock: Clock;
	readonly random: Random;
	readonly log: Log;
	readonly takeLock: TakeLock;
	readonly wire: Wire;
	readonly sockets: Sockets;
	readonly verifier: MailVerifier;
	readonly makeKey: MakeKey;
	/** In the place of opendkim. */
	readonly programs: Programs;
	readonly services: Services;
	readonly store: StateStore;
	readonly sink: AlertSink;
}

const NEVER = new AbortController().signal;

/** No resolver of this machine is asked: all that the demo knows, its own servers say. */
export function createDemoResolver(ports: Pick<HostPorts, "wire" | "random" | "clock">): Resolver {
	return createWireResolver({ ...ports, systemServers: async () => [] });
}

export async function readSettings(host: ScratchHost, text: string): Promise<Settings> {
	const provider = await PROVIDER_TYPES["rfc2136"]?.();
	const parsed = parseSettings(readYaml(text, host.configPath), {
		path: host.configPath,
		host: "demo",
		timezone: "UTC",
		schemas: {
			signers: { opendkim: settingsSchema },
			providers: provider === undefined ? {} : { rfc2136: provider.settingsSchema },
			alerts: {},
		},
	});
	if ("faults" in parsed) throw new Error(formatFaults(parsed.faults));
	return parsed.settings;
}

export async function createHostAgent(
	host: ScratchHost,
	text: string,
	settings: Settings,
	ports: HostPorts,
): Promise<Agent> {
	const { clock, random, log, verifier, store, makeKey, sink } = ports;
	const resolver = createDemoResolver(ports);
	return createAgent(
		{
			clock,
			random,
			store,
			log,
			verifier,
			keys: createKeyStore({ directory: `${settings.state}/keys`, disk: host.disk, makeKey }),
			shelf: createPrivateShelf(host.disk),
			propagation: createPropagation({ resolver, clock }),
			providers: await joinProviders(host, settings, ports),
			door: joinDoor(host, text, ports),
			sinks: [sink],
			pre: [],
		},
		settings,
	);
}

async function joinProviders(host: ScratchHost, settings: Settings, ports: HostPorts) {
	const { clock, random, log, wire, programs } = ports;
	const secrets = createSecrets({ disk: host.disk, env: {}, held: new Map(), outside: null });
	const http = { send: async () => Promise.reject(new Error("the demo has no HTTP")) };
	const tools = {
		secrets,
		disk: host.disk,
		copies: { keep: async () => Promise.reject(new Error("the demo writes no whole zone")) },
		wire,
		http,
		programs,
		programTrust: { whyUntrusted: async () => Promise.resolve("the demo runs no hooks") },
		authorities: {
			served: async () =>
				Promise.resolve({ kind: "unknown" as const, zone: null, why: "the demo runs no hooks" }),
		},
		clock,
		random,
		log,
	};
	const turns = createTurns();
	const providers = new Map();
	for (const { name, type, settings: own } of settings.providers) {
		const provider = await (await PROVIDER_TYPES[type]?.())?.create({ ...tools, name, settings: own });
		if (provider === undefined) throw new Error(`provider type ${type} is not registered`);
		providers.set(name, createPublisher({ provider, turns, clock, random, log }));
	}
	return providers;
}

/** Request and answer go through the door's own JSON, though it is no process of its own here. */
function joinDoor(host: ScratchHost, text: string, ports: HostPorts): Door {
	const parsed = parseDoorSettings(text, { path: host.configPath, signers: { opendkim: settingsSchema } });
	if ("faults" in parsed) throw new Error(formatFaults(parsed.faults));
	const swap = createDoorSwap(host, parsed.settings, ports);
	return {
		async request(request) {
			const heard = parseRequest(JSON.stringify(request));
			const answer = heard.act === "refused" ? heard : await swap.handle(heard);
			return readAnswer(request, formatAnswer(answer));
		},
	};
}

function createDoorSwap(host: ScratchHost, settings: DoorSettings, ports: HostPorts) {
	const { clock, log, takeLock, services, sockets, verifier, programs } = ports;
	const signers = settings.signers.map((given) => {
		const signer = createOpenDkimSigner({
			name: given.name,
			settings: given.settings as OpenDkimSettings,
			service: given.services.stop.at(-1) ?? "",
			swap: given.swap,
			disk: host.disk,
			programs,
			runProbe: async (request) => answerProbe({ sockets, verifier, clock }, request, NEVER),
		});
		return [given.name, { signer, services: given.services, probe: given.probe }] as const;
	});
	return createSwap({
		disk: host.disk,
		services,
		signers: new Map(signers),
		clock,
		log,
		directory: `${settings.state}-door`,
		domains: new Map(settings.domains.map(({ domain, signers: own }) => [domain, own])),
		defersMail: async () => true,
		queue: async () => null,
		wiring: async () => null,
		mayReveal: false,
		several: new Set(),
		otherReaders: async () => [],
		takeLock,
	});
}
