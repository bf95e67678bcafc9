/** The simulated host and what surrounds it, and how its processes are started, die and come back. */

import type { AlertSink, KeyturnEvent } from "../../src/ports/alert-sink.ts";
import { KeyturnError } from "../../src/errors.ts";
import { recordText } from "../../src/dkim/key-material.ts";
import { formatKeyRecord } from "../../src/dkim/key-record.ts";
import { SimDisk } from "../fakes/sim-disk.ts";
import { createChance, type Chance } from "./chance.ts";
import {
	createMailHost,
	KEY_TABLE,
	KEYS,
	type MailHost,
	SECOND_KEY_TABLE,
	SIGNER_UID,
	SIGNING_TABLE,
} from "./mail-host.ts";
import { createSimHooks, type SimHooks } from "./sim-hooks.ts";
import type { OtherPrograms } from "./other-programs.ts";
import type { ForeignThings } from "./promises.ts";
import { SHELF } from "./promises-to-others.ts";
import { createRunRecord, type RunRecord } from "./record-of-run.ts";
import type { Policy } from "../../src/rotation/policy.ts";
import { createRevocations, type Revocations } from "./revocations.ts";
import { providerOf, type Scenario, secondProviderOf } from "./scenario.ts";
import { createScheduler, type Running, type Scheduler } from "./scheduler.ts";
import { createSimDns, type SimDns } from "./sim-dns.ts";
import { createSimLocks, type SimLocks } from "./sim-lock.ts";
import { algorithmOf, createSimKeys, publicHalfOf } from "./sim-mail.ts";
import type { Removal, SimAccount } from "./sim-provider.ts";
import type { QueuedMail } from "./sim-queue.ts";
import type { ServiceFaults } from "./sim-services.ts";
import type { SignerFaults } from "./sim-signer.ts";
import { STATE } from "./stored-domain.ts";
import { createSimTime, type SimTime } from "./sim-time.ts";
import { createUnsignedDomains, type UnsignedDomains } from "./unsigned-domains.ts";

const AGENT_KEYS = `${STATE}/keys`;
export const DOOR_STATE = "/var/lib/keyturn-door";
export const AGENT_UID = 120;

const OPENDKIM_CONF = `KeyTable ${KEY_TABLE}
SigningTable refile:${SIGNING_TABLE}
UserID opendkim
Socket inet:8891@localhost
`;
const PASSWD = `root:x:0:0:root:/root:/bin/bash
opendkim:x:${SIGNER_UID}:${SIGNER_UID}::/run/opendkim:/usr/sbin/nologin
keyturn:x:120:120::/var/lib/keyturn:/usr/sbin/nologin
`;

/** What happens to system calls of the disk for a while. */
export interface DiskFault {
	readonly errno: "ENOSPC" | "EIO";
	readonly likelihood: number;
}

export interface SinkState {
	readonly name: string;
	isUp: boolean;
	/** Since it last took something. */
	hasFailed: boolean;
	/** Whether as much waited for it at some time as is kept for one (docs/alerts.md): the oldest news may have been given up. */
	wasFull: boolean;
	readonly got: KeyturnEvent[];
}

