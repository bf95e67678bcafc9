/** What `keyturn doctor` gathers of a host where all is well, to be changed in one place at a time. */

import type { DomainFacts, Facts, KeyFacts, MailFacts, Texts } from "../../src/doctor/facts.ts";
import type { ExaminedSigner, InspectedSigner, MailWiring, MilterList } from "../../src/ports/door.ts";
import type { LookReport, ServerReport } from "../../src/ports/propagation.ts";
import { emptyDomainState } from "../../src/rotation/domain-state.ts";
import { keyEntry, policyOf } from "./policies.ts";

export const NOW = new Date("2026-11-26T12:00:00Z");
export const SELECTOR = "202611";
export const RECORD = "v=DKIM1;k=rsa;p=MIIB";

export function healthyFacts(changes: Partial<Facts> = {}): Facts {
	return {
		now: NOW,
		settings: {
			path: "/etc/keyturn/keyturn.yaml",
			state: "/var/lib/keyturn",
			host: "mx1",
			timezone: "UTC",
			wake: [],
			policies: [policyOf()],
			verify: policyOf().verify,
			signers: [
				{
					name: "main",
					type: "opendkim",
					swap: "restart",
					probe: true,
					services: {
						manager: "systemd",
						stop: ["postfix", "opendkim"],
						start: ["opendkim", "postfix"],
						holdMs: 0,
						commands: {},
					},
					settings: {},
				},
			],
			providers: [],
			alerts: [{ type: "command", on: null, repeatMs: 0, settings: {} }],
			hooks: { pre: [], deploy: [], post: [], timeoutMs: 0 },
			metrics: { textfile: null, listen: null },
			pagePath: null,
		},
		agent: { isDaemonAlive: true, lastTickAt: NOW, troubles: [], undelivered: 0, forgotten: [] },
		door: doorTold(),
		unmade: null,
		unheard: null,
		secrets: [{ path: "/etc/keyturn/tsig.key", mode: 0o100640 }],
		recovery: "enabled",
		recoveryConditions: ["/var/lib/keyturn-door"],
		doorWrites: ["/etc/opendkim", "/etc/dkimkeys"],
		clock: "synchronised",
		domains: [domainFacts()],
		...changes,
	};
}

/** What each list has in it; a service of its own list only where one is given. */
export interface ListedMilters {
	readonly milters?: readonly string[];
	readonly localMilters?: readonly string[];
	readonly ownMilters?: readonly string[];
}

export function doorTold(
	changes: {
		readonly signer?: Partial<InspectedSigner>;
		readonly examined?: Partial<ExaminedSigner>;
		readonly mail?: (Partial<MailWiring> & ListedMilters) | null;
		readonly answer?: Partial<Extract<Facts["door"], { kind: "told" }>["answer"]>;
	} = {},
): Facts["door"] {
	const { milters = [MILTER], localMilters = [MILTER], ownMilters, ...others } = changes.mail ?? {};
	const mail = {
		lists: [
			milterList(milters),
			milterList(localMilters, { name: "non_smtpd_milters", by: "cleanup/unix" }),
			...(ownMilters === undefined ? [] : [milterList(ownMilters, { by: "submission/inet", isOwn: true })]),
		],
		filters: [],
		listeners: ["*:25"],
		actions: [],
		tables: [],
		queueDirectory: "/var/spool/postfix",
		...others,
	};
	return {
		kind: "told",
		answer: {
			act: "inspect",
			at: NOW.toISOString(),
			signers: [
				{
					signer: "main",
					swap: "restart",
					tableHash: "",
					lines: [],
					firstKeyFaults: [],
					notes: [],
					problem: null,
					service: "opendkim",
					running: true,
					...changes.signer,
				},
			],
			results: [],
			staged: [],
			queue: { lifetimeSeconds: 432_000, waiting: [], isComplete: true },
			otherReaders: [],
			lastPauseAt: null,
			examined: {
				mail: changes.mail === null ? null : mail,
				signers: [
					{
						signer: "main",
						socket: { kind: "unix", path: "/var/spool/postfix/opendkim/opendkim.sock" },
						services: [
							{ service: "postfix", running: true },
							{ service: "opendkim", running: true },
						],
						filter: null,
						unsignedWays: [],
						holds: null,
						reads: ["/etc/opendkim.conf", "/etc/opendkim/key.table", "/etc/opendkim/signing.table"],
						writes: ["/etc/opendkim", "/etc/opendkim/keys"],
						strayKeys: [],
						...changes.examined,
					},
				],
			},
			...changes.answer,
		},
	};
}

