/** Writes a first keyturn.yaml, with the words that an administrator needs to change it later. */

import { inOneLine } from "../dkim/foreign-text.ts";

/** A word, a list of words, or values by name. */
export type StarterSetting =
	| string
	| number
	| readonly string[]
	| { readonly [name: string]: StarterSetting };

export interface StarterSigner {
	readonly name: string;
	readonly type: string;
	readonly settings: Readonly<Record<string, StarterSetting>>;
	readonly swap: "restart" | "reload";
	/** Why there is no other way; null where the administrator may choose. */
	readonly why: string | null;
	/** How its service is stopped, started and looked at; null where it is a unit of systemd's. */
	readonly commands: Readonly<Record<"stop" | "start" | "status", readonly string[]>> | null;
	/** Services in the order in which they are stopped; the signer's own is the last. */
	readonly stop: readonly string[];
}

/** A secret by its file, a text as it stands, or what has to be put in by hand. */
export type StarterValue =
	| { readonly file: string }
	| { readonly text: string }
	| { readonly fillIn: string };

export interface StarterProvider {
	readonly name: string;
	readonly type: string;
	readonly settings: readonly (readonly [name: string, value: StarterValue])[];
	/** What somebody has to do before it works, a line each. */
	readonly remarks: readonly string[];
}

export interface StarterDomain {
	readonly domain: string;
	readonly provider: string;
	/** Null where there is one signer only; that of the RSA key and that of the Ed25519 key where these are two. */
	readonly signer: string | readonly string[] | null;
	/** What signs for it now. */
	readonly keys: readonly StarterKey[];
}

export interface StarterKey {
	readonly selector: string;
	readonly path: string;
	/** Null where its file cannot be read as a key. */
	readonly algorithm: "rsa" | "ed25519" | null;
}

export interface Starter {
	readonly timezone: string;
	readonly signers: readonly StarterSigner[];
	readonly providers: readonly StarterProvider[];
	readonly domains: readonly StarterDomain[];
	/** Who gets alerts by e-mail; null for nobody. */
	readonly alertTo: string | null;
	/** Of the state directory. */
	readonly state: string;
}

export function starterText(starter: Starter): string {
	return [
		HEAD,
		SCHEDULE,
		`# Of the schedule and of the selector's month.\ntimezone: ${scalar(starter.timezone)}\n`,
		TURN,
		signersPart(starter.signers),
		providersPart(starter.providers),
		domainsPart(starter.domains),
		alertsPart(starter.alertTo),
		`state: ${scalar(starter.state)}\n`,
	].join("\n");
}

const HEAD = `# keyturn.yaml, as \`keyturn init\` found this host. Only root may write it.
# What is left out stays at its default: \`man keyturn.yaml\`, or README.md.
# After a change: \`keyturn doctor\`, then \`systemctl reload keyturn\`.
`;

const SCHEDULE = `# When a new key starts to sign: at three in the morning on each month's first.
schedule: "0 3 1 * *"
# Its record goes out this long before, so that every server has it in time.
publish_ahead: 3d
# Services may be touched at any time; here between these times only:
# window: "02:00-05:00"`;

const TURN = `# 202611; the next in the same month is 202611b. Hosts that share a domain need
# {host}: "{yyyy}{mm}-{host}".
selector: "{yyyy}{mm}"
key: { algorithm: rsa, bits: 2048 }
record: { ttl: 1h }

# An old record stands this long after its key signed for the last time. Records
# of keys that keyturn found in use are left alone, unless adopted is true:
# another host may sign with them.
retire: { grace: 14d, adopted: false }
`;

function signersPart(signers: readonly StarterSigner[]): string {
	const [only, ...others] = signers;
	if (only !== undefined && others.length === 0)
		return [
			swapWords(only),
			"signer:",
			...signerLines(only, "  "),
			"",
			"# Stopped in this order; the last is the signer's own.",
			"services:",
			...servicesLines(only, "  "),
			"",
		].join("\n");
	return [
		...signers.map(swapWords),
		"signers:",
		...signers.flatMap((signer) => [
			`  ${signer.name}:`,
			...signerLines(signer, "    "),
			"    services:",
			...servicesLines(signer, "      "),
		]),
		"",
	].join("\n");
}

/** Where the signer is stopped alone, no mail server is said to be. */
function swapWords({ type, swap, why, stop }: StarterSigner): string {
	const isAlone = stop.length === 1;
	if (why !== null)
		return comment(
			swap === "reload"
				? `${why} (swap: reload).`
				: `${why}: it is stopped for some seconds${isAlone ? "" : ", with the mail server in front of it"} (swap: restart).`,
		);
	const stopped = isAlone ? type : `the mail server and ${type}`;
	return comment(
		`swap: reload has ${type} take the new key up while it runs: no message waits. restart stops ${stopped}, switches, and starts ${isAlone ? "it" : "them"} again.`,
	);
}

