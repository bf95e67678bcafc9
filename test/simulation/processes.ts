/** The programs of the simulated host: the daemon, a command beside it, the door behind its socket, recovery at boot. */

import { type Agent, createAgent } from "../../src/agent/agent.ts";
import { createPropagation } from "../../src/dns/propagation.ts";
import { KeyturnError } from "../../src/errors.ts";
import type { Disk } from "../../src/ports/disk.ts";
import type { DnsProvider } from "../../src/ports/dns-provider.ts";
import type { Door, DoorAnswer, DoorRequest } from "../../src/ports/door.ts";
import type { Log, LogFields } from "../../src/ports/log.ts";
import { createPublisher } from "../../src/publishing/publisher.ts";
import { createTurns } from "../../src/publishing/turns.ts";
import { createFileStateStore } from "../../src/state/files.ts";
import { createSwap } from "../../src/swap/swap.ts";
import { createKeyStore } from "../../src/system/key-store.ts";
import { createPrivateShelf } from "../../src/system/private-shelf.ts";
import type { DiskCall } from "../fakes/sim-disk.ts";
import { createSimRandom } from "./chance.ts";
import { HOLD_MS, KEY_TABLE, KEYS, SECOND_KEY_TABLE, SIGNING_TABLE } from "./mail-host.ts";
import type { WishFor } from "./operator.ts";
import { lookAt } from "./other-programs.ts";
import type { Running } from "./scheduler.ts";
import { createSimClock } from "./sim-clock.ts";
import { publicHalfOf, simMailVerifier } from "./sim-mail.ts";
import { createSimHookSink, createSimPreHook } from "./sim-hooks.ts";
import { createSimProvider } from "./sim-provider.ts";
import { toInspected } from "./sim-queue.ts";
import { createSimServices } from "./sim-services.ts";
import { createSimSigner } from "./sim-signer.ts";
import { STATE } from "./stored-domain.ts";
import { AGENT_UID, createSimSink, DOOR_STATE, type World } from "./world.ts";
import type { Wrappers } from "./wrappers.ts";
import { startable } from "./promises.ts";

export interface Programs {
	startDaemon(): void;
	/** One tick beside the daemon, as `keyturn rotate` does it. */
	runCommand(): void;
	/** An administrator has changed the configuration: the daemon reads it again. */
	reconfigure(): void;
	/** What an operator asks for, left for the next tick. */
	leaveWish(wish: WishFor): void;
	/** All processes die, the disk keeps what was synced and some of the rest; then the host comes up again. */
	losePower(): void;
	/** Ends the daemon for good, waits until nothing is due within a minute, and ticks on: what those ticks changed. */
	tickIdly(done: (changed: number | null) => void): void;
	readonly silentWaits: Set<string>;
}

const MINUTE_MS = 60_000;
/** Ticks until there has to be rest. */
const IDLE_TRIES = 240;

