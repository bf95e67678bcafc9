/** Each check over facts that differ from those of a healthy host in one place: it finds that, and nothing else. */

import { generateKeyPairSync } from "node:crypto";
import { describe, expect, test } from "vitest";
import { settingsSchema as emailSchema } from "../../src/alerts/email.ts";
import { CHECKS, examine } from "../../src/doctor/checks.ts";
import type { DomainFacts, Facts, KeyFacts, MailFacts } from "../../src/doctor/facts.ts";
import { FINDINGS, type FindingCode } from "../../src/doctor/finding.ts";
import type { ExaminedSigner, InspectedSigner, MailWiring, OtherReader } from "../../src/ports/door.ts";
import type { LookReport } from "../../src/ports/propagation.ts";
import { emptyDomainState } from "../../src/rotation/domain-state.ts";
import {
	domainFacts,
	doorTold,
	healthyFacts,
	keyFacts,
	type ListedMilters,
	lookReport,
	mailFacts,
	milterList,
	NOW,
	serverReport,
	texts,
} from "../fakes/doctor-facts.ts";
import { keyEntry, policyOf } from "../fakes/policies.ts";

type Alert = Facts["settings"]["alerts"][number];
type Found = readonly [string, Facts, readonly string[]];

const { settings, agent } = healthyFacts();
const of = (changes: Partial<DomainFacts>): Facts => healthyFacts({ domains: [domainFacts(changes)] });
const key = (changes: Partial<KeyFacts>): Facts => of({ keys: [keyFacts(changes)] });
const line = (changes: Partial<KeyFacts["line"]>): Facts => key({ line: { ...keyFacts().line, ...changes } });
const look = (changes: Partial<LookReport>): Facts => key({ look: lookReport(changes) });
const mail = (changes: Partial<MailFacts>): Facts => of({ mail: mailFacts(changes) });
const wired = (
	changes: (Partial<MailWiring> & ListedMilters) | null,
	examined: Partial<ExaminedSigner> = {},
): Facts => healthyFacts({ door: doorTold({ mail: changes, examined }) });
const acceptedBy = (...places: readonly string[]): Partial<MailWiring> => ({
	actions: places.flatMap((setBy) => {
		const milter = "local:/opendkim/opendkim.sock";
		// Each list of main.cf has it.
		return [1, 2].map(() => ({ milter, action: "accept", setBy }));
	}),
});
const signer = (changes: Partial<InspectedSigner>): Facts =>
	healthyFacts({ door: doorTold({ signer: changes }) });
const reader = (changes: Partial<OtherReader>): OtherReader => ({
	program: "another OpenDKIM",
	where: "/etc/opendkim-out.conf",
	domain: "example.com",
	selector: "202611",
	keyPath: null,
	publicKey: null,
	problem: null,
	...changes,
});
const examined = (changes: Partial<ExaminedSigner>): Facts =>
	healthyFacts({ door: doorTold({ examined: changes }) });
/** Where no unit is called `mailserver`. */
const byCommand = (door: Facts["door"]): Facts => {
	const start = ["/bin/sh", "-c", "docker start $NAME"];
	const services = {
		manager: "command",
		stop: ["mailserver"],
		start: ["mailserver"],
		holdMs: 0,
		commands: { mailserver: { stop: [], start, reload: [], status: [] } },
	} as const;
	const signers = settings.signers.map((one) => ({ ...one, services }));
	return healthyFacts({ door, settings: { ...settings, signers } });
};
const swapping = (swap: "restart" | "reload", more: object = {}): Facts["settings"] => ({
	...settings,
	signers: settings.signers.map((one) => ({ ...one, swap, ...more })),
});
const alert = (type: string): Alert => ({ type, on: null, repeatMs: 0, settings: {} });
/** As the schema of its settings makes it. */
const byMail = (smtp: string): Alert => ({
	...alert("email"),
	settings: emailSchema.parse({ to: "postmaster@example.com", smtp }),
});
const alerted = (...alerts: readonly Alert[]): Facts => healthyFacts({ settings: { ...settings, alerts } });
const spf = (result: MailFacts["spf"][number]["verdict"]["result"], isOwn = true): MailFacts["spf"] => [
	{ address: "198.51.100.7", isOwn, verdict: { result, comment: "", lookups: 1 } },
];
const verify = (changes: Partial<DomainFacts["policy"]["verify"]>): DomainFacts["policy"] =>
	policyOf({ verify: { ...policyOf().verify, ...changes } });
const lone = { ...emptyDomainState("example.com") };
const TWO = policyOf({ keys: [{ algorithm: "rsa", bits: 2048 }, { algorithm: "ed25519" }] });
const BY_TWO = {
	...TWO,
	signers: [
		{ signer: "main", swap: "restart" },
		{ signer: "second", swap: "restart" },
	],
} as const;
const bySecond = (second: Partial<InspectedSigner>, keys = [keyFacts()]): Facts => {
	const door = doorTold();
	const signers = door.kind === "told" ? door.answer.signers : [];
	const both = signers.flatMap((one) => [one, { ...one, signer: "second", ...second }]);
	return healthyFacts({
		door: doorTold({ answer: { signers: both } }),
		domains: [domainFacts({ policy: BY_TWO, keys })],
	});
};
const RSA_PUBLIC = generateKeyPairSync("rsa", { modulusLength: 1024 })
	.publicKey.export({ format: "der", type: "spki" })
	.toString("base64");