/** Lines as long as the others of the file; a program's words, or a name of others, begin none of their own. */
function comment(text: string): string {
	const lines: string[] = [];
	for (const word of inOneLine(text).split(" ")) {
		const last = lines.at(-1);
		if (last === undefined || last.length + word.length + 1 > LINE_LENGTH) lines.push(`# ${word}`);
		else lines[lines.length - 1] = `${last} ${word}`;
	}
	return lines.join("\n");
}

const LINE_LENGTH = 79;

function signerLines({ type, settings, swap }: StarterSigner, indent: string): readonly string[] {
	return [
		`${indent}type: ${type}`,
		...Object.entries(settings).map(([name, value]) => `${indent}${name}: ${flow(value)}`),
		`${indent}swap: ${swap}`,
	];
}

function flow(value: StarterSetting): string {
	if (typeof value === "string") return scalar(value);
	if (typeof value === "number") return String(value);
	if (isList(value)) return `[${value.map((word) => JSON.stringify(word)).join(", ")}]`;
	const parts = Object.entries(value).map(([name, one]) => `${name}: ${flow(one)}`);
	return `{ ${parts.join(", ")} }`;
}

function isList(value: StarterSetting): value is readonly string[] {
	return Array.isArray(value);
}

function servicesLines({ stop, commands }: StarterSigner, indent: string): readonly string[] {
	const order = [
		`${indent}stop: [${stop.map(scalar).join(", ")}]`,
		`${indent}start: [${stop.toReversed().map(scalar).join(", ")}]`,
	];
	if (commands === null) return order;
	return [
		`${indent}manager: command`,
		...order,
		`${indent}commands:`,
		...stop.flatMap((service) => [
			`${indent}  ${scalar(service)}:`,
			...Object.entries(commands).flatMap(([act, argv]) => commandLines(`${indent}    ${act}: `, argv)),
		]),
	];
}

/** Its words below one another where the line would be too long. */
function commandLines(before: string, argv: readonly string[]): readonly string[] {
	const line = `${before}${flow(argv)}`;
	if (line.length <= LINE_LENGTH) return [line];
	const indent = " ".repeat(before.search(/\S/) + 2);
	return [before.trimEnd(), ...argv.map((word) => `${indent}- ${scalar(word)}`)];
}

function providersPart(providers: readonly StarterProvider[]): string {
	return [
		"# Who writes the zones. A secret stands in a file that only keyturn may read.",
		"providers:",
		...providers.flatMap(({ name, type, settings, remarks }) => [
			...remarks.map((remark) => `  # ${remark}`),
			`  ${name}:`,
			`    type: ${type}`,
			...settings.map(([key, value]) => `    ${key}: ${valueOf(value)}`),
		]),
		"",
	].join("\n");
}

function valueOf(value: StarterValue): string {
	if ("file" in value) return `{ file: ${scalar(value.file)} }`;
	return "text" in value ? scalar(value.text) : `${scalar(value.fillIn)}  # to be filled in`;
}

function domainsPart(domains: readonly StarterDomain[]): string {
	return [
		"# Everything above that is about a turn may differ for a domain.",
		"domains:",
		...domains.flatMap(domainLines),
		"",
	].join("\n");
}

/** What signs now stands behind it, or above it where the line would be too long. */
function domainLines({ domain, provider, signer, keys }: StarterDomain): readonly string[] {
	const line = `  - { name: ${scalar(domain)}, provider: ${provider}${signerPart(signer)}${keyPart(keys)} }`;
	if (keys.length === 0) return [line];
	const now = keys.map(({ selector, path }) => inOneLine(`${selector} (${path})`));
	const whole = `${line}  # now ${now.join(", ")}`;
	return whole.length <= LINE_LENGTH ? [whole] : [...now.map((key) => `  # now ${key}`), line];
}

/** What the entry of a domain says of its signer, or of its signers; nothing where there is one only. */
export function signerPart(signer: StarterDomain["signer"]): string {
	if (signer === null) return "";
	return `, signer: ${typeof signer === "string" ? signer : `[${signer.join(", ")}]`}`;
}

/** Where keys of both algorithms sign, both are turned. */
function keyPart(keys: readonly StarterKey[]): string {
	const kinds = new Set(keys.map(({ algorithm }) => algorithm));
	if (!kinds.has("ed25519")) return "";
	return kinds.has("rsa") ? `, key: [${RSA}, ${ED25519}]` : `, key: ${ED25519}`;
}

const RSA = "{ algorithm: rsa, bits: 2048 }";
const ED25519 = "{ algorithm: ed25519 }";

function alertsPart(to: string | null): string {
	const words =
		"# Who hears of a key that cannot be turned; docs/alerts.md has webhooks,\n# heartbeats and programs.";
	if (to === null) return `${words}\nalerts: []\n`;
	const warning = "# This host's own mail server cannot tell that it does not start: add one more.";
	return `${words}\n${warning}\nalerts:\n  - type: email\n    to: ${scalar(to)}\n    smtp: "127.0.0.1:25"\n`;
}

/** Quoted unless it can be nothing but a text. */
function scalar(text: string): string {
	return /^[A-Za-z/][\w./@+-]*$/.test(text) && !/^(?:y|n|yes|no|on|off|true|false|null)$/i.test(text)
		? text
		: JSON.stringify(text);
}