export function createPrograms(world: World, wrappers: Wrappers, forgetStates: () => void): Programs {
	const { scheduler, time, scenario, record, host } = world;
	const silentWaits = new Set<string>();
	const luck = world.chance.stream("programs");
	let deadMan: (() => void) | null = null;
	let births = 0;
	let isEnding = false;

	const diskOf = (running: Running, uid: number): Disk =>
		wrappers.disk(
			host.disk.open({
				process: running.process,
				owner: { uid, gid: uid },
				fault: (call) => strikeDisk(world, call),
				onChange: (call, path) => noteChange(world, running, call, path),
			}),
		);

	const randomOf = () => {
		births += 1;
		return createSimRandom(world.chance.stream(`random ${births}`));
	};

	const clockOf = (running: Running) => createSimClock(time, running.process, () => world.bootedMs);

	const logOf = (running: Running): Log => {
		const say = (level: string) => (message: string, fields?: LogFields) => {
			if (!running.isAlive()) return;
			const text = `${level} ${message} ${fields === undefined ? "" : describeFields(fields)}`;
			world.said.push({ where: "the log", text });
			record.note(running.name, text);
		};
		return { debug: () => {}, info: say("info"), warn: say("warn"), error: say("error") };
	};

	/** Answers one request as the door's unit does: a process of its own, JSON on both ways. */
	const runDoor = (request: DoorRequest, answer: (text: string | null) => void): void => {
		const running = scheduler.start(`door ${request.act}`, "door");
		running.onEnd((why) => {
			if (why !== "ended") record.note(running.name, why);
			answer(null);
		});
		const signer = wrappers.signer(
			createSimSigner({
				name: "main",
				swap: scenario.swap,
				signsTwice: scenario.signsTwice,
				host,
				disk: diskOf(running, 0),
				process: running.process,
				faults: world.signerFaults,
				onProbe: () => {
					world.dirty = true;
				},
			}),
		);
		const swap = createSwap({
			disk: diskOf(running, 0),
			services: wrappers.services(
				createSimServices({
					host,
					time,
					process: running.process,
					faults: world.serviceFaults,
					deadMan: { arm: armDeadMan, disarm: disarmDeadMan },
					oldConnectionsMs: () => luck.between(0, scenario.oldConnectionsMs),
					onChange: (what) => {
						world.dirty = true;
						record.note("services", what);
					},
					onRefusal: (service) => {
						if (service === "opendkim") host.signer.isRefused = true;
						excuse();
					},
				}),
			),
			signers: new Map([
				[
					"main",
					{
						signer,
						services: {
							stop: ["postfix", "opendkim"],
							start: ["opendkim", "postfix"],
							holdMs: HOLD_MS,
							commands: {},
						},
						probe: true,
					},
				],
			]),
			clock: clockOf(running),
			log: logOf(running),
			directory: DOOR_STATE,
			domains: new Map(scenario.policies.map((policy) => [policy.domain, ["main"]])),
			defersMail: async () => !scenario.acceptsWithoutMilter,
			queue: async () => toInspected(world.queue, scenario.queueLifetimeMs, time.elapsedMs()),
			wiring: async () => null,
			several: new Set(world.policies.flatMap(({ domain, keys }) => (keys === undefined ? [] : [domain]))),
			mayReveal: world.policies.some(({ retire }) => retire.publishPrivate !== null),
			otherReaders: async () => lookAt(world.others),
			takeLock: world.locks.takerFor(running),
		});
		const finish = (text: string | null) => {
			if (!running.isAlive()) return;
			answer(text);
			running.end();
			world.dirty = true;
		};
		swap.handle(JSON.parse(JSON.stringify(request)) as DoorRequest).then(
			(given) => finish(JSON.stringify(given)),
			(thrown: unknown) => {
				record.note(running.name, `failed: ${String(thrown)}`);
				finish(null);
			},
		);
	};

	/** An injected fault needs its time: the next hourly look of a living agent starts what is still owed. */
	const excuse = () => {
		world.servicesExcusedUntilMs = time.awakeMs() + 4 * 60 * MINUTE_MS;
	};

	/** What did not start at boot nobody but an administrator starts. */
	const startByHand = () => {
		if (world.phase !== "running" || host.signer.running) return;
		record.note("admin", "starts opendkim");
		host.startSigner();
		world.dirty = true;
	};

	const armDeadMan = (afterMs: number) => {
		disarmDeadMan();
		world.isRecoveryArmed = true;
		deadMan = time.after(afterMs, () => {
			deadMan = null;
			world.isRecoveryArmed = false;
			if (scheduler.living().some((running) => running.kind === "door")) {
				armDeadMan(30_000);
				return;
			}
			record.note("dead man", "recovers");
			// Nothing starts a recovery that dies anew: the next to settle is the agent's next request.
			runDoor({ act: "recover", filesOnly: false }, (text) => {
				if (text === null) excuse();
			});
		});
	};

	const disarmDeadMan = () => {
		deadMan?.();
		deadMan = null;
		world.isRecoveryArmed = false;
	};

	const doorFor = (running: Running): Door => ({
		request: async (request, signal) => {
			await running.process.before(`door.${request.act}`);
			return new Promise<DoorAnswer>((resolve, reject) => {
				const lost = (why: string) => {
					running.parked = false;
					reject(new KeyturnError("door.unreachable", `the door gave no answer: ${why}`, { retry: true }));
				};
				const abort = () => lost("the request was given up");
				signal.addEventListener("abort", abort, { once: true });
				running.parked = true;
				runDoor(request, (text) => {
					if (!running.isAlive()) return;
					signal.removeEventListener("abort", abort);
					if (text === null) lost("it ended");
					else {
						running.parked = false;
						// A private half goes this way once it is to be known to everybody.
						if (request.act !== "drop" || request.reveal === undefined)
							world.said.push({ where: "an answer of the door", text });
						resolve(JSON.parse(text) as DoorAnswer);
					}
				});
			});
		},
	});

	const providerFor = (running: Running, name: string): DnsProvider => {
		const account = world.accounts.get(name);
		if (account === undefined) throw new Error(`no account ${name}`);
		const bare = scheduler.guard(
			running,
			name,
			createSimProvider({
				account,
				dns: world.dns,
				time,
				chance: luck,
				isInUse: (owner) => isInUse(world, owner),
				onWrite: (what, added) => {
					world.dirty = true;
					world.writes += 1;
					for (const one of added) world.ours.add(one);
					record.note(name, what);
				},
				onRemoval: (removal) => {
					world.removals.push(removal);
				},
			}),
		);
		return wrappers.publishing === null
			? createPublisher({
					provider: bare,
					turns: createTurns(),
					clock: clockOf(running),
					random: randomOf(),
					log: logOf(running),
				})
			: wrappers.publishing(bare);
	};

	const storeOf = (running: Running) =>
		createFileStateStore({
			directory: STATE,
			disk: diskOf(running, AGENT_UID),
			takeLock: world.locks.takerFor(running),
			clock: clockOf(running),
		});

	const providersFor = (running: Running) =>
		new Map([...world.accounts.keys()].map((name) => [name, providerFor(running, name)]));

	const sinksFor = (running: Running) => [...alertsFor(running), ...hooksAfter(running)];

	const hooksAfter = (running: Running) =>
		(["deploy", "post"] as const).map((hook) =>
			scheduler.guard(
				running,
				`hook ${hook}`,
				wrappers.sink(createSimHookSink(world.hooks, hook, () => time.elapsedMs())),
			),
		);

	const hooksBefore = (running: Running) => [
		scheduler.guard(running, "hook pre", wrappers.pre(createSimPreHook(world.hooks))),
	];

	const alertsFor = (running: Running) =>
		world.sinks.map((sink) =>
			scheduler.guard(
				running,
				`sink ${sink.name}`,
				wrappers.sink(
					createSimSink(sink, {
						waiting: () => waitingFor(sink.name, host.disk.text(`${STATE}/host.json`)),
						note: (event) => {
							world.said.push({ where: "an event", text: JSON.stringify(event) });
							if (event.phase === "start")
								for (const domain of event.domains)
									world.firstToldMs.set(
										domain,
										world.firstToldMs.get(domain) ?? time.elapsedMs() - world.offMs,
									);
							record.note(
								"told",
								`${event.event} ${event.phase ?? ""} ${event.domains.join(",")}: ${event.summary}`,
							);
						},
					}),
				),
			),
		);

	const settingsNow = () => ({
		host: "mx1",
		policies: world.policies.map(wrappers.policy),
		signers: [],
		providers: [],
	});

	let daemonsAgent: { readonly running: Running; readonly agent: Agent } | null = null;

	const reconfigure = () => {
		if (daemonsAgent?.running.isAlive() !== true) return;
		const { agent, running } = daemonsAgent;
		agent.configure(settingsNow(), {
			providers: providersFor(running),
			sinks: sinksFor(running),
			pre: hooksBefore(running),
		});
	};

	const agentOf = (running: Running): Agent => {
		const random = randomOf();
		const clock = clockOf(running);
		const resolver = wrappers.resolver(scheduler.guard(running, "dns", world.dns.resolverFor(running.name)));
		return createAgent(
			{
				clock,
				random,
				store: storeOf(running),
				keys: createKeyStore({
					directory: `${STATE}/keys`,
					disk: diskOf(running, AGENT_UID),
					makeKey: async ({ algorithm }) => {
						const pem = world.makeKey(algorithm);
						return { pem, publicKey: publicHalfOf(pem) ?? "" };
					},
				}),
				shelf: createPrivateShelf(diskOf(running, AGENT_UID)),
				propagation: wrappers.propagation(createPropagation({ resolver, clock })),
				providers: providersFor(running),
				door: wrappers.door(doorFor(running)),
				verifier: simMailVerifier,
				pre: hooksBefore(running),
				sinks: sinksFor(running),
				log: logOf(running),
			},
			settingsNow(),
		);
	};

	const tickOnce = async (agent: Agent): Promise<Date | null> => {
		const report = await agent.tick(new AbortController().signal, { lockWaitMs: 30_000 });
		if (report === "held") return null;
		for (const { domain, waits } of report.domains)
			for (const { reason, until, selector } of waits) {
				if (reason === "") silentWaits.add(`${domain} waits without a reason`);
				noteWait(`${domain} ${selector ?? ""}`, reason, until);
			}
		return report.nextAt;
	};

	const waits = new Map<string, string>();
	/** A wait is noted when its reason changes. */
	const noteWait = (what: string, reason: string, until: Date | null) => {
		if (waits.get(what) === reason) return;
		waits.set(what, reason);
		record.note("waits", `${what} until ${until?.toISOString() ?? "somebody acts"}: ${reason}`);
	};

	const sleepFor = (running: Running, ms: number): Promise<void> =>
		new Promise((resolve) => {
			running.parked = true;
			time.after(ms, () => {
				running.parked = false;
				if (running.isAlive()) resolve();
			});
		});

	const startDaemon = () => {
		const running = scheduler.start("daemon", "daemon");
		running.onEnd((why) => {
			record.note("daemon", why);
			if (world.phase === "running" && !isEnding) time.after(luck.between(100, 60_000), restart);
		});
		const restart = () => {
			if (
				world.phase === "running" &&
				!isEnding &&
				!scheduler.living().some((other) => other.kind === "daemon")
			)
				startDaemon();
		};
		record.note("daemon", "starts");
		const agent = agentOf(running);
		daemonsAgent = { running, agent };
		const live = async () => {
			for (;;) {
				let nextAt: Date | null = null;
				try {
					nextAt = await tickOnce(agent);
				} catch (thrown) {
					record.note("daemon", `tick failed: ${String(thrown)}`);
					nextAt = new Date(time.wall().getTime() + MINUTE_MS);
				}
				world.dirty = true;
				const inMs = nextAt === null ? scenario.wakeMs : nextAt.getTime() - time.wall().getTime();
				await sleepFor(running, Math.min(Math.max(inMs, 1000), scenario.wakeMs));
			}
		};
		void live();
	};

	const runCommand = () => {
		if (world.phase !== "running") return;
		const running = scheduler.start("command", "command");
		running.onEnd((why) => record.note("command", why));
		record.note("command", "starts");
		tickOnce(agentOf(running)).then(
			() => running.end(),
			(thrown: unknown) => {
				record.note("command", `failed: ${String(thrown)}`);
				running.end();
			},
		);
	};

	const leaveWish = (wish: WishFor) => {
		if (world.phase !== "running") return;
		const running = scheduler.start("wish", "command");
		record.note("wish", `${wish.kind} ${wish.domains.join(" ")}`);
		storeOf(running)
			.leaveWish({ ...wish, id: randomOf().id(), at: time.wall().toISOString() })
			.then(
				() => running.end(),
				() => running.end(),
			);
	};

	const tickIdly = (done: (changed: number | null) => void) => {
		isEnding = true;
		for (const daemon of scheduler.living().filter((one) => one.kind === "daemon"))
			scheduler.kill(daemon, "ended for the last ticks");
		const running = scheduler.start("idle", "command");
		countIdle(running).then(done, (thrown: unknown) => {
			record.note("idle", `failed: ${String(thrown)}`);
			done(null);
		});
	};

	/** Null if there is no rest: something is always due. */
	const countIdle = async (running: Running): Promise<number | null> => {
		const agent = agentOf(running);
		for (let tries = 0; tries < IDLE_TRIES; tries += 1) {
			const before = world.writes;
			const nextAt = await tickOnce(agent);
			const leftMs = (nextAt?.getTime() ?? Infinity) - time.wall().getTime();
			if (world.writes === before && leftMs > MINUTE_MS) {
				// One that remembers, twice, and one that has just been started.
				for (const another of [agent, agent, agentOf(running)]) await tickOnce(another);
				return world.writes - before;
			}
			await sleepFor(running, Math.min(Math.max(leftMs, 1000), MINUTE_MS));
		}
		return null;
	};

	const losePower = () => {
		record.note("power", "lost");
		world.phase = "off";
		disarmDeadMan();
		host.mailServer.running = false;
		host.stopSigner();
		for (const running of scheduler.living()) scheduler.kill(running, "power lost");
		const survivors = world.chance.stream(`power ${time.elapsedMs()}`);
		host.disk = host.disk.powerLoss((count) => survivors.between(0, count - 1));
		host.keyChanges += 1;
		forgetStates();
		world.dirty = true;
		const offMs = luck.between(10_000, 4 * 60 * MINUTE_MS);
		world.offMs += offMs;
		time.after(offMs, boot);
	};

	/** As Debian boots: recovery of files, then the signer and the mail server whatever came of it, then the daemon. */
	const boot = () => {
		record.note("boot", "starts");
		world.phase = "starting";
		world.bootedMs = time.elapsedMs();
		world.serviceFaults.phase = "starting";
		runDoor({ act: "recover", filesOnly: true }, () => {
			if (world.phase !== "starting") return;
			if (world.serviceFaults.failingStarts.opendkim > 0) {
				world.serviceFaults.failingStarts.opendkim -= 1;
				Object.assign(host.signer, { isRefused: true, stoppedMs: -HOLD_MS });
				excuse();
				time.after(luck.between(MINUTE_MS, 2 * 60 * MINUTE_MS), startByHand);
			} else host.startSigner();
			Object.assign(host.mailServer, { running: true, startedAt: time.wall() });
			world.stopped.clear();
			world.serviceFaults.phase = "running";
			world.phase = "running";
			world.dirty = true;
			record.note("boot", "done");
			startDaemon();
		});
	};

	return { startDaemon, runCommand, reconfigure, leaveWish, losePower, tickIdly, silentWaits };
}