const ED25519 = { algorithm: "ed25519", bits: null } as const;
/** Both have their keys in one directory. */
function straySeenByTwo(): Facts {
	const door = doorTold({ examined: { strayKeys: ["/etc/opendkim/keys/old.private"] } });
	if (door.kind === "silent") throw new Error("it tells");
	const { examined: told } = door.answer;
	const signers = told.signers.flatMap((one) => [one, { ...one, signer: "second" }]);
	return healthyFacts({ door: doorTold({ answer: { examined: { ...told, signers } } }) });
}
const RUN = "unix:/run/opendkim/opendkim.sock";
const INSIDE = "unix:/var/spool/postfix/opendkim/opendkim.sock";
const OUTSIDE = { socket: { kind: "unix", path: "/run/opendkim/opendkim.sock" } } as const;
/** No service is chrooted, as Postfix has it where nobody packaged it otherwise. */
const inTheOpen = (milter: string): MailWiring["lists"] => [
	milterList([milter], { isChrooted: false }),
	milterList([milter], { name: "non_smtpd_milters", by: "cleanup/unix", isChrooted: false }),
];
const FILTER = {
	socket: null,
	filter: {
		listen: { kind: "inet", host: "127.0.0.1", port: 10027 },
		relay: { kind: "inet", host: "127.0.0.1", port: 10028 },
	},
} as const;
const FILTER_EVERYWHERE = {
	...FILTER,
	filter: { ...FILTER.filter, listen: { ...FILTER.filter.listen, isOnEveryAddress: true } },
} as const;
const inet = { kind: "inet", host: "127.0.0.1", port: 8891 } as const;

