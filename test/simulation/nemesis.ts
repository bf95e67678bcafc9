/** Brings the trouble of a scenario: each kind comes in episodes, at moments that the seed chose. */

import type { Chance } from "./chance.ts";
import { KEY_TABLE, SECOND_KEY_TABLE, SIGNING_TABLE } from "./mail-host.ts";
import { knowable } from "./other-programs.ts";
import type { Pace } from "./scenario.ts";
import type { ServerMood } from "./sim-dns.ts";
import { PROVIDER_FAULTS } from "./sim-provider.ts";
import { DOOR_STATE, type World } from "./world.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** The longest lag of a server, and the longest negative TTL behind it. */
const CACHES_MS = 6 * HOUR_MS;

const SERVER_MOODS = [
	"down",
	"servfail",
	"refused",
	"lies_absent",
	"lies_other",
	"stalled",
] as const satisfies readonly ServerMood[];

/** Small steps are believed; large ones have to be noticed. */
const CLOCK_STEPS_MS = [
	-30_000,
	30_000,
	-20 * MINUTE_MS,
	20 * MINUTE_MS,
	-5 * HOUR_MS,
	-40 * DAY_MS,
	40 * DAY_MS,
];

/** How long one thing stays wrong at most. */
export const LONGEST_FAULT_MS: Record<Pace, number> = {
	often: 3 * HOUR_MS,
	daily: 8 * HOUR_MS,
	rarely: 30 * HOUR_MS,
};

export interface Nemesis {
	/** From now on nothing new goes wrong, and what is wrong is mended. */
	rest(): void;
	/** An administrator edits a table, the way editors do: another file renamed over it. */
	editTables(): void;
}

export function createNemesis(world: World, acts: { command(): void }): Nemesis {
	const { time, scenario, dns, record } = world;
	const luck = world.chance.stream("nemesis");
	const mending: (() => void)[] = [];
	let isResting = false;

	// As much of the trouble at any pace: where turns come rarely, so does it.
	const daysOf = { often: 0.4, daily: 1, rarely: 10 }[scenario.pace] * DAY_MS;
	const longestMs = LONGEST_FAULT_MS[scenario.pace];

	/** Every so often, for a while. */
	const episodes = (perDay: number, begin: () => (() => void) | null, atMostMs = longestMs) => {
		if (perDay <= 0) return;
		const next = () => {
			if (isResting) return;
			const end = begin();
			if (end !== null) {
				mending.push(end);
				time.after(luck.between(MINUTE_MS, atMostMs), () => {
					if (!isResting) end();
				});
			}
			plan();
		};
		const plan = () => time.after(luck.between(1, Math.ceil((2 * daysOf) / perDay)), next);
		plan();
	};

	const note = (what: string) => record.note("nemesis", what);
	const { luck: rates } = scenario;

	episodes(rates.serverFaults, () => {
		const zone = luck.pick(dns.zones);
		const server = luck.pick(zone.servers);
		if (luck.happens(0.3)) {
			server.lagMs = luck.between(0, 3 * HOUR_MS);
			note(`${server.name} lags by ${server.lagMs / MINUTE_MS} minutes`);
			return () => {
				server.lagMs = 0;
			};
		}
		const mood = luck.pick(SERVER_MOODS);
		server.mood = mood;
		note(`${server.name} is ${mood}`);
		return () => {
			server.mood = "well";
			dns.catchUp(zone, server);
			world.dirty = true;
			note(`${server.name} is well`);
		};
	});

	episodes(rates.providerFaults, () => {
		const account = luck.pick([...world.accounts.values()]);
		if (account.fault !== null) return null;
		account.fault = { kind: luck.pick(PROVIDER_FAULTS), likelihood: luck.pick([0.1, 0.5, 1]) };
		note(`${account.name}: ${account.fault.kind} (${account.fault.likelihood})`);
		return () => {
			account.fault = null;
			note(`${account.name} is well`);
		};
	});

	episodes(rates.diskFaults, () => {
		world.diskFault = { errno: luck.pick(["ENOSPC", "EIO"] as const), likelihood: luck.pick([0.02, 0.2, 1]) };
		note(`disk: ${world.diskFault.errno} (${world.diskFault.likelihood})`);
		return () => {
			world.diskFault = null;
			note("disk: well");
		};
	});

	episodes(rates.serviceFaults, () => {
		const service = luck.pick(["postfix", "opendkim"] as const);
		const starts = luck.happens(0.7);
		(starts ? world.serviceFaults.failingStarts : world.serviceFaults.failingStops)[service] = luck.between(
			1,
			3,
		);
		note(`${service} will not ${starts ? "start" : "stop"}`);
		return () => {
			world.serviceFaults.failingStarts[service] = 0;
			world.serviceFaults.failingStops[service] = 0;
		};
	});

	episodes(rates.serviceFaults / 2, () => {
		world.serviceFaults.complaint = "postfix check: main.cf is damaged";
		return () => {
			world.serviceFaults.complaint = null;
		};
	});

	episodes(rates.probeFaults, () => {
		world.signerFaults.failingProbes = luck.between(1, 2);
		note("the next probe fails");
		return () => {
			world.signerFaults.failingProbes = 0;
		};
	});

	episodes(rates.clockSteps, () => {
		const byMs = luck.pick(CLOCK_STEPS_MS);
		time.stepWall(byMs);
		note(`the wall clock steps by ${byMs / MINUTE_MS} minutes`);
		return () => {
			time.stepWall(-time.wallErrorMs());
			note("the wall clock is right");
		};
	});

	episodes(rates.sinkFaults, () => {
		const sink = luck.pick(world.sinks);
		sink.isUp = false;
		return () => {
			sink.isUp = true;
		};
	});

	episodes(rates.stoppages, () => stopServices(world));

	episodes(rates.suspensions, () => {
		suspend(world, luck);
		return null;
	});

	episodes(rates.vanishings, () => takeRecordOut(world, luck));

	episodes(rates.holds, () => {
		world.hooks.answer = luck.pick(["failed", "deferred"] as const);
		note(`the hook before a switch says ${world.hooks.answer}`);
		return () => {
			world.hooks.answer = "done";
		};
	});

	episodes(rates.holds / 2, () => {
		world.hooks.isFailing = true;
		return () => {
			world.hooks.isFailing = false;
		};
	});

	// As long as records are kept, and longer.
	const graceMs = Math.max(...scenario.policies.map(({ retire }) => retire.graceMs));
	episodes(rates.otherPrograms, () => shareKey(world, luck), 3 * graceMs);
	episodes(rates.otherPrograms / 2, () => {
		world.others.isUnreadable = true;
		return () => {
			world.others.isUnreadable = false;
		};
	});

	episodes(rates.stuckMail, () => {
		keepInQueue(world, luck);
		return null;
	});

	episodes(rates.commands, () => {
		for (let count = luck.pick([1, 1, 3]); count > 0; count -= 1) acts.command();
		return null;
	});

	episodes(rates.guesses, () => {
		guessNames(world, luck);
		return null;
	});

	return {
		rest: () => {
			isResting = true;
			for (const mend of mending) mend();
			if (rates.clockSteps > 0) restartAfterSteps(world, luck);
		},
		editTables: () => editTables(world, luck),
	};
}