function strikeDisk(world: World, call: DiskCall): string | null {
	const { diskFault } = world;
	if (diskFault === null) return null;
	const strikes =
		diskFault.errno === "EIO"
			? call === "file.sync" || call === "syncDirectory"
			: call === "file.write" || call === "create" || call === "makeDirectory" || call === "link";
	return strikes && world.chance.happens(diskFault.likelihood) ? diskFault.errno : null;
}

/** Whose changes a promise is about: tables, keys, the agent's memory of each domain. */
const CHECKED_PATHS = [KEYS, KEY_TABLE, SECOND_KEY_TABLE, SIGNING_TABLE, `${STATE}/domains/`];

function noteChange(world: World, running: Running, call: DiskCall, path: string): void {
	world.touched.add(path);
	if (path.startsWith(KEYS)) noteKeyFile(world, call, path);
	if (CHECKED_PATHS.some((checked) => path.startsWith(checked))) world.dirty = true;
	if (call !== "rename" || !path.startsWith(`${STATE}/`)) return;
	if (path.startsWith(`${STATE}/domains/`)) world.writes += 1;
	// What was let through as it died still happens, though its lock is free by then.
	if (running.isAlive() && world.locks.holder(`${STATE}/lock`) !== running)
		world.strangers.push(`${running.name} wrote ${path}`);
}