const CASES: readonly Found[] = [
	["nothing where all is well", healthyFacts(), []],
	[
		"a secret that everybody reads",
		healthyFacts({ secrets: [{ path: "/s", mode: 0o100644 }] }),
		["secret.exposed"],
	],
	[
		"a secret that a group writes",
		healthyFacts({ secrets: [{ path: "/s", mode: 0o100660 }] }),
		["secret.exposed"],
	],
	["no alerts", alerted(), ["alert.none"]],
	["a heartbeat alone", alerted(alert("heartbeat")), ["alert.none"]],
	["an alert of switches alone", alerted({ ...alert("webhook"), on: ["switched"] }), ["alert.none"]],
	["an alert of failed swaps", alerted({ ...alert("webhook"), on: ["swap_failed"] }), []],
	["e-mail to another host", alerted(byMail("mx.example.net:25")), []],
	...["127.0.0.1:25", "127.1.2.3:587", "localhost:25", "[::1]:25"].map(
		(smtp): Found => [
			`e-mail to this host's own mail server, ${smtp}`,
			alerted(byMail(smtp)),
			["alert.local"],
		],
	),
	[
		"e-mail to this host's own mail server, beside a webhook of switches",
		alerted(byMail("127.0.0.1:25"), { ...alert("webhook"), on: ["switched"] }),
		["alert.local"],
	],
	["the same beside a webhook of all", alerted(byMail("127.0.0.1:25"), alert("webhook")), []],
	["the same beside a heartbeat", alerted(byMail("127.0.0.1:25"), alert("heartbeat")), []],
	["the same beside another mail server", alerted(byMail("127.0.0.1:25"), byMail("mx.example.net:25")), []],
	[
		"the same where no switch stops it",
		healthyFacts({ settings: { ...swapping("reload"), alerts: [byMail("127.0.0.1:25")] } }),
		[],
	],
	[
		"alerts that do not get out",
		healthyFacts({ agent: { ...agent, undelivered: 2 } }),
		["alert.undelivered"],
	],
	[
		"no daemon, and no tick for days",
		healthyFacts({
			agent: { ...agent, isDaemonAlive: false, lastTickAt: new Date(NOW.getTime() - 2 * 86_400_000) },
		}),
		["daemon.stopped"],
	],
	[
		"no daemon, and no tick ever",
		healthyFacts({ agent: { ...agent, isDaemonAlive: false, lastTickAt: null } }),
		["daemon.stopped"],
	],
	["no daemon, but a timer", healthyFacts({ agent: { ...agent, isDaemonAlive: false } }), []],
	[
		"a daemon none of whose ticks goes through",
		healthyFacts({ agent: { ...agent, lastTickAt: new Date(NOW.getTime() - 2 * 86_400_000) } }),
		["daemon.stuck"],
	],
	["a daemon before its first tick", healthyFacts({ agent: { ...agent, lastTickAt: null } }), []],
	[
		"a trouble that stands",
		healthyFacts({
			agent: {
				...agent,
				troubles: [
					{ event: "clock_suspect", severity: "warning", summary: "it jumped", hint: null, domains: [] },
				],
			},
		}),
		["trouble.standing"],
	],
	["a damaged state", of({ state: null, damaged: "not JSON" }), ["state.damaged"]],
	[
		"a door that does not answer",
		healthyFacts({
			door: { kind: "silent", why: "nobody", hint: null },
			domains: [domainFacts({ keys: [] })],
		}),
		["door.silent"],
	],
	["a signer that cannot be read", signer({ problem: "no KeyTable" }), ["signer.unreadable"]],
	[
		"a table where the door may not write",
		examined({ writes: ["/etc/opendkim", "/etc/mail/keys"] }),
		["door.walled"],
	],
	["a directory that begins alike", examined({ writes: ["/etc/opendkim.d"] }), ["door.walled"]],
	["a door that is no unit", healthyFacts({ doorWrites: null }), []],
	["a signer that is down", signer({ running: false }), ["signer.stopped"]],
	[
		"a note of the signer",
		signer({ notes: ["There is no UserID: OpenDKIM runs as root."] }),
		["signer.note"],
	],
	[
		"a mail server that is down",
		examined({
			services: [
				{ service: "postfix", running: false },
				{ service: "opendkim", running: true },
			],
		}),
		["mail.stopped"],
	],
	[
		"a switch that would be refused",
		examined({ holds: { why: "it was changed", hint: null } }),
		["switch.held"],
	],
	["a signer that nobody hands mail", wired({ milters: ["inet:127.0.0.1:8892"] }), ["milter.unwired"]],
	[
		"a content filter behind which everything is handed to it",
		wired({ milters: [], localMilters: [], ownMilters: ["unix:opendkim/opendkim.sock"] }),
		[],
	],
	["a submission that does", wired({ milters: [], ownMilters: ["unix:opendkim/opendkim.sock"] }), []],
	["local mail that passes it", wired({ localMilters: [] }), ["milter.local"]],
	[
		"clients with milters of their own",
		wired({ tables: [{ value: "cidr:/etc/postfix/milters", setBy: "smtpd_milter_maps" }] }),
		["milter.tables"],
	],
	["accept beside restart", wired(acceptedBy("milter_default_action")), ["milter.accept"]],
	[
		"accept on several ways",
		wired(acceptedBy("milter_default_action", "smtpd_milters", "submission/inet/milter_default_action")),
		["milter.accept", "milter.accept", "milter.accept"],
	],
	[
		"accept for another milter",
		wired({ actions: [{ milter: "inet:localhost:11332", action: "accept", setBy: "smtpd_milters" }] }),
		[],
	],
	[
		"accept beside reload",
		healthyFacts({
			settings: swapping("reload"),
			door: doorTold({ mail: acceptedBy("milter_default_action") }),
		}),
		[],
	],
	[
		"accept beside a reload of rspamd, which ends the connections that are open",
		healthyFacts({
			settings: swapping("reload", { type: "rspamd", settings: { redis: null } }),
			door: doorTold({ mail: acceptedBy("milter_default_action") }),
		}),
		["milter.accept"],
	],
	[
		"accept beside an rspamd with its keys in Redis, of which nothing is reloaded",
		healthyFacts({
			settings: swapping("reload", { type: "rspamd", settings: { redis: { socket: "/r", table: "/t" } } }),
			door: doorTold({ mail: acceptedBy("milter_default_action") }),
		}),
		[],
	],
	[
		"a path from the root on that a chrooted service takes as one from its queue directory on",
		wired({ milters: ["unix:/var/spool/postfix/opendkim/opendkim.sock"] }),
		["milter.path"],
	],
	["the same where no service is chrooted", wired({ lists: inTheOpen(INSIDE) }), []],
	["a path from the queue directory on", wired({ milters: ["unix:opendkim/opendkim.sock"] }), []],
	[
		"a path from the queue directory on where no service is chrooted",
		wired({ lists: inTheOpen("unix:opendkim/opendkim.sock") }),
		[],
	],
	[
		"a path as chrooted services have it where none is",
		wired({ lists: inTheOpen("local:/opendkim/opendkim.sock") }),
		["milter.path", "milter.path"],
	],
	[
		"one service that is chrooted, and one that is not",
		wired({ lists: [...inTheOpen(INSIDE), milterList([INSIDE], { by: "submission/inet", isOwn: true })] }),
		["milter.path"],
	],
	[
		"the same socket below /var/run, as older guides have it",
		wired(
			{
				lists: [
					milterList(["unix:/var/run/opendkim/opendkim.sock"], { isChrooted: false }),
					milterList(["local:/run/opendkim/opendkim.sock"], {
						name: "non_smtpd_milters",
						by: "cleanup/unix",
						isChrooted: false,
					}),
				],
			},
			OUTSIDE,
		),
		[],
	],
	[
		"a socket outside, where chrooted services do not get",
		wired({ milters: [RUN], localMilters: [RUN] }, OUTSIDE),
		["milter.path", "milter.path"],
	],
	[
		"a socket outside that is mounted where they look",
		wired(
			{
				lists: [
					milterList([RUN], { absent: [] }),
					milterList([RUN], { name: "non_smtpd_milters", by: "cleanup/unix", absent: [] }),
				],
			},
			OUTSIDE,
		),
		[],
	],
	[
		"a socket of TCP",
		wired({ milters: ["inet:localhost:8891"], localMilters: ["inet:[::1]:8891"] }, { socket: inet }),
		[],
	],
	[
		"a socket of TCP at every address, by this host's name",
		wired(
			{ milters: ["inet:mail.example.com:8891"], localMilters: ["inet:10.0.0.5:8891"] },
			{ socket: { ...inet, isOnEveryAddress: true } },
		),
		[],
	],
	[
		"a socket of TCP on loopback, and another host's",
		wired({ milters: ["inet:mail.example.com:8891"], localMilters: [] }, { socket: inet }),
		["milter.unwired"],
	],
	[
		"another port",
		wired({ milters: ["inet:localhost:8890"], localMilters: [] }, { socket: inet }),
		["milter.unwired"],
	],
	["no Postfix", wired(null), []],
	[
		"a filter that mail is led to, and comes back from",
		wired(
			{ milters: [], filters: ["dksign:[127.0.0.1]:10027"], listeners: ["*:25", "127.0.0.1:10028"] },
			FILTER,
		),
		[],
	],
	[
		"a filter at every address, by an address of this host",
		wired({ milters: [], filters: ["dksign:[10.0.0.5]:10027"], listeners: ["*:10028"] }, FILTER_EVERYWHERE),
		[],
	],
	[
		"a filter that is a proxy in front of the queue",
		wired({ milters: [], filters: ["localhost:10027"], listeners: ["localhost:10028"] }, FILTER),
		[],
	],
	[
		"a filter that no mail is led to",
		wired({ filters: ["amavis:[127.0.0.1]:10024"], listeners: ["*:10028"] }, FILTER),
		["filter.unwired"],
	],
	[
		"a filter that hands mail to nobody",
		wired({ filters: ["smtp:127.0.0.1:10027"], listeners: ["*:25", "192.0.2.1:10028"] }, FILTER),
		["filter.return"],
	],
	["a filter without Postfix", wired(null, FILTER), []],
	[
		"a transport that passes the signer by",
		wired({}, { unsignedWays: ["transport smarthost of Exim's"] }),
		["transport.unsigned"],
	],
	[
		"an Exim that does not say what its transports are",
		wired({}, { unsignedUnknown: "exim -bP transports: no room" }),
		["transport.unsigned"],
	],
	["a signer that is no milter", wired({ milters: [], localMilters: [] }, { socket: null }), []],
	["a domain that nothing signs", of({ keys: [], state: lone }), ["domain.unsigned"]],
	[
		"a first key on its way",
		of({ keys: [], state: { ...lone, keys: [keyEntry({ state: "published" })] } }),
		["domain.unsigned"],
	],
	[
		"no place for a first key",
		healthyFacts({
			door: doorTold({ signer: { firstKeyFaults: [{ domain: "example.com", reason: "one key only" }] } }),
			domains: [domainFacts({ keys: [], state: lone })],
		}),
		["domain.no_place"],
	],
	[
		"a domain on its way out",
		of({
			keys: [],
			state: { ...lone, wants: { ...lone.wants, remove: { id: "1", askedAt: NOW.toISOString() } } },
		}),
		[],
	],
	["a line that cannot be turned", line({ problem: "a % entry" }), ["key.fixed"]],
	[
		"a key file that the disk fails at",
		line({ publicKey: null, problem: "its key file cannot be read: cannot stat /k: EIO" }),
		["key.unreadable"],
	],
	["one key where two algorithms are configured", of({ policy: TWO }), ["key.missing"]],
	["a signer for each algorithm, and one of them without its key yet", bySecond({}), ["key.missing"]],
	[
		"a signer for each algorithm, and one of them without a place for its key",
		bySecond({ firstKeyFaults: [{ domain: "example.com", reason: "SigningTable has a line already" }] }),
		["key.missing"],
	],
	[
		"a signer for each algorithm, each with its key",
		bySecond({}, [keyFacts(), keyFacts({ ...ED25519, signer: "second" })]),
		[],
	],
	[
		"a signer for each algorithm, named in the order of the other's keys",
		bySecond({}, [keyFacts(ED25519), keyFacts({ signer: "second" })]),
		["key.missing", "key.missing"],
	],
	[
		"a signer for each algorithm, and one of them that cannot be read",
		bySecond({ problem: "KeyTable: no such file" }),
		["signer.unreadable"],
	],
	[
		"both of them",
		of({ policy: TWO, keys: [keyFacts(), keyFacts({ algorithm: "ed25519", bits: null })] }),
		[],
	],
	["a running signer that does not sign", key({ unsigned: "no signature" }), ["signer.silent"]],
	[
		"a key file that the signer refuses",
		line({ unsafe: "/k can be read or written by everybody" }),
		["key.unsafe"],
	],
	[
		"a key file that is none",
		key({ line: { ...keyFacts().line, publicKey: null }, look: null, bits: null }),
		["key.unreadable"],
	],
	[
		"an ARC signer with the same key",
		healthyFacts({ door: doorTold({ answer: { otherReaders: [reader({ program: "amavis" })] } }) }),
		["key.shared"],
	],
	[
		"another OpenDKIM with the same table",
		healthyFacts({
			door: doorTold({ answer: { otherReaders: [reader({ where: "/etc/opendkim/key.table line 3" })] } }),
		}),
		["key.shared"],
	],
	["1024 bits", key({ bits: 1024 }), ["key.weak"]],
	["Ed25519 alone", key(ED25519), ["key.alone"]],
	[
		"Ed25519 alone, where RSA is asked for too",
		of({ policy: TWO, keys: [keyFacts(ED25519)] }),
		["key.missing"],
	],
	[
		"Ed25519 beside the RSA key of a signer that keyturn turns nothing of for the domain",
		healthyFacts({
			door: doorTold({ signer: { lines: [{ ...keyFacts().line, publicKey: RSA_PUBLIC }] } }),
			domains: [domainFacts({ keys: [keyFacts(ED25519)] })],
		}),
		[],
	],
	[
		"Ed25519 beside a key that cannot be read",
		of({
			keys: [
				keyFacts(ED25519),
				keyFacts({ line: { ...keyFacts().line, publicKey: null }, algorithm: null, bits: null, look: null }),
			],
		}),
		["key.unreadable"],
	],
	["test mode", key({ record: "v=DKIM1;k=rsa;t=y:s;p=MIIB" }), ["key.testing"]],
	["strict sub-domains", key({ record: "v=DKIM1;k=rsa;t=s;p=MIIB" }), []],
	[
		"a key that is named after the month of years ago",
		of({ state: null, keys: [keyFacts({ line: { ...keyFacts().line, selector: "202410" } })] }),
		["key.old"],
	],
	[
		"a key that we made years ago",
		of({
			policy: policyOf({ schedule: { ...policyOf().schedule, months: [] } }),
			state: { ...lone, keys: [keyEntry({ since: "2024-01-01T00:00:00Z" })] },
		}),
		["key.old"],
	],
	[
		"a turn that was missed",
		of({ state: { ...lone, keys: [keyEntry({ dueAt: "2026-10-01T03:00:00Z" })] } }),
		["key.overdue"],
	],
	[
		"a wrong record",
		look({ verdict: "wrong", servers: [serverReport({ outcome: "wrong_key" })] }),
		["record.wrong"],
	],
	[
		"no record",
		look({ verdict: "absent", servers: [serverReport({ outcome: "absent_name" })] }),
		["record.absent"],
	],
	[
		"servers that say nothing",
		look({ verdict: "unknown", servers: [serverReport({ outcome: "timeout" })] }),
		["record.unknown"],
	],
	[
		"a resolver that is behind",
		look({ verdict: "absent", resolvers: [serverReport({ outcome: "absent_name" })] }),
		["resolver.differs"],
	],
	[
		"signatures that are gone",
		look({ verdict: "wrong", servers: [serverReport({ outcome: "not_signed" })] }),
		["dnssec.unsigned"],
	],
	["a warning of DNS", look({ warnings: ["no resolver on loopback validates"] }), ["dns.warning"]],
	[
		"a record remembered for a week",
		look({ servers: [serverReport({ ttlSeconds: 604_800 })] }),
		["ttl.long"],
	],
	["a soak below the negative TTL", of({ policy: verify({ soakMs: 60_000 }) }), ["soak.short"]],
	["a negative TTL beyond the longest soak", of({ negativeTtlSeconds: 172_800 }), ["soak.short"]],
	[
		"a soak below the TTL of a wildcard",
		of({ wildcardTtlSeconds: 7200, policy: verify({ soakMs: 3_600_000 }) }),
		["soak.short"],
	],
	["a wildcard remembered for two days, which the soak lets pass", of({ wildcardTtlSeconds: 172_800 }), []],
	["a wildcard remembered for a week", of({ wildcardTtlSeconds: 604_800 }), ["soak.long"]],
	["a soak beyond publish_ahead", of({ policy: policyOf({ publishAheadMs: 600_000 }) }), ["soak.long"]],
	["a zone that is not known", of({ negativeTtlSeconds: null }), []],
	[
		"grace below the queue's lifetime",
		of({ policy: policyOf({ retire: { ...policyOf().retire, graceMs: 432_000_000 } }) }),
		["grace.short"],
	],
	[
		"the same without a queue",
		healthyFacts({
			door: doorTold({ answer: { queue: null } }),
			domains: [
				domainFacts({ policy: policyOf({ retire: { ...policyOf().retire, graceMs: 432_000_000 } }) }),
			],
		}),
		[],
	],
	[
		"a provider that is down",
		of({
			providers: [
				{ name: "home", kind: "failed", code: "provider.unreachable", why: "no answer", hint: null },
			],
		}),
		["provider.failed"],
	],
	[
		"a provider without the zone",
		of({ providers: [{ name: "home", kind: "none", why: "none of 3" }] }),
		["provider.zone"],
	],
	[
		"a provider with two",
		of({ providers: [{ name: "home", kind: "ambiguous", zones: ["a", "b"] }] }),
		["provider.zone"],
	],
	[
		"a key without a record, beside one that the provider was not asked for",
		of({
			keys: [
				keyFacts({
					look: lookReport({ verdict: "absent", servers: [serverReport({ outcome: "absent_name" })] }),
				}),
				keyFacts(),
			],
			providers: [{ name: "home", kind: "zone", zone: "example.com", values: [] }],
		}),
		["record.absent"],
	],
	[
		"a provider that writes another zone",
		of({ providers: [{ name: "home", kind: "zone", zone: "example.com", values: [] }] }),
		["provider.elsewhere"],
	],
	[
		"a provider that was never checked",
		of({ obstacles: ["nothing is published through it"] }),
		["provider.unfit"],
	],
	["a boot that repairs nothing", healthyFacts({ recovery: "off" }), ["recovery.off"]],
	["a host without the units", healthyFacts({ recovery: "absent", recoveryConditions: null }), []],
	[
		"a boot that looks for the door's papers elsewhere",
		healthyFacts({ settings: { ...settings, state: "/srv/keyturn" } }),
		["recovery.skipped"],
	],
	["a clock that nobody sets", healthyFacts({ clock: "unsynchronised" }), ["clock.unsynchronised"]],
	["a clock of which nothing is known", healthyFacts({ clock: "unknown" }), []],
	[
		"a record that nobody uses",
		of({
			leftRecords: [
				{
					selector: "202601",
					name: "202601._domainkey.example.com",
					value: "p=x",
					isOurs: false,
					isAdopted: false,
				},
			],
		}),
		["leftover.record"],
	],
	[
		"a key file that nobody names",
		examined({ strayKeys: ["/etc/opendkim/keys/old.private"] }),
		["leftover.file"],
	],
	["a key file that nobody names, in the directory of two signers", straySeenByTwo(), ["leftover.file"]],
	[
		"a domain that was taken out of keyturn.yaml",
		healthyFacts({
			agent: { ...healthyFacts().agent, forgotten: [{ domain: "gone.example", selectors: ["202612"] }] },
		}),
		["leftover.domain"],
	],
	["no SPF record", mail({ texts: texts("something else") }), ["spf.missing"]],
	["two SPF records", mail({ texts: texts("v=spf1 mx -all", "v=spf1 a -all") }), ["spf.broken"]],
	["an SPF record in error", mail({ spf: spf("permerror") }), ["spf.broken"]],
	["+all", mail({ texts: texts("v=spf1 mx +all") }), ["spf.open"]],
	["an include that ends in all", mail({ texts: texts("v=spf1 include:all.example -all") }), []],
	["this host left out", mail({ spf: spf("fail") }), ["spf.host"]],
	["a stranger left out", mail({ spf: spf("fail", false) }), []],
	["SPF's own type", mail({ spfType: texts("v=spf1 mx -all") }), ["spf.type"]],
	[
		"no DMARC record",
		mail({ dmarcTexts: texts(), dmarc: { result: "none", policy: null, record: null } }),
		["dmarc.missing"],
	],
	[
		"two DMARC records",
		mail({ dmarcTexts: texts("v=DMARC1; p=none", "v=DMARC1; p=reject") }),
		["dmarc.broken"],
	],
	[
		"a DMARC record without p=",
		mail({ dmarc: { result: "pass", policy: null, record: "v=DMARC1" } }),
		["dmarc.broken"],
	],
	[
		"p=none",
		mail({ dmarc: { result: "pass", policy: "none", record: "v=DMARC1; p=none; rua=mailto:a@example.com" } }),
		["dmarc.watching"],
	],
	["ADSP", mail({ adsp: texts("dkim=all") }), ["adsp.historic"]],
	["resolvers that say nothing", mail({ texts: { kind: "unknown", why: "no answer" } }), ["policy.unknown"]],
];

