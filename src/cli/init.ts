/** `keyturn init`: looks at what is installed, asks what cannot be seen, and writes a first configuration; never over another. */

import { parseDomain } from "../dkim/names.ts";
import { KeyturnError } from "../errors.ts";
import type { FoundSigner } from "../ports/found-signer.ts";
import type { FoundZone } from "../ports/found-zone.ts";
import type { Prompt } from "../ports/prompt.ts";
import { oneLine, wrap } from "../report/words.ts";
import { type StarterProvider, type StarterSigner, starterText } from "../settings/starter.ts";
import { type CommandContext, EXIT, type Terminal } from "./workbench.ts";

/** What is around keyturn before there is a configuration; every member but the last two only reads. */
export interface InitHost {
	signers(): Promise<readonly FoundSigner[]>;
	/** The service of the mail server in front of the signer; null if none is known. */
	mailServer(): Promise<string | null>;
	/** Who serves the zone of a domain; null if DNS does not say. */
	zoneOf(domain: string): Promise<FoundZone | null>;
	/** The provider that these names of servers belong to, with what its settings begin with. */
	guess(servers: readonly string[]): Omit<StarterProvider, "name" | "remarks"> | null;
	/** Files that hold a TSIG key as BIND writes it, likeliest first. */
	tsigKeys(): Promise<readonly string[]>;
	readonly timezone: string;
	isThere(path: string): Promise<boolean>;
	/** Makes the copy of a TSIG key that keyturn may read; what stands there stays. Fails with `disk.failed`. */
	copyKey(from: string, to: string): Promise<"copied" | "exists">;
	/** Fails with `config.*` if keyturn would not read it, and writes nothing then, nor over another file. */
	write(path: string, text: string): Promise<"written" | "exists">;
}

const TSIG_KEY = "/etc/keyturn/tsig.key";
const STATE = "/var/lib/keyturn";

/** With `yes` what is proposed is taken, and nothing is asked. */
export async function init(context: CommandContext, { yes }: { readonly yes: boolean }): Promise<number> {
	const { terminal } = context;
	const { host, path, prompt } = await context.surroundings();
	if (prompt === null && !yes)
		throw new KeyturnError("usage", "init asks questions, and nobody is at a terminal to answer", {
			hint: "--yes takes what is proposed, without asking",
		});
	const ask = yes ? null : prompt;
	if (await host.isThere(path)) throw alreadyThere(path);
	const talk = new Talk(terminal, ask);
	const found = usableSigners(talk, await host.signers());
	const mail = await host.mailServer();
	const signers = await chooseSigners(talk, found, mail);
	const { providers, domains, keyFrom } = await chooseProviders(talk, host, found);
	const [first] = domains;
	const postmaster = first === undefined ? "root" : `postmaster@${first.domain}`;
	const alertTo = await talk.answer("Who gets alerts by e-mail (- for nobody)", postmaster);
	const text = starterText({
		timezone: host.timezone,
		signers,
		providers,
		domains: domains.map((one) => ({ ...one, signer: signers.length === 1 ? null : one.signer })),
		alertTo: alertTo === "-" ? null : alertTo,
		state: STATE,
	});
	if (!(await talk.isYes(`Write ${path}`))) {
		talk.say("nothing is written");
		return EXIT.done;
	}
	if ((await host.write(path, text)) === "exists") throw alreadyThere(path);
	terminal.result(`${path} is written`);
	if (keyFrom !== null) await copyKey(talk, host, keyFrom);
	for (const step of nextSteps(providers, path)) terminal.result(step);
	return EXIT.done;
}

function alreadyThere(path: string): KeyturnError {
	return new KeyturnError(
		"usage",
		`${path} is there already: init writes a first configuration, and over none`,
		{
			hint: `keyturn doctor judges it; for a new one move it away, or name another with --config`,
		},
	);
}

class Talk {
	readonly #terminal: Terminal;
	readonly #ask: Prompt | null;

	constructor(terminal: Terminal, ask: Prompt | null) {
		this.#terminal = terminal;
		this.#ask = ask;
	}

	say(text: string): void {
		this.#terminal.say(wrap(oneLine(text), 79, "", "  "));
	}