function noteKeyFile(world: World, call: DiskCall, path: string): void {
	world.host.keyChanges += 1;
	const content = world.host.disk.text(path);
	const before = world.keyFiles.get(path);
	if (call === "unlink" && before !== undefined) world.unlinked.push({ path, content: before });
	if (content === null) world.keyFiles.delete(path);
	else if (call.startsWith("file.")) world.keyFiles.set(path, content);
}

function waitingFor(sink: string, text: string | null): number {
	try {
		const { outbox } = JSON.parse(text ?? "") as { readonly outbox: readonly { readonly sink: string }[] };
		return outbox.filter((entry) => entry.sink === sink).length;
	} catch {
		return 0;
	}
}

function isInUse(world: World, owner: string): boolean {
	const name = world.dns.originOf(owner);
	for (const mail of world.host.classes.values())
		if (`${mail.selector}._domainkey.${mail.domain}` === name) return true;
	// Nor does it lose what a signer that is down would sign with at its next start.
	return startable(world.host).some(({ domain, selector }) => `${selector}._domainkey.${domain}` === name);
}

function describeFields(fields: LogFields): string {
	return Object.entries(fields)
		.map(([name, value]) => `${name}=${value instanceof Error ? value.message : JSON.stringify(value)}`)
		.join(" ");
}