test.each(CASES)("%s", (_, facts, codes) => {
	expect(examine(facts).map(({ code }) => code)).toEqual(codes);
});

/** They are found before there are any facts. */
const ELSEWHERE: readonly string[] = ["config.invalid", "config.unreadable"];

test.each(Object.keys(FINDINGS).filter((code) => !ELSEWHERE.includes(code)))(
	"%s is found in some case",
	(code) => {
		expect(CASES.flatMap(([, , codes]) => codes)).toContain(code as FindingCode);
	},
);

test("every finding is one sentence, and says what to do", () => {
	const found = CASES.flatMap(([, facts]) => examine(facts));
	expect(found.length).toBeGreaterThan(50);
	for (const { summary, advice, command } of found) {
		expect(summary).not.toMatch(/\n|\.$/);
		expect(`${advice ?? ""}${command ?? ""}`.length).toBeGreaterThan(5);
		expect(advice ?? "").not.toMatch(/[:.]$/);
	}
});

describe("a trouble that stands", () => {
	const told = (
		severity: "info" | "warning" | "critical",
		domains: readonly string[],
		hint: string | null = null,
	) =>
		examine(
			healthyFacts({
				agent: {
					...agent,
					troubles: [{ event: "swap_failed", severity, summary: "it failed", hint, domains }],
				},
			}),
		)[0];

	test("is that of its domain, or of keyturn where it has several", () => {
		expect(told("warning", ["example.com"])?.subject).toBe("example.com");
		expect(told("warning", ["example.com", "example.org"])?.subject).toBe("keyturn");
	});

	test("is as grave as it was told, and a finding at least", () => {
		const severities = (["info", "warning", "critical"] as const).map((one) => told(one, [])?.severity);
		expect(severities).toEqual(["warning", "warning", "critical"]);
	});

	test("is mended as it was said", () => {
		expect(told("warning", [], "restart it")).toMatchObject({ advice: "restart it", command: null });
		expect(told("warning", [])).toMatchObject({ advice: null, command: "keyturn status" });
	});
});