export interface World {
	readonly scenario: Scenario;
	readonly chance: Chance;
	readonly time: SimTime;
	readonly record: RunRecord;
	readonly scheduler: Scheduler;
	readonly dns: SimDns;
	readonly host: MailHost;
	readonly locks: SimLocks;
	readonly accounts: ReadonlyMap<string, SimAccount>;
	readonly signerFaults: SignerFaults;
	readonly serviceFaults: ServiceFaults;
	readonly sinks: readonly SinkState[];
	readonly hooks: SimHooks;
	/** What else signs with keys of this host. */
	readonly others: OtherPrograms;
	/** Mail that stays in the mail server's queue for long. */
	readonly queue: QueuedMail[];
	readonly foreign: {
		records: { name: string; value: string }[];
		/** Records of keys that were in use before keyturn came, by name. */
		readonly adopted: Map<string, string>;
		lines: Map<string, string[]>;
		files: ForeignThings["files"];
	};
	/** A private key that no other of this run is like. */
	readonly makeKey: ReturnType<typeof createSimKeys>;
	/** What an administrator has stopped. */
	readonly stopped: Set<"postfix" | "opendkim">;
	/** Where somebody took a record out of DNS, and for how long caches may go on to miss it. */
	readonly vanished: Set<string>;
	diskFault: DiskFault | null;
	bootedMs: number;
	/** How long the host has been without power so far. */
	offMs: number;
	/** Whether the host has power and is up. */
	phase: "starting" | "running" | "off";
	/** The dead man's switch stands ready: what is down will be brought up. */
	isRecoveryArmed: boolean;
	/** Until then, by the time that the host is awake, services may be away without a breach: an injected fault needs its time. */
	servicesExcusedUntilMs: number;
	readonly unsigned: UnsignedDomains;
	readonly revocations: Revocations;
	/** What is configured now; an administrator changes some of it now and then. */
	policies: readonly Policy[];
	/** Until when receivers may remember that a key was not there: somebody asked for a switch without the soak. */
	readonly hurriedUntilMs: Map<string, number>;
	/** Something happened that the checker has not seen. */
	dirty: boolean;
	readonly removals: Removal[];
	/** Every "name value" that keyturn may take away: what it wrote, and adopted records where it was told so. */
	readonly ours: Set<string>;
	/** Writes to the agent's memory without its lock. */
	readonly strangers: string[];
	/** Saves of domains and changes at providers so far. */
	writes: number;
	/** What stands in each key file, for when it is gone. */
	readonly keyFiles: Map<string, string>;
	/** When each domain's first trouble was told; while the host is off nobody can tell, and no time passes. */
	readonly firstToldMs: Map<string, number>;
	readonly unlinked: { path: string; content: string }[];
	readonly touched: Set<string>;
	readonly said: { where: string; text: string }[];
}

export function createWorld(
	seed: number,
	scenario: Scenario,
	onStep: (running: Running, call: string) => "die" | void,
): World {
	const chance = createChance(seed);
	const time = createSimTime(scenario.beginning);
	const record = createRunRecord(() => time.elapsedMs());
	const scheduler = createScheduler({ chance: chance.stream("order"), time, onStep });
	const dns = createSimDns({
		time,
		chance: chance.stream("dns"),
		zones: scenario.zones,
		receivers: 3,
	});
	const mailDomains = scenario.policies.map((policy) => policy.domain);
	const host = createMailHost({
		disk: new SimDisk(() => time.wall()),
		time,
		mailDomains,
		acceptsWithoutMilter: scenario.acceptsWithoutMilter,
	});
	const accounts = new Map(
		mailDomains.flatMap((domain) =>
			[providerOf(domain), secondProviderOf(domain)].map((name, index): [string, SimAccount] => [
				name,
				{
					name,
					dnsHost: index === 1 ? 1 : 0,
					zones: scenario.zones.map((zone) => zone.name),
					careful: scenario.carefulProvider,
					fault: scenario.broken.has(domain) ? { kind: "denied", likelihood: 1 } : null,
					calls: 0,
				},
			]),
		),
	);
	const world: World = {
		scenario,
		chance,
		time,
		record,
		scheduler,
		dns,
		host,
		locks: createSimLocks(time),
		accounts,
		signerFaults: { failingProbes: 0, complaint: null },
		serviceFaults: {
			failingStarts: { postfix: 0, opendkim: 0 },
			failingStops: { postfix: 0, opendkim: 0 },
			complaint: null,
			phase: "running",
		},
		sinks: ["webhook", "email"].map((name) => ({
			name,
			isUp: true,
			hasFailed: false,
			wasFull: false,
			got: [],
		})),
		hooks: createSimHooks(),
		others: { uses: [], seen: new Set(), isUnreadable: false },
		queue: [],
		foreign: { records: [], adopted: new Map(), lines: new Map(), files: [] },
		makeKey: createSimKeys(),
		stopped: new Set(),
		vanished: new Set(),
		diskFault: null,
		bootedMs: 0,
		offMs: 0,
		phase: "running",
		isRecoveryArmed: false,
		servicesExcusedUntilMs: 0,
		unsigned: createUnsignedDomains(scenario.bare),
		revocations: createRevocations(),
		policies: scenario.policies,
		hurriedUntilMs: new Map(),
		dirty: true,
		removals: [],
		ours: new Set(),
		strangers: [],
		writes: 0,
		keyFiles: new Map(),
		firstToldMs: new Map(),
		unlinked: [],
		touched: new Set(),
		said: [],
	};
	installMailHost(world);
	return world;
}

