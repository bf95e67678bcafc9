/** Writes a first keyturn.yaml, with the words that an administrator needs to change it later. */

export interface StarterSigner {
	readonly name: string;
	readonly type: string;
	readonly settings: Readonly<Record<string, string>>;
	readonly swap: "restart" | "reload";
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
	/** Null where there is one signer only. */
	readonly signer: string | null;
	/** The selectors that sign for it now. */
	readonly selectors: readonly string[];
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

const HEAD = `# keyturn.yaml, as \`keyturn init\` found this host. Only root may write this file.
# What is left out stays at its default; README.md and keyturn.schema.json have all keys.
# After a change: \`keyturn doctor\`, then \`systemctl reload keyturn\`.
`;

const SCHEDULE = `# When a new key starts to sign: at three in the morning on the first of each month.
schedule: "0 3 1 * *"
# Its record goes out this long before, so that every server has it in time.
publish_ahead: 3d
# Services may be touched at any time; here between these times only:
# window: "02:00-05:00"`;

const TURN = `# 202611; the next in the same month is 202611b. Hosts that share a domain need {host}: "{yyyy}{mm}-{host}".
selector: "{yyyy}{mm}"
key: { algorithm: rsa, bits: 2048 }
record: { ttl: 1h }

# An old record stands this long after its key signed for the last time. Records of keys that keyturn found in use are left
# alone, unless adopted is true: another host may sign with them.
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

function swapWords({ type, swap }: StarterSigner): string {
	return swap === "reload"
		? `# swap: reload has ${type} take the new key up while it runs: no message waits. restart stops the mail server and ${type},\n# switches, and starts them again.`
		: `# ${type} takes a new key up at its start only: mail server and ${type} are stopped for some seconds (swap: restart).`;
}

function signerLines({ type, settings, swap }: StarterSigner, indent: string): readonly string[] {
	return [
		`${indent}type: ${type}`,
		...Object.entries(settings).map(([name, value]) => `${indent}${name}: ${scalar(value)}`),
		`${indent}swap: ${swap}`,
	];
}

function servicesLines({ stop }: StarterSigner, indent: string): readonly string[] {
	return [`${indent}stop: [${stop.join(", ")}]`, `${indent}start: [${stop.toReversed().join(", ")}]`];
}

function providersPart(providers: readonly StarterProvider[]): string {
	return [
		"# Who writes the zones. A secret stands in a file of its own, which only keyturn may read.",
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
		...domains.map(({ domain, provider, signer, selectors }) => {
			const by = signer === null ? "" : `, signer: ${signer}`;
			const now = selectors.length === 0 ? "" : `  # now ${selectors.join(", ")}`;
			return `  - { name: ${scalar(domain)}, provider: ${provider}${by} }${now}`;
		}),
		"",
	].join("\n");
}

function alertsPart(to: string | null): string {
	const words =
		"# Who hears of a key that cannot be turned; docs/alerts.md has webhooks, heartbeats and programs.";
	return to === null
		? `${words}\nalerts: []\n`
		: `${words}\nalerts:\n  - type: email\n    to: ${scalar(to)}\n    smtp: "127.0.0.1:25"\n`;
}

/** Quoted unless it can be nothing but a text. */
function scalar(text: string): string {
	return /^[A-Za-z/][\w./@+-]*$/.test(text) && !/^(?:y|n|yes|no|on|off|true|false|null)$/i.test(text)
		? text
		: JSON.stringify(text);
}