describe("how grave it is", () => {
	test.each([
		[
			"who reads the same table is not reached by a switch, unlike who has the key elsewhere",
			healthyFacts({
				door: doorTold({
					answer: {
						otherReaders: [reader({ where: "/etc/opendkim/key.table line 3" }), reader({})],
					},
				}),
			}),
			"warning",
			"info",
		],
		["a refused key of 512 bits is graver than one of 1024", key({ bits: 512 }), "critical"],
		[
			"a first key on its way is milder than none",
			of({ keys: [], state: { ...lone, keys: [keyEntry({ state: "published" })] } }),
			"warning",
		],
		[
			"mail that leaves unsigned at each turn is graver than mail that does where a signer fails",
			wired(acceptedBy("milter_default_action"), { services: [{ service: "opendkim", running: true }] }),
			"critical",
		],
		[
			"and so is mail that does over connections which a reload ends",
			healthyFacts({
				settings: swapping("reload", { type: "rspamd", settings: { redis: null } }),
				door: doorTold({ mail: acceptedBy("milter_default_action") }),
			}),
			"critical",
		],
		[
			"a credential that is refused is graver than a server that is down",
			of({ providers: [{ name: "home", kind: "failed", code: "provider.denied", why: "no", hint: null }] }),
			"critical",
		],
	] as const)("%s", (_, facts, ...severities) => {
		expect(examine(facts).map((one) => one.severity)).toEqual(severities);
	});

	test("the gravest comes first", () => {
		const facts = healthyFacts({
			door: doorTold({ mail: acceptedBy("milter_default_action"), signer: { notes: ["a note."] } }),
			domains: [domainFacts({ keys: [keyFacts({ unsigned: "no" })] })],
		});
		expect(examine(facts).map(({ severity }) => severity)).toEqual(["critical", "warning", "info"]);
	});
});