/**
 * A host as the guides leave it: one key a domain, or one of each algorithm, foreign lines and records beside it, everything
 * running.
 */
function installMailHost(world: World): void {
	const { host, dns, chance, scenario } = world;
	const luck = chance.stream("install");
	const { disk } = host;
	const signer = { uid: SIGNER_UID, gid: SIGNER_UID };
	disk.putDirectory("/etc/opendkim");
	disk.putDirectory(KEYS, 0o750, signer);
	const { signsTwice } = scenario;
	disk.put(
		"/etc/opendkim.conf",
		signsTwice ? `${OPENDKIM_CONF}KeyTableEd25519 ${SECOND_KEY_TABLE}\n` : OPENDKIM_CONF,
	);
	disk.put("/etc/passwd", PASSWD);
	disk.put("/etc/group", "root:x:0:\nopendkim:x:110:\nkeyturn:x:120:\n");
	for (const path of [STATE, `${STATE}/domains`, `${STATE}/wishes`, AGENT_KEYS])
		disk.putDirectory(path, 0o700, { uid: AGENT_UID, gid: AGENT_UID });
	disk.putDirectory(DOOR_STATE, 0o700);
	disk.putDirectory(SHELF, 0o755, { uid: AGENT_UID, gid: AGENT_UID });
	const keyLines = ["# kept by hand"];
	const secondLines = ["# kept by hand"];
	const signingLines = ["# kept by hand"];
	const files: { path: string; content: string }[] = [];
	const record = (name: string, value: string) => {
		const zone = dns.zoneOf(name);
		if (zone !== null) dns.write(zone, name, { values: [value], ttlSeconds: 3600 });
	};
	const foreignRecord = (name: string, value: string) => {
		record(name, value);
		world.foreign.records.push({ name, value });
	};
	const adopt = (name: string, value: string, mayGo: boolean) => {
		record(name, value);
		world.foreign.adopted.set(name, value);
		if (mayGo) world.ours.add(`${name} ${value}`);
		else world.foreign.records.push({ name, value });
	};
	let pem = "";
	for (const { domain, retire, keys } of ordered(scenario)) {
		foreignRecord(`google._domainkey.${domain}`, keyRecord(world.makeKey()));
		foreignRecord(domain, "v=spf1 mx -all");
		if (luck.happens(0.5)) foreignRecord(`${monthOf(scenario.beginning)}b._domainkey.${domain}`, "taken");
		if (scenario.wildcards.has(domain)) foreignRecord(`*._domainkey.${domain}`, "v=DKIM1; p=");
		if (scenario.bare.has(domain)) continue;
		const { domains, form } = scenario.together;
		const isShared = domains.includes(domain);
		const isFirst = !isShared || domain === domains[0];
		if (isFirst) pem = world.makeKey(signsTwice ? "rsa" : "ed25519");
		const path = isShared ? `${KEYS}/shared.private` : `${KEYS}/${domain}/mail.private`;
		disk.putDirectory(`${KEYS}/${domain}`, 0o700, signer);
		if (isFirst) disk.put(path, pem, 0o600, signer);
		if (isFirst) files.push({ path, content: pem });
		const isOneLine = isShared && form === "line";
		if (!isOneLine) keyLines.push(`${domain} ${domain}:mail:${path}`);
		else if (isFirst) keyLines.push(`all %:mail:${path}`);
		signingLines.push(`*@${domain} ${isOneLine ? "all" : domain}`);
		adopt(`mail._domainkey.${domain}`, keyRecord(pem), retire.adopted);
		if (!signsTwice) continue;
		const second = { path: `${KEYS}/${domain}/mail2.private`, content: world.makeKey() };
		disk.put(second.path, second.content, 0o600, signer);
		files.push(second);
		secondLines.push(`${domain} ${domain}:mail2:${second.path}`);
		// Where keyturn.yaml has one key it is left alone.
		adopt(`mail2._domainkey.${domain}`, keyRecord(second.content), retire.adopted && keys !== undefined);
	}
	const newsletter = `${KEYS}/news.private`;
	const newsletterKey = world.makeKey();
	disk.put(newsletter, newsletterKey, 0o600, signer);
	files.push({ path: newsletter, content: newsletterKey });
	const newsLine = `news newsletter.example:news:${newsletter}`;
	keyLines.splice(1, 0, signsTwice ? newsLine : `${newsLine}  # not ours`);
	secondLines.splice(1, 0, newsLine);
	signingLines.push("*@newsletter.example news");
	if (signsTwice) {
		disk.put(SECOND_KEY_TABLE, `${secondLines.join("\n")}\n`);
		world.foreign.lines.set(SECOND_KEY_TABLE, secondLines.slice(0, 2));
	}
	disk.put(KEY_TABLE, `${keyLines.join("\n")}\n`);
	disk.put(SIGNING_TABLE, `${signingLines.join("\n")}\n`);
	world.foreign.files = files;
	world.foreign.lines.set(KEY_TABLE, keyLines.slice(0, 2));
	world.foreign.lines.set(SIGNING_TABLE, [signingLines[0] ?? "", signingLines.at(-1) ?? ""]);
	for (const zone of dns.zones) for (const server of zone.servers) dns.catchUp(zone, server);
	host.startSigner();
	host.mailServer.running = true;
}