/** An administrator stops both for a while; keyturn has to leave them so. */
function stopServices(world: World): (() => void) | null {
	const { host, record, stopped } = world;
	const isQuiet =
		world.phase === "running" &&
		!world.isRecoveryArmed &&
		!world.scheduler.living().some((running) => running.kind === "door") &&
		host.disk.text(`${DOOR_STATE}/journal.json`) === null;
	if (!isQuiet || !host.signer.running || !host.mailServer.running) return null;
	host.mailServer.running = false;
	host.stopSigner();
	for (const service of ["postfix", "opendkim"] as const) stopped.add(service);
	record.note("admin", "stops postfix and opendkim");
	return () => {
		if (stopped.size === 0) return;
		stopped.clear();
		host.startSigner();
		Object.assign(host.mailServer, { running: true, startedAt: world.time.wall() });
		record.note("admin", "starts opendkim and postfix");
		world.dirty = true;
	};
}

/** The host sleeps, for months where turns come rarely; not in the middle of a switch, whose evidence would be months old. */
function suspend(world: World, luck: Chance): void {
	const { time, scenario, record } = world;
	if (world.phase !== "running" || world.scheduler.living().some((running) => running.kind === "door"))
		return;
	const leftMs = scenario.days * DAY_MS - time.elapsedMs();
	const ms = Math.min(leftMs, luck.between(HOUR_MS, scenario.days * DAY_MS));
	if (ms < HOUR_MS) return;
	// The last mail goes out before; connections that were open do not outlive it.
	world.host.sendMail();
	world.host.signer.old = [];
	world.host.sendMail();
	time.suspend(ms);
	record.note("nemesis", `the host was suspended for ${Math.round(ms / HOUR_MS)} hours`);
	world.dirty = true;
}