test("a provider that is down for many domains is told once", () => {
	const down = {
		name: "home",
		kind: "failed",
		code: "provider.unreachable",
		why: "no answer",
		hint: null,
	} as const;
	const domains = [domainFacts({ providers: [down] }), domainFacts({ providers: [down] })];
	expect(examine(healthyFacts({ domains }))).toHaveLength(1);
});

test("of two zones of one name nobody is asked to name one in keyturn.yaml, where neither has another name", () => {
	const zones = ["example.com (ZA)", "example.com (ZB)"];
	const [found] = examine(of({ providers: [{ name: "home", kind: "ambiguous", zones }] }));
	expect(found?.summary).toContain("example.com (ZA), example.com (ZB)");
	expect(found?.advice).toBe(
		"delete the ones that are not served, or take them out of the credential's reach",
	);
});

test("every file of src/doctor with a check is among those that are run", () => {
	expect(CHECKS).toHaveLength(22);
});

describe("a socket that Postfix does not find by its name", () => {
	const CHROOTED = milterList([RUN], { raw: `{ ${RUN}, connect_timeout=5s }`, absent: [RUN] });
	const told = (list: MailWiring["lists"][number], at: Partial<ExaminedSigner> = {}) =>
		examine(
			wired(
				{ lists: [list, milterList(list.milters, { name: "non_smtpd_milters", isChrooted: false })] },
				at,
			),
		)[0];

	test("is told with who looks for it where, and what becomes of mail", () => {
		expect(told(CHROOTED, OUTSIDE)?.summary).toBe(
			"smtpd_milters names unix:/run/opendkim/opendkim.sock, and smtp/inet looks below /var/spool/postfix, where the socket of opendkim is not: mail is deferred, or with accept leaves unsigned",
		);
		const open = milterList(["unix:/opendkim/opendkim.sock"], { isChrooted: false });
		expect(told(open)?.summary).toContain("smtp/inet is not chrooted, where");
	});

	test("goes where every service finds it, with its directory made first", () => {
		expect(told(CHROOTED, OUTSIDE)).toMatchObject({
			advice:
				"let opendkim listen where chrooted services of Postfix reach it (Socket local:/var/spool/postfix/opendkim/opendkim.sock), restart it, let smtpd_milters have unix:opendkim/opendkim.sock in place of unix:/run/opendkim/opendkim.sock, then systemctl reload postfix; first make the directory",
			command: "install -d -o opendkim -g postfix -m 2750 /var/spool/postfix/opendkim",
		});
	});

	test("goes there in words alone where it is not known who makes it", () => {
		const facts = wired({ milters: [] }, OUTSIDE);
		const [signer] = facts.settings.signers;
		if (signer === undefined) throw new Error("it has one");
		const found = examine({
			...facts,
			settings: { ...facts.settings, signers: [{ ...signer, type: "command" }] },
		});
		expect(found).toMatchObject([{ code: "milter.unwired", command: null }]);
		expect(found[0]?.advice).toContain("/var/spool/postfix/opendkim/opendkim.sock");
		expect(found[0]?.advice).toContain("name it unix:opendkim/opendkim.sock in smtpd_milters");
	});

	test.each([
		["where a macro names it", milterList([INSIDE], { raw: "$mine" })],
		[
			"in a list with blanks of one service, which postconf does not take",
			milterList([INSIDE], { by: "submission/inet", isOwn: true, raw: `{ ${INSIDE}, connect_timeout=5s }` }),
		],
	])("is named otherwise by hand %s", (_, list) => {
		expect(told(list)).toMatchObject({
			code: "milter.path",
			advice: `let ${list.setBy} have unix:opendkim/opendkim.sock in place of ${INSIDE}, then systemctl reload postfix`,
			command: null,
		});
	});
});