	async answer(question: string, byDefault: string): Promise<string> {
		if (this.#ask === null) return byDefault;
		const given = (await this.#ask(`${question} [${byDefault}]: `)).trim();
		return given === "" ? byDefault : given;
	}

	/** Asked again until the answer is one of them. */
	async choose<const Word extends string>(
		question: string,
		words: readonly [Word, ...Word[]],
	): Promise<Word> {
		for (;;) {
			const given = await this.answer(`${question} (${words.join(", ")})`, words[0]);
			const meant = words.find((word) => word === given.toLowerCase());
			if (meant !== undefined) return meant;
			this.say(`expected ${words.join(" or ")}, got ${given}`);
		}
	}

	async isYes(question: string): Promise<boolean> {
		return (await this.choose(question, ["yes", "no"])) === "yes";
	}
}

function usableSigners(talk: Talk, found: readonly FoundSigner[]): readonly FoundSigner[] {
	const usable = found.filter(({ keys }) => keys.length > 0);
	// A configuration that came with its package, and was never touched, is no news beside one that works.
	for (const { problems } of usable.length > 0 ? usable : found)
		for (const problem of problems) talk.say(`note: ${problem}`);
	if (usable.length > 0) return usable;
	const seen = found.map(({ type }) => type).join(", ");
	throw new KeyturnError(
		"usage",
		found.length === 0
			? "no signer was found: looked for OpenDKIM, rspamd, dkimpy-milter and DKIMproxy"
			: `of what is installed (${seen}) nothing signs with a key that can be turned`,
		{
			hint: "set the signer up so that it signs for one domain, then run init again; for Exim and others write keyturn.yaml by hand (config/keyturn.example.yaml, docs/signers.md)",
		},
	);
}

async function chooseSigners(
	talk: Talk,
	found: readonly FoundSigner[],
	mail: string | null,
): Promise<readonly StarterSigner[]> {
	const signers: StarterSigner[] = [];
	for (const { type, service, settings, canReload, keys } of found) {
		talk.say(`${type} signs ${list(keys.map(({ domain, selector }) => `${domain} with ${selector}`))}`);
		signers.push({
			name: type,
			type,
			settings,
			swap: await chooseSwap(talk, { type, canReload, mail }),
			stop: mail === null ? [service] : [mail, service],
		});
	}
	return signers;
}

async function chooseSwap(
	talk: Talk,
	{
		type,
		canReload,
		mail,
	}: { readonly type: string; readonly canReload: boolean; readonly mail: string | null },
): Promise<"restart" | "reload"> {
	const stopped = [mail, type].filter((one) => one !== null).join(" and ");
	if (!canReload) {
		talk.say(`${type} reads its keys at its start only: a switch stops ${stopped} for some seconds`);
		return "restart";
	}
	talk.say(
		`recommended: reload. ${type} takes the new key up while it runs, and no message waits; restart stops ${stopped} for some seconds`,
	);
	return talk.choose(`How ${type} gets a new key`, ["reload", "restart"]);
}

interface Chosen {
	readonly providers: readonly StarterProvider[];
	readonly domains: readonly {
		readonly domain: string;
		readonly provider: string;
		readonly signer: string;
		readonly selectors: readonly string[];
	}[];
	/** The file of the TSIG key that is to be copied. */
	readonly keyFrom: string | null;
}

/** Domains that the same hosts serve are told and asked for together. */
async function chooseProviders(talk: Talk, host: InitHost, found: readonly FoundSigner[]): Promise<Chosen> {
	const groups = new Map<string, { readonly zone: FoundZone | null; readonly members: SignedDomain[] }>();
	for (const signed of domainsOf(found)) {
		const zone = await host.zoneOf(signed.domain);
		const key = hostOf(host, zone);
		const group = groups.get(key) ?? { zone, members: [] };
		groups.set(key, group);
		group.members.push(signed);
	}
	const providers = new Map<string, StarterProvider>();
	const domains: Chosen["domains"][number][] = [];
	for (const { zone, members } of groups.values()) {
		const provider = await providerFor(talk, host, { domains: members.map(({ domain }) => domain), zone });
		const name = freeName(provider.name, providers);
		providers.set(name, { ...provider, name });
		domains.push(...members.map((member) => ({ ...member, provider: name })));
	}
	const isUpdated = [...providers.values()].some(({ type }) => type === "rfc2136");
	const keyFrom = isUpdated ? ((await host.tsigKeys())[0] ?? null) : null;
	return { providers: [...providers.values()], domains, keyFrom };
}

/** The same for zones that one provider writes. */
function hostOf(host: InitHost, zone: FoundZone | null): string {
	if (zone === null) return "unknown";
	if (zone.localPrimary !== null) return `local ${zone.localPrimary}`;
	return host.guess(zone.servers)?.type ?? `by hand ${zone.servers[0] ?? ""}`;
}

function freeName(wanted: string, taken: ReadonlyMap<string, unknown>): string {
	for (let count = 2, name = wanted; ; count += 1) {
		if (!taken.has(name)) return name;
		name = `${wanted}${count}`;
	}
}

interface SignedDomain {
	readonly domain: string;
	readonly signer: string;
	readonly selectors: readonly string[];
}

/** A domain belongs to the first signer that was found for it. */
function domainsOf(found: readonly FoundSigner[]): readonly SignedDomain[] {
	const domains = new Map<string, { readonly signer: string; readonly selectors: string[] }>();
	for (const { type, keys } of found)
		for (const { domain, selector } of keys) {
			const name = parseDomain(domain);
			if (name === null) continue;
			const known = domains.get(name);
			if (known === undefined) domains.set(name, { signer: type, selectors: [selector] });
			else if (known.signer === type) known.selectors.push(selector);
		}
	return [...domains].map(([domain, one]) => ({ domain, ...one }));
}

async function providerFor(
	talk: Talk,
	host: InitHost,
	{ domains, zone }: { readonly domains: readonly string[]; readonly zone: FoundZone | null },
): Promise<StarterProvider> {
	const served = zone === null ? "DNS does not say who serves it" : `served by ${list(zone.servers)}`;
	const names = list(domains);
	if (zone?.localPrimary != null) {
		talk.say(`${names}: ${served}; the primary is on this host: dynamic updates (rfc2136)`);
		return {
			name: "home",
			type: "rfc2136",
			settings: [
				["server", { text: zone.localPrimary }],
				["keyfile", { text: TSIG_KEY }],
			],
			remarks: ["dynamic updates with a TSIG key; the zone has to allow them: allow-update { key NAME; };"],
		};
	}
	const guess = zone === null ? null : host.guess(zone.servers);
	if (guess === null) {
		talk.say(`${names}: ${served}; nobody that is known: records are told to be made by hand (manual)`);
		return byHand(zone);
	}
	talk.say(`${names}: ${served}: ${guess.type}`);
	return (await talk.isYes(`Write the zone through ${guess.type}`))
		? { ...guess, name: guess.type, remarks: ["the least rights that it needs: docs/providers.md"] }
		: byHand(zone);
}

function byHand(zone: FoundZone | null): StarterProvider {
	return {
		name: "manual",
		type: "manual",
		settings:
			zone?.servers[0] === undefined ? [] : [["where", { text: `the DNS host of ${zone.servers[0]}` }]],
		remarks: [
			"each record is told to whoever gets the alerts, and made by hand; docs/providers.md has providers that do it by themselves",
		],
	};
}

async function copyKey(talk: Talk, host: InitHost, from: string): Promise<void> {
	if (await host.isThere(TSIG_KEY)) {
		talk.say(`${TSIG_KEY} is there already, and stays`);
		return;
	}
	if (!(await talk.isYes(`Copy the TSIG key ${from} to ${TSIG_KEY}, readable by keyturn alone`))) return;
	const outcome = await host.copyKey(from, TSIG_KEY);
	talk.say(
		outcome === "copied" ? `${TSIG_KEY} is a copy of ${from}` : `${TSIG_KEY} is there already, and stays`,
	);
}

function nextSteps(providers: readonly StarterProvider[], path: string): readonly string[] {
	const secrets = providers.flatMap(({ settings }) =>
		settings.flatMap(([, value]) => ("file" in value ? [value.file] : [])),
	);
	const texts = providers.flatMap(({ name, settings }) =>
		settings.some(([, value]) => "fillIn" in value) ? [name] : [],
	);
	const option = path === "/etc/keyturn/keyturn.yaml" ? "" : ` --config ${path}`;
	return [
		"next:",
		...texts.map((name) => `  put in what stands for ${name} in ${path}`),
		...secrets.map((file) => `  install -m 640 -g keyturn /dev/stdin ${file}    # and paste the secret`),
		`  keyturn${option} doctor`,
		`  keyturn${option} rotate --dry-run`,
		"  systemctl enable keyturn-recover.service",
		"  systemctl enable --now keyturn-apply.socket keyturn.service",
	];
}

/** Two, and how many more. */
function list(names: readonly string[]): string {
	if (names.length <= 3) return names.join(", ");
	return `${names.slice(0, 2).join(", ")} and ${names.length - 2} more`;
}
