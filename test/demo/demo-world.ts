/** Everything that the story happens on: host, name servers, signer, agent and mail, opened together and closed together. */

import type { Agent } from "../../src/agent/agent.ts";
import type { KeyturnEvent } from "../../src/ports/alert-sink.ts";
import type { Resolver } from "../../src/ports/resolver.ts";
import type { Settings } from "../../src/settings/settings.ts";
import { createFileStateStore } from "../../src/state/files.ts";
import { createSystemClock } from "../../src/system/clock.ts";
import { createSystemDisk } from "../../src/system/disk.ts";
import { createKeyMaker } from "../../src/system/key-maker.ts";
import { createTakeLock } from "../../src/system/lock.ts";
import { createLog } from "../../src/system/log.ts";
import { createMailVerifier } from "../../src/system/mail-verifier.ts";
import { createSystemRandom } from "../../src/system/random.ts";
import { createSystemSockets } from "../../src/system/sockets.ts";
import { createWire } from "../../src/system/wire.ts";
import { createDemoResolver, createHostAgent, readSettings } from "./agent-host.ts";
import { type Change, type Chronicle, createChronicle } from "./chronicle.ts";
import { createMailFlow, type MailFlow } from "./mail-flow.ts";
import { type NameServers, startNameServers } from "./name-servers.ts";
import { createRecordedServices } from "./recorded-services.ts";
import { makeScratchHost, type ScratchHost } from "./scratch-host.ts";
import { createSpeedingClock, type SpeedingClock } from "./speeding-clock.ts";
import { createStandInProgram, createStandInSigner } from "./stand-in-signer.ts";

/** What the story hears of; the agent or the door waits until it has been told. */
export interface Listeners {
	changed(change: Change): Promise<void>;
	/** Just before mail stops, and just after it flows again. */
	mailStops(): Promise<void>;
	mailFlows(): Promise<void>;
	serviceActed(act: "stop" | "start", service: string): void;
	told(event: KeyturnEvent): void;
}

export interface DemoWorld {
	readonly host: ScratchHost;
	/** Of keyturn.yaml. */
	readonly text: string;
	readonly settings: Settings;
	readonly clock: SpeedingClock;
	readonly servers: NameServers;
	readonly resolver: Resolver;
	readonly agent: Agent;
	readonly mail: MailFlow;
	readonly chronicle: Chronicle;
	close(): Promise<void>;
}

/** How long the second server lags behind the primary, by the demo's clock. */
export const LAG_MS = 120_000;

export async function openWorld(listeners: Listeners): Promise<DemoWorld> {
	const disk = createSystemDisk();
	const random = createSystemRandom();
	const makeKey = createKeyMaker();
	const clock = createSpeedingClock(createSystemClock());
	const closing: (() => Promise<void>)[] = [];
	const close = async (): Promise<void> => {
		for (const step of closing.splice(0).toReversed()) await step();
	};
	try {
		const host = await makeScratchHost({ disk, random, makeKey, now: clock.now() });
		closing.push(() => host.remove());
		const { zones, tsig: key } = host;
		const servers = await startNameServers({ zones, key, clock, lagMs: LAG_MS });
		closing.push(() => servers.close());
		const text = await host.configure(servers);
		const settings = await readSettings(host, text);
		const ports = {
			clock,
			random,
			makeKey,
			log: createLog({ level: "silent", destination: "stderr" }),
			takeLock: createTakeLock(clock),
			wire: createWire(),
			sockets: createSystemSockets(),
			verifier: createMailVerifier(),
		};
		const resolver = createDemoResolver(ports);
		const mail = createMailFlow({
			...ports,
			resolver,
			servers: [servers.primary, servers.second],
			signerSocket: host.signerSocket,
			graceMs: settings.policies[0]?.retire.graceMs ?? 0,
		});
		const files = createFileStateStore({
			directory: settings.state,
			disk,
			takeLock: ports.takeLock,
			clock,
		});
		const chronicle = createChronicle(files, clock, (change) => listeners.changed(change));
		const services = await startServices(host, clock, listeners, closing);
		const agent = await createHostAgent(host, text, settings, {
			...ports,
			services,
			programs: createStandInProgram(clock),
			store: chronicle.store,
			sink: {
				name: "demo",
				on: null,
				repeatMs: 0,
				deliver: async (event) => {
					listeners.told(event);
				},
			},
		});
		return { host, text, settings, clock, servers, resolver, agent, mail, chronicle, close };
	} catch (thrown) {
		await close();
		throw thrown;
	}
}

async function startServices(
	host: ScratchHost,
	clock: SpeedingClock,
	listeners: Listeners,
	closing: (() => Promise<void>)[],
) {
	const { signerConfigPath: configPath, signerSocket: socketPath } = host;
	const signer = createStandInSigner({ configPath, socketPath, clock });
	closing.push(() => signer.stop());
	let isOpen = false;
	const postfix = {
		stop: () => listeners.mailStops(),
		start: async () => {
			if (isOpen) await listeners.mailFlows();
		},
	};
	const units = new Map([
		["demo-opendkim", signer],
		["demo-postfix", postfix],
	]);
	const services = createRecordedServices(units, (act, service) => {
		if (isOpen) listeners.serviceActed(act, service);
	});
	for (const service of units.keys()) await services.start(service, [service]);
	isOpen = true;
	return services;
}