describe("the command that mends it", () => {
	test.each([
		["enabled", "systemctl enable --now keyturn-apply.socket keyturn.service"],
		["absent", "keyturn run"],
	] as const)("starts the daemon as this host can, with the units %s", (recovery, command) => {
		const facts = healthyFacts({ agent: { ...agent, isDaemonAlive: false, lastTickAt: null }, recovery });
		expect(examine(facts)).toMatchObject([{ code: "daemon.stopped", command }]);
	});

	test.each([
		["enabled", "journalctl -u keyturn.service"],
		["absent", null],
	] as const)("shows why a daemon gets on with nothing, with the units %s", (recovery, command) => {
		const lastTickAt = new Date(NOW.getTime() - 2 * 86_400_000);
		const facts = healthyFacts({ agent: { ...agent, lastTickAt }, recovery });
		expect(examine(facts)).toMatchObject([{ code: "daemon.stuck", command }]);
	});

	test.each([
		[
			"names the socket from the queue directory on, beside what stands there",
			wired({ milters: ["inet:127.0.0.1:11332"] }),
			"postconf -e smtpd_milters=inet:127.0.0.1:11332,unix:opendkim/opendkim.sock && systemctl reload postfix",
		],
		[
			"leaves to other milters what is set for them, and its macros",
			wired({
				lists: [
					milterList(["inet:localhost:11332", "inet:10.0.0.7:9"], {
						raw: "{ inet:localhost:11332, default_action=accept, connect_timeout=5s } $other",
					}),
				],
			}),
			"postconf -e 'smtpd_milters={ inet:localhost:11332, default_action=accept, connect_timeout=5s } $other,unix:opendkim/opendkim.sock' && systemctl reload postfix",
		],
		[
			"adds to a macro what is made on this host",
			wired({
				lists: [
					milterList(["local:/opendkim/opendkim.sock"]),
					milterList([], { name: "non_smtpd_milters", by: "cleanup/unix", raw: "$other_milters" }),
				],
			}),
			"postconf -e 'non_smtpd_milters=$other_milters,unix:opendkim/opendkim.sock' && systemctl reload postfix",
		],
		[
			"names a socket outside where no service is chrooted",
			wired({ lists: [milterList([], { isChrooted: false })] }, OUTSIDE),
			"postconf -e smtpd_milters=unix:/run/opendkim/opendkim.sock && systemctl reload postfix",
		],
		[
			"makes a directory below the queue's for a socket outside, which chrooted services never find",
			wired({ milters: [] }, OUTSIDE),
			"install -d -o opendkim -g postfix -m 2750 /var/spool/postfix/opendkim",
		],
		[
			"names a socket inside so that each service finds it, and leaves the rest as it stands",
			wired({
				lists: [
					milterList([INSIDE], {
						raw: `{ ${INSIDE}, connect_timeout=5s }, $other`,
					}),
					milterList(["unix:opendkim/opendkim.sock"], { name: "non_smtpd_milters", by: "cleanup/unix" }),
				],
			}),
			"postconf -e 'smtpd_milters={ unix:opendkim/opendkim.sock, connect_timeout=5s }, $other' && systemctl reload postfix",
		],
		[
			"names it so for one service",
			wired({ ownMilters: [INSIDE] }),
			"postconf -P submission/inet/smtpd_milters=unix:opendkim/opendkim.sock && systemctl reload postfix",
		],
		[
			"lets mail wait",
			wired(acceptedBy("milter_default_action")),
			"postconf -e milter_default_action=tempfail && systemctl reload postfix",
		],
		[
			"lets mail of one service wait",
			wired(acceptedBy("submission/inet/milter_default_action")),
			"postconf -P submission/inet/milter_default_action=tempfail && systemctl reload postfix",
		],
		[
			"takes rights from the file",
			line({ unsafe: "/k/a.private can be read by its group, in which postfix is" }),
			"chmod g-rw /k/a.private",
		],
		[
			"gives the world no more than the owner's rights",
			line({ unsafe: "/etc/opendkim/keys/example.private can be read or written by everybody" }),
			"chmod 0600 /etc/opendkim/keys/example.private",
		],
		[
			"takes from the world the file that a link leads to",
			line({ unsafe: "/srv/keys/a.private can be read or written by everybody" }),
			"chmod 0600 /srv/keys/a.private",
		],
		[
			"lets a group read the directory that it may not write",
			line({ unsafe: "/srv/keys can be written by its group, in which admin is" }),
			"chmod g-w /srv/keys",
		],
		[
			"quotes what a shell would take otherwise",
			line({ unsafe: "/k/a b.private can be read by its group, in which postfix is" }),
			"chmod g-rw '/k/a b.private'",
		],
		["starts a signer that is a unit", signer({ running: false }), "systemctl start opendkim"],
		[
			"starts a signer that is none as keyturn.yaml does",
			byCommand(doorTold({ signer: { service: "mailserver", running: false } })),
			"/bin/sh -c 'docker start $NAME'",
		],
		[
			"starts a mail server that is no unit as keyturn.yaml does",
			byCommand(
				doorTold({
					examined: {
						services: [
							{ service: "mailserver", running: false },
							{ service: "opendkim", running: true },
						],
					},
				}),
			),
			"/bin/sh -c 'docker start $NAME'",
		],
		[
			"quotes a selector, which whoever wrote the table chose",
			key({
				line: { ...keyFacts().line, selector: "$(id)" },
				look: lookReport({
					verdict: "absent",
					servers: [serverReport({ outcome: "absent_name", sentence: "nothing" })],
				}),
			}),
			"keyturn record example.com '$(id)'",
		],
	])("%s", (_, facts, command) => {
		expect(examine(facts).map((one) => one.command)).toEqual([command]);
	});

	test.each(["read by its group, in which postfix is", "read or written by everybody"])(
		"keeps a signer's user, who is no owner, reading the file: %s",
		(what) => {
			const [found] = examine(line({ unsafe: `/k/a.private can be ${what}` }));
			expect(found?.advice).toMatch(/^if it belongs to root, let it first belong to the signer's user/);
		},
	);

	test.each(["/tmp", "/var/tmp", "/dev/shm"])("takes from nobody what is everybody's: %s", (directory) => {
		const [found] = examine(line({ unsafe: `${directory} can be written by everybody` }));
		expect(found?.command).toBeNull();
		expect(found?.advice).toContain("move the key");
	});

	test("names the journal of a unit alone", () => {
		const advice = (facts: Facts) => examine(facts).map((one) => one.advice);
		expect(advice(signer({ running: false }))).toEqual(["if it does not stay: journalctl -u opendkim"]);
		expect(advice(byCommand(doorTold({ signer: { service: "mailserver", running: false } })))).toEqual([
			"if it does not stay: its own log says why",
		]);
	});
});