const MILTER = "local:/opendkim/opendkim.sock";

/** Taken by a chrooted service, as Debian has them, which finds no path but the right one. */
export function milterList(
	milters: readonly string[],
	{
		name = "smtpd_milters",
		by = "smtp/inet",
		isOwn = false,
		isChrooted = true,
		absent = milters,
		raw = milters.join(","),
	}: Partial<Pick<MilterList, "name" | "raw"> & MilterList["takenBy"][number]> & {
		readonly by?: string;
		readonly isOwn?: boolean;
	} = {},
): MilterList {
	const setBy = isOwn ? `${by}/${name}` : name;
	return { name, setBy, raw, milters, takenBy: [{ service: by, isChrooted, absent }] };
}

export function domainFacts(changes: Partial<DomainFacts> = {}): DomainFacts {
	return {
		policy: policyOf(),
		state: { ...emptyDomainState("example.com"), keys: [keyEntry({ selector: SELECTOR })] },
		damaged: null,
		keys: [keyFacts()],
		negativeTtlSeconds: 3600,
		wildcardTtlSeconds: null,
		providers: [{ name: "home", kind: "zone", zone: "example.com", values: [RECORD] }],
		obstacles: [],
		leftRecords: [],
		mail: mailFacts(),
		...changes,
	};
}

export function keyFacts(changes: Partial<KeyFacts> = {}): KeyFacts {
	return {
		signer: "main",
		line: {
			domain: "example.com",
			selector: SELECTOR,
			entry: "example",
			keyPath: "/etc/opendkim/keys/example.private",
			publicKey: "MIIB",
			signs: true,
			problem: null,
			unsafe: null,
		},
		algorithm: "rsa",
		bits: 2048,
		look: lookReport(),
		record: RECORD,
		unsigned: null,
		...changes,
	};
}

export function lookReport(changes: Partial<LookReport> = {}): LookReport {
	return {
		at: NOW.toISOString(),
		owner: `${SELECTOR}._domainkey.example.com`,
		zone: "example.com",
		verdict: "right",
		summary: "all servers serve it",
		servers: [serverReport()],
		resolvers: [serverReport({ server: "system", address: "127.0.0.1" })],
		warnings: [],
		dnssec: false,
		negativeTtlSeconds: 300,
		...changes,
	};
}

export function serverReport(changes: Partial<ServerReport> = {}): ServerReport {
	return {
		server: "ns1.example.com",
		address: "192.0.2.1",
		outcome: "right",
		sentence: "it serves the record",
		at: NOW.toISOString(),
		serial: 1,
		ttlSeconds: 3600,
		txtRecords: 1,
		chunks: [255],
		signed: null,
		...changes,
	};
}

export function mailFacts(changes: Partial<MailFacts> = {}): MailFacts {
	return {
		texts: texts("v=spf1 mx -all"),
		spf: [{ address: "198.18.0.1", isOwn: true, verdict: { result: "pass", comment: "", lookups: 1 } }],
		spfType: texts(),
		dmarcTexts: texts("v=DMARC1; p=reject"),
		dmarc: { result: "pass", policy: "reject", record: "v=DMARC1; p=reject" },
		adsp: texts(),
		...changes,
	};
}

export function texts(...values: readonly string[]): Texts {
	return { kind: "texts", values };
}
