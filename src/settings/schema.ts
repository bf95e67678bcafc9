/** The whole of keyturn.yaml as one strict schema. The descriptions are the manual; `npm run docs` prints them. */

import * as z from "zod";
import { isSelector } from "../dkim/names.ts";
import { EVENTS, TROUBLES } from "../ports/alert-sink.ts";
import { duration } from "./durations.ts";
import {
	cron,
	domainName,
	endpoint,
	hostLabel,
	loopbackEndpoint,
	timezone,
	windowOfDay,
	zoneName,
} from "./plain-values.ts";
import { secretReference } from "./secret-reference.ts";

// A file is read once or twice in the life of a process: compiling its reader costs more than it saves.
z.config({ jitless: true });

const NAME = z.string().regex(/^[A-Za-z][A-Za-z0-9_-]{0,30}$/, {
	error: "must be a name of letters, digits, - and _ that starts with a letter",
});
const PATH = z
	.string()
	.regex(/^\/[^\0]*[^\0/]$/, { error: "must be an absolute path without a / at its end" });
const ARGV = z.tuple([z.string().regex(/^\//, { error: "must be an absolute path" })], z.string(), {
	error: "must be a list of a program and its arguments",
});

const selector = z.union(
	[
		z.string(),
		z.strictObject({
			ring: z
				.array(z.string().refine(isSelector, { error: "must be a selector name" }))
				.min(2, { error: "must have two names at least" })
				.describe("Fixed selector names, used in turn, for zones that hold fixed CNAMEs."),
		}),
	],
	{ error: 'must be a template such as "{yyyy}{mm}" or { ring: [NAME, NAME] }' },
);

const BITS = [2048, 3072, 4096] as const;
const oneKey = z.discriminatedUnion(
	"algorithm",
	[
		z.strictObject({
			algorithm: z.literal("rsa").describe("`rsa` or `ed25519`."),
			bits: z
				.literal(BITS, { error: "must be 2048, 3072 or 4096" })
				.prefault(2048)
				.describe("Size of an RSA key: 2048, 3072 or 4096."),
		}),
		z.strictObject({ algorithm: z.literal("ed25519") }),
	],
	{ error: "must be rsa or ed25519" },
);
const key = z.union([oneKey, z.array(oneKey).min(1, { error: "must have one key at least" })], {
	error: "must be { algorithm: rsa, bits: 2048 }, { algorithm: ed25519 } or a list of these",
});

const recordShape = {
	ttl: duration
		.refine((ms) => ms >= 1000, { error: "must be 1s at least" })
		.describe("Time to live of the key record."),
	service: z
		.array(z.enum(["*", "email"], { error: "must be * or email" }))
		.min(1)
		.describe("The record's `s=` tag; by default that of the key in use."),
	hash: z
		.array(z.enum(["sha256", "sha1"], { error: "must be sha256 or sha1" }))
		.refine((names) => names.includes("sha256"), { error: "must have sha256" })
		.describe("The record's `h=` tag; by default that of the key in use."),
	flags: z
		.array(z.literal("s", { error: "must be s; y (testing) is never published" }))
		.describe("The record's `t=` tag; by default that of the key in use, but never `y`."),
	notes: z
		.string()
		.max(200, { error: "must have at most 200 letters" })
		.regex(/^(?! )[ !#-&*-:<>-[\]-~]+(?<! )$/, {
			// Verifiers differ over the others: mailauth ends a record at an open quote or parenthesis.
			error: "must be plain ASCII without quotes, parentheses, backslashes, = and ;",
		})
		.describe("The record's `n=` tag; by default that of the key in use."),
};

const QUORUM_RULE = "must be all or a number from 1";

const WAY_RULE = 'must be servers, resolver or an "https://…/dns-query" address';

const verifyShape = {
	nameservers: z
		.union([z.literal("auto"), z.array(endpoint).min(1)], {
			error: 'must be auto or a list of addresses such as ["192.0.2.53", "127.0.0.1:5300"]',
		})
		.describe("`auto` asks the servers of the zone; a list stands for its NS records."),
	quorum: z
		.union([z.literal("all"), z.int().min(1, { error: QUORUM_RULE })], { error: QUORUM_RULE })
		.describe("How many of the zone's server names have to answer rightly: `all` or a number."),
	resolvers: z
		.array(z.union([z.literal("system"), endpoint], { error: "must be system or an address" }))
		.describe("Recursive resolvers that must see the record too; `[]` for none."),
	via: z
		.array(
			z.union([z.enum(["servers", "resolver"]), z.url({ protocol: /^https$/, error: WAY_RULE })], {
				error: WAY_RULE,
			}),
		)
		.min(1, { error: "must have one way at least" })
		.describe("How DNS is asked: `servers` directly, or `resolver` and a DNS-over-HTTPS address."),
	interval: duration
		.refine((ms) => ms >= 1000, { error: "must be 1s at least" })
		.describe("Between two looks at DNS, growing to ten minutes where it is shorter."),
	soak: z
		.union([z.literal("auto"), duration], { error: "must be auto or a duration such as 90s or 15m" })
		.describe(
			"Wait after the last server is right, for cached absences and wrong records to expire; `auto` takes it from what was served.",
		),
	timeout: duration
		.refine((ms) => ms >= 60_000, { error: "must be 1m at least" })
		.describe("After this long without success `verification_failed` is raised; the wait goes on."),
};

const retireShape = {
	grace: duration.describe(
		"How long the old record stands after the last use of its key; never less than mail may wait in the queue.",
	),
	tombstone: duration.describe("How long an empty `p=` stands before the record is removed; `0d`: none."),
	adopted: z.boolean().describe("Whether the record of a key that keyturn found in use is removed too."),
	publish_private: PATH.nullable().describe(
		"Directory into which private keys are published a week and a TTL after their record is gone, so that old signatures prove nothing; `null`: nowhere.",
	),
};

const commands = z.strictObject({
	stop: ARGV.describe("Program and arguments that stop the service."),
	start: ARGV.describe("Program and arguments that start it."),
	reload: ARGV.optional().describe("Program and arguments that make it read its configuration again."),
	status: ARGV.describe(
		"Program and arguments that end with 0 while it runs and with 1 to 125 while it does not; anything else is no answer, and nothing is switched.",
	),
});

/** As `systemctl` lets it be written, too: one service has one name, since services are compared by it. */
const SERVICE = z
	.string()
	.regex(/^[A-Za-z0-9][A-Za-z0-9_.@\\:-]*$/, { error: "must be a service name" })
	.transform((name) => name.replace(/\.service$/, ""));
const serviceList = z.array(SERVICE).min(1, { error: "must name one service at least" });
const servicesShape = {
	manager: z.enum(["systemd", "command"]).describe("`systemd`, or `command` for other supervisors."),
	stop: serviceList.describe(
		"Stopped in this order; the last is the signer's own service (by default the unit of its type's package), all others count as mail server.",
	),
	start: serviceList.describe("Started in this order: the signer first."),
	hold: duration.describe(
		"How long the mail server stays down when the signer does not come up even with the old table.",
	),
	commands: z
		.record(SERVICE, commands)
		.describe(
			"With `manager: command`: `stop`, `start`, `reload` and `status` of each service, as lists; under systemd none may leave a daemon behind by itself.",
		),
};

const services = z.strictObject({
	manager: servicesShape.manager.prefault("systemd"),
	stop: servicesShape.stop.prefault(["postfix", "opendkim"]),
	start: servicesShape.start.prefault(["opendkim", "postfix"]),
	hold: servicesShape.hold.prefault("5m"),
	commands: servicesShape.commands.prefault({}),
});

/** What every signer has; the rest is its adapter's. */
export const signerShape = {
	type: z.string().describe("What signs."),
	swap: z
		.enum(["restart", "reload"])
		.prefault("restart")
		.describe("`restart` stops mail server and signer around the switch; `reload` signals the signer."),
	probe: z
		.boolean()
		.prefault(true)
		.describe("Whether a message is signed through the running signer after a switch, and verified."),
	services: z
		.strictObject(servicesShape)
		.partial()
		.optional()
		.describe("Services of this signer, where they differ from `services`."),
};
const signer = z.looseObject(signerShape);

/** What every provider has; the rest is its adapter's. */
export const providerShape = { type: z.string().describe("What writes the zone.") };
const provider = z.looseObject(providerShape);

/** What every alert has; the rest is its adapter's. */
export const alertShape = {
	type: z.string().describe("How it is told."),
	on: z
		.array(z.enum([...EVENTS, ...TROUBLES]))
		.min(1, { error: "must name one event at least; leave it out for all" })
		.optional()
		.describe("Only these events; default: all."),
	repeat: duration
		.refine((ms) => ms >= 60_000, { error: "must be 1m at least" })
		.prefault("6h")
		.describe("How long a lasting trouble stays untold before it is told again, growing."),
};
const alert = z.looseObject(alertShape);

const providersOfDomain = z
	.union([NAME, z.array(NAME).min(1, { error: "must name one provider at least" })], {
		error: "must be the name of a provider",
	})
	.describe("Name of the provider that writes its zone, or a list: all of them.");

const signerOfDomain = z.union([NAME, z.array(NAME).min(1, { error: "must name one signer at least" })], {
	error: "must be the name of a signer, or a list: one for each key",
});

const overridable = {
	schedule: cron.describe("When a new key starts to sign: five cron fields."),
	publish_ahead: duration.describe("Its record goes out this long before."),
	window: windowOfDay.describe(
		"When services may be touched, such as `02:00-05:00`; a switch that is due outside waits until it next opens. Absent: any time.",
	),
	selector: selector.describe(
		"Template of the selector with `{yyyy}`, `{mm}`, `{dd}`, `{host}`, `{alg}`; the next in the same month gets a suffix; or `{ ring: [kt1, kt2, kt3] }`.",
	),
	key: key.describe("What keys are made: `{ algorithm: rsa, bits: 2048 }`, or a list turned together."),
	standby: z
		.boolean()
		.describe(
			"Keep the next key published and verified, for emergencies; it is made within `jitter` of when the key before it signs.",
		),
};

const domain = z.strictObject({
	name: domainName.describe("The signing domain."),
	provider: providersOfDomain,
	zone: zoneName.optional().describe("Zone that holds its key records; default: found by asking."),
	signer: signerOfDomain
		.optional()
		.describe(
			"Name of the signer that signs for it; may be left out where there is one. Where `key` is a list and each key has a signer of its own, such as two instances of OpenDKIM: their names in its order.",
		),
	schedule: overridable.schedule.optional(),
	window: overridable.window.optional(),
	publish_ahead: overridable.publish_ahead.optional(),
	selector: overridable.selector.optional(),
	key: overridable.key.optional(),
	record: z.strictObject(recordShape).partial().optional().describe("The key record of this domain."),
	standby: overridable.standby.optional(),
	verify: z.strictObject(verifyShape).partial().optional().describe("How DNS is checked for this domain."),
	retire: z.strictObject(retireShape).partial().optional().describe("How old keys of this domain go."),
});

const domains = z
	.union(
		[
			z.array(domain),
			z.strictObject({
				from: z.literal("signer").describe("Takes the domains from the signer's configuration."),
				provider: providersOfDomain,
			}),
			z.strictObject({ file: PATH.describe("File with the list of domains.") }),
		],
		{ error: "must be a list of domains, such as [{ name: example.com, provider: home }]" },
	)
	.describe("The domains whose keys are turned.");

const hookList = z
	.array(ARGV, { error: "must be a list of programs, each a list: [[/usr/local/bin/program, argument]]" })
	.prefault([]);

export const configuration = z.strictObject({
	schedule: overridable.schedule.prefault("0 3 1 * *"),
	publish_ahead: overridable.publish_ahead.prefault("3d"),
	window: overridable.window.optional(),
	timezone: timezone
		.optional()
		.describe("Of schedule, window and the selector's month; default: the system's."),
	selector: overridable.selector.prefault("{yyyy}{mm}"),
	host: hostLabel
		.optional()
		.describe(
			"For `{host}` in the selector; default: the short host name. Alerts call the host so, too; by default by its full name.",
		),
	key: overridable.key.prefault({ algorithm: "rsa", bits: 2048 }),
	record: z
		.strictObject({
			ttl: recordShape.ttl.prefault("1h"),
			service: recordShape.service.optional(),
			hash: recordShape.hash.optional(),
			flags: recordShape.flags.optional(),
			notes: recordShape.notes.optional(),
		})
		.prefault({})
		.describe("The key record."),
	standby: overridable.standby.prefault(false),
	jitter: duration
		.prefault("6h")
		.describe(
			"Publishing and retiring of the domains are spread over this long; publishing over `publish_ahead` at most.",
		),
	spread: duration
		.prefault("0d")
		.describe(
			"The domains' due dates are staggered over this long, each to any minute of the day: where `restart` may not stop mail at noon, set `window` too, and a switch waits until that next opens.",
		),
	verify: z
		.strictObject({
			nameservers: verifyShape.nameservers.prefault("auto"),
			quorum: verifyShape.quorum.prefault("all"),
			resolvers: verifyShape.resolvers.prefault(["system"]),
			via: verifyShape.via.prefault(["servers"]),
			interval: verifyShape.interval.prefault("30s"),
			soak: verifyShape.soak.prefault("auto"),
			timeout: verifyShape.timeout.prefault("24h"),
		})
		.prefault({})
		.describe("How DNS is checked before a key is used."),
	retire: z
		.strictObject({
			grace: retireShape.grace.prefault("14d"),
			tombstone: retireShape.tombstone.prefault("0d"),
			adopted: retireShape.adopted.prefault(false),
			publish_private: retireShape.publish_private.prefault(null),
		})
		.prefault({})
		.describe("How old keys go."),
	signers: z
		.record(NAME, signer)
		.optional()
		.describe("What signs mail, by name; the keys of each are below."),
	signer: signer.optional().describe("Short for `signers` with one, named `main`."),
	services: services.prefault({}).describe("The services around a switch; a signer may have its own."),
	hooks: z
		.strictObject({
			pre: hookList.describe(
				"Programs run before a switch, each a list of program and arguments. One that fails holds the switch; with 75 it puts it off.",
			),
			deploy: hookList.describe("Programs run once a new key signs."),
			post: hookList.describe("Programs run after every switch, done or not."),
			timeout: duration
				.refine((ms) => ms >= 1000 && ms <= 300_000, { error: "must be 1s to 5m" })
				.prefault("1m")
				.describe("After this long a program of `hooks` is killed, and has failed."),
		})
		.prefault({})
		.describe("Programs run by the agent as user keyturn, with the event as JSON on standard input."),
	providers: z
		.record(NAME, provider)
		.prefault({})
		.describe("What writes the zones, by name; docs/providers.md has the keys of each type."),
	domains,
	alerts: z.array(alert).prefault([]).describe("Who is told; the keys of each are below."),
	metrics: z
		.strictObject({
			textfile: PATH.nullable()
				.prefault(null)
				.describe("File for the node exporter's textfile collector; `null`: none."),
			listen: loopbackEndpoint
				.nullable()
				.prefault(null)
				.describe(
					"Address of this host that serves `/metrics` and `/healthz`, such as `127.0.0.1:9710`; `null`: none.",
				),
		})
		.prefault({})
		.describe("Metrics for Prometheus, renewed by the daemon after every tick."),
	status: z
		.strictObject({
			html: PATH.nullable()
				.prefault(null)
				.describe("File to which the daemon writes the status page after every tick; `null`: none."),
		})
		.prefault({})
		.describe("The status page."),
	state: z
		.union([PATH, z.strictObject({ postgresql: secretReference })], { error: "must be an absolute path" })
		.prefault("/var/lib/keyturn")
		.describe(
			"Directory where keyturn remembers; the door's own is beside it, with `-door` behind the name. Elsewhere than here the units need drop-ins (docs/signers.md, Another state directory). `{ postgresql: … }` for hosts that share keys.",
		),
});

export type Configuration = z.output<typeof configuration>;
export type ConfiguredDomain = z.output<typeof domain>;
export type ConfiguredSigner = z.output<typeof signer>;
export type ConfiguredServices = z.output<typeof services>;

/** What the door reads: everything else is passed over unread. */
export const doorConfiguration = z.object({
	state: configuration.shape.state,
	signers: configuration.shape.signers,
	signer: configuration.shape.signer,
	services: configuration.shape.services,
	domains: z.array(
		z.object({
			name: domainName,
			signer: signerOfDomain.optional(),
			retire: z.unknown().optional(),
			key: z.unknown().optional(),
		}),
		{ error: "must be a list of domains" },
	),
	retire: z.unknown().optional(),
	key: z.unknown().optional(),
});