/** Somebody takes the record of a key in use out of its zone, and puts it back later if the key is still in use. */
function takeRecordOut(world: World, luck: Chance): (() => void) | null {
	const { dns, host, record, vanished, foreign } = world;
	const mail = host.current.length === 0 ? null : luck.pick(host.current);
	if (mail === null) return null;
	const origin = `${mail.selector}._domainkey.${mail.domain}`;
	const isOurs = !foreign.records.some(({ name }) => name === origin);
	const name = dns.targetOf(origin);
	const zone = dns.zoneOf(name);
	const set = zone?.current.txt.get(name);
	if (!isOurs || zone === null || set === undefined || vanished.has(name)) return null;
	dns.write(zone, name, null);
	// Where it stood in the way of an alias, the lookup leads elsewhere now.
	const names = [name, dns.targetOf(origin)];
	for (const one of names) vanished.add(one);
	record.note("admin", `takes the record ${name} out`);
	return () => {
		if (!vanished.has(name)) return;
		const { graceMs } = world.scenario.policies.find(({ domain }) => domain === mail.domain)?.retire ?? {
			graceMs: 0,
		};
		// What was revoked meanwhile must not come back, and after grace it may have been retired.
		if (world.revocations.isAsked(mail.domain, mail.selector)) return;
		if (!mail.isCurrent && mail.lastMs + graceMs <= world.time.elapsedMs()) return;
		dns.write(zone, name, set);
		record.note("admin", `puts the record ${name} back`);
		// Servers lag, and receivers remember that it was not there.
		const forget = () => {
			if (zone.servers.some(({ held }) => !held.txt.has(name) && zone.current.txt.has(name)))
				world.time.after(CACHES_MS, forget);
			else for (const one of names) vanished.delete(one);
		};
		world.time.after(CACHES_MS, forget);
	};
}

/** Another program of this host is given the key that signs for a domain, and later it is taken from it again. */
function shareKey(world: World, luck: Chance): (() => void) | null {
	const { host, others, record, time } = world;
	if (host.current.length === 0) return null;
	const { domain, selector, publicKey } = luck.pick(host.current);
	const use = { program: "amavis", domain, selector, publicKey, sinceMs: time.awakeMs() };
	others.uses = [...others.uses, use];
	record.note("admin", `gives amavis ${selector} of ${domain}`);
	return () => {
		if (!others.uses.includes(use)) return;
		if (knowable(others, time.awakeMs()).includes(use)) host.sendOthers([use]);
		others.uses = others.uses.filter((other) => other !== use);
		record.note("admin", `takes ${selector} of ${domain} from amavis`);
	};
}

/** A message stays in the queue, some of them longer than they should. */
function keepInQueue({ host, queue, time, record, scenario }: World, luck: Chance): void {
	if (host.current.length === 0 || !host.mailServer.running) return;
	const { domain, selector, publicKey } = luck.pick(host.current);
	const id = `4F${queue.length.toString(16).toUpperCase().padStart(8, "0")}`;
	const staysMs = luck.between(scenario.queueLifetimeMs / 2, 3 * scenario.queueLifetimeMs);
	queue.push({
		id,
		domain,
		selector,
		publicKey,
		arrivedAt: time.wall(),
		leavesMs: time.elapsedMs() + staysMs,
	});
	record.note(
		"queue",
		`${id} of ${domain}, signed with ${selector}, stays for ${Math.round(staysMs / HOUR_MS)} hours`,
	);
}

/** Somebody tries the names that keyturn is likely to use, and makes the world's resolvers remember that they are not there. */
function guessNames({ scenario, time, dns }: World, luck: Chance): void {
	const tomorrow = new Date(time.trueWall().getTime() + DAY_MS);
	const month = `${tomorrow.getUTCFullYear()}${String(tomorrow.getUTCMonth() + 1).padStart(2, "0")}`;
	const day = String(tomorrow.getUTCDate()).padStart(2, "0");
	for (const { domain } of scenario.policies)
		for (const name of [month, month + day, ..."bcdefghijklmn".split("").map((suffix) => month + suffix)])
			if (luck.happens(0.5)) dns.guess(`${name}._domainkey.${domain}`);
}

function editTables(world: World, luck: Chance): void {
	const beside = world.scenario.signsTwice ? [SECOND_KEY_TABLE] : [];
	const path = luck.pick([KEY_TABLE, SIGNING_TABLE, ...beside]);
	const table = world.host.disk.text(path);
	if (table === null) return;
	const line = `# edited ${world.time.elapsedMs()}`;
	world.host.disk.put(path, `${table}${line}\n`);
	world.foreign.lines.set(path, [...(world.foreign.lines.get(path) ?? []), line]);
	world.record.note("admin", `adds "${line}" to ${path}`);
	world.dirty = true;
	restartByHand(world, luck);
}

/** A table that was edited before the clock went back seems newer than any signer: the alert's hint says what to do. */
function restartAfterSteps(world: World, luck: Chance): void {
	for (const path of [KEY_TABLE, SIGNING_TABLE, SECOND_KEY_TABLE]) {
		const table = world.host.disk.text(path);
		if (table !== null) world.host.disk.put(path, table);
	}
	restartByHand(world, luck);
}

/** Whoever edits a table restarts the signer afterwards, unless something else is at work on it just then. */
function restartByHand(world: World, luck: Chance): void {
	world.time.after(luck.between(MINUTE_MS, 30 * MINUTE_MS), () => {
		const { host, scheduler } = world;
		if (!host.signer.running || world.phase !== "running") return;
		if (scheduler.living().some((running) => running.kind === "door")) restartByHand(world, luck);
		else {
			host.startSigner();
			world.record.note("admin", "restarts opendkim");
			world.dirty = true;
		}
	});
}