/** Who has one key is set up one after the other. */
function ordered({ policies, together }: Scenario): readonly Policy[] {
	const isIt = ({ domain }: Policy) => together.domains.includes(domain);
	return [...policies.filter((policy) => !isIt(policy)), ...policies.filter(isIt)];
}

function keyRecord(pem: string): string {
	const publicKey = publicHalfOf(pem) ?? "";
	const algorithm = algorithmOf(publicKey) ?? "ed25519";
	return formatKeyRecord({ algorithm, publicKey: recordText({ algorithm, bits: null, publicKey }) });
}

function monthOf(date: Date): string {
	return `${date.getUTCFullYear()}${String(date.getUTCMonth() + 1).padStart(2, "0")}`;
}

/** docs/alerts.md. */
const KEPT_FOR_ONE = 500;

/** An AlertSink of one process; what it delivers is kept by the world. `waiting`: how much waits for it on the disk. */
export function createSimSink(
	state: SinkState,
	{ waiting, note }: { readonly waiting: () => number; readonly note: (event: KeyturnEvent) => void },
): AlertSink {
	return {
		name: state.name,
		on: null,
		repeatMs: 6 * 3_600_000,
		deliver: async (event) => {
			if (!state.isUp) {
				state.hasFailed = true;
				throw new KeyturnError("alert.undelivered", `${state.name}: connection refused`, { retry: true });
			}
			if (state.hasFailed && waiting() >= KEPT_FOR_ONE) state.wasFull = true;
			state.hasFailed = false;
			state.got.push(event);
			note(event);
		},
	};
}
