/** `keyturn init`: looks at what is installed, asks what cannot be seen, and writes a first configuration; never over another. */

import { parseDomain } from "../dkim/names.ts";
import { KeyturnError } from "../errors.ts";
import type { FoundSigner } from "../ports/found-signer.ts";
import { PLAIN_ADDRESS } from "../ports/mailer.ts";
import { type StarterProvider, type StarterSigner, starterText } from "../settings/starter.ts";
import type { InitHost } from "./init-host.ts";
import { chooseProviders, type NamedSigner, TSIG_KEY } from "./init-providers.ts";
import { list, Talk } from "./init-talk.ts";
import { type CommandContext, EXIT } from "./workbench.ts";

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
	const found = named(usableSigners(talk, (await host.signers()).map(ofDomains)));
	const mail = await host.mailServer();
	const signers = await chooseSigners(talk, found, mail);
	const unitless = signers.filter(({ commands }) => commands === null).flatMap(({ stop }) => stop);
	if (!host.hasSystemd && unitless.length > 0) talk.say(noUnits(unitless));
	const { providers, domains, keyFrom } = await chooseProviders(talk, host, found, context.signal);
	const postmaster = `postmaster@${domains[0]?.domain ?? ""}`;
	const alertTo = await addressed(talk, postmaster);
	const text = starterText({
		timezone: host.timezone,
		signers,
		providers,
		domains: domains.map((one) => ({ ...one, signer: signers.length === 1 ? null : one.signer })),
		alertTo,
		state: STATE,
	});
	if (!(await talk.isYes(`Write ${path}`))) {
		talk.say("nothing is written");
		return EXIT.done;
	}
	if ((await host.write(path, text)) === "exists") throw alreadyThere(path);
	terminal.result(`${path} is written`);
	if (keyFrom !== null) await copyKey(talk, host, keyFrom);
	const once = found.flatMap(({ steps }) => steps);
	for (const step of [
		"next:",
		...once,
		...(await keySteps(host, providers)),
		...nextSteps(providers, path, host),
	])
		terminal.result(step);
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

/** Asked again until it is a plain address, which is what an alert takes; null for nobody. */
async function addressed(talk: Talk, byDefault: string): Promise<string | null> {
	for (;;) {
		const given = await talk.answer("Who gets alerts by e-mail (- for nobody)", byDefault);
		if (given === "-") return null;
		if (given === byDefault || PLAIN_ADDRESS.test(given)) return given;
		talk.say(`expected an address such as postmaster@example.com, or -, got ${given}`);
	}
}

/** Without the keys of what can be no domain of a configuration, which are told as a problem. */
function ofDomains(signer: FoundSigner): FoundSigner {
	const odd = signer.keys.filter(({ domain }) => parseDomain(domain) === null);
	const told = odd.map(
		({ domain, selector }) => `${domain} is no domain name, and its key ${selector} stays as it is`,
	);
	return {
		...signer,
		keys: signer.keys.filter((key) => !odd.includes(key)),
		problems: [...signer.problems, ...told],
	};
}

function usableSigners(talk: Talk, found: readonly FoundSigner[]): readonly FoundSigner[] {
	const usable = found.filter(({ keys }) => keys.length > 0);
	// A configuration that came with its package, and was never touched, is no news beside one that works.
	const told = found.filter((one) => usable.length === 0 || usable.includes(one) || one.type === STRANGER);
	for (const problem of told.flatMap(({ problems }) => problems)) talk.say(`note: ${problem}`);
	if (usable.length > 0) return usable;
	const seen = found.map(({ type, service }) => (type === STRANGER ? service : type)).join(", ");
	throw new KeyturnError(
		"usage",
		found.length === 0
			? "no signer was found: looked for OpenDKIM, rspamd, dkimpy-milter, Exim, DKIMproxy and docker-mailserver"
			: `of what is installed (${seen}) nothing signs with a key that can be turned`,
		{
			hint: "set the signer up so that it signs for one domain, then run init again; or write keyturn.yaml by hand (config/keyturn.example.yaml, docs/signers.md)",
		},
	);
}

/** The type of a signer that programs of the administrator's stand for. */
const STRANGER = "command";

/** By its type, or by its service where there are several of one. */
function named(found: readonly FoundSigner[]): readonly NamedSigner[] {
	return found.map((one) => {
		const isAlone = found.filter(({ type }) => type === one.type).length === 1;
		return { ...one, name: isAlone ? one.type : asName(one.service) };
	});
}

/** `opendkim@ed25519` is no name in keyturn.yaml. */
function asName(service: string): string {
	return service.replaceAll(/[^A-Za-z0-9_-]+/g, "-").slice(0, 31);
}

async function chooseSigners(
	talk: Talk,
	found: readonly NamedSigner[],
	mail: string | null,
): Promise<readonly StarterSigner[]> {
	const signers: StarterSigner[] = [];
	for (const signer of found) {
		const { name, type, service, settings, commands, keys, isBehindMailServer, swap } = signer;
		talk.say(`${name} signs ${list(keys.map(({ domain, selector }) => `${domain} with ${selector}`))}`);
		if (mail === null && isBehindMailServer) talk.say(unknownMailServer(service));
		const stop = mail === null || !isBehindMailServer ? [service] : [mail, service];
		const chosen = await chooseSwap(talk, signer, stop);
		signers.push({ name, type, settings, commands, stop, swap: chosen, why: swap.isOnly ? swap.why : null });
	}
	return signers;
}

/** A container's Postfix, or Sendmail. */
function unknownMailServer(service: string): string {
	return `note: which mail server hands ${service} its mail is not known (Postfix and Exim were looked for): where one does, put its service before ${service} in services.stop and behind it in services.start, or its mail may leave unsigned while ${service} is stopped`;
}

function noUnits(services: readonly string[]): string {
	return `note: no systemd runs here: ${[...new Set(services)].join(" and ")} need \`manager: command\` in services, with the commands that stop and start them: docs/signers.md`;
}

async function chooseSwap(
	talk: Talk,
	{ name, swap }: NamedSigner,
	stop: readonly string[],
): Promise<"restart" | "reload"> {
	const { recommended, why, isOnly } = swap;
	const stops = `stops ${stop.join(" and ")} for some seconds`;
	if (isOnly) {
		talk.say(recommended === "reload" ? why : `${why}: a switch ${stops}`);
		return recommended;
	}
	talk.say(`recommended: reload. ${why}; restart ${stops}`);
	return talk.choose(`How ${name} gets a new key`, ["reload", "restart"]);
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

/** A key has to be made, and given to the name server, where none was found. */
async function keySteps(host: InitHost, providers: readonly StarterProvider[]): Promise<readonly string[]> {
	const isNeeded = providers.some(({ type }) => type === "rfc2136") && !(await host.isThere(TSIG_KEY));
	return isNeeded
		? [
				`  tsig-keygen keyturn | install -m 640 -g keyturn /dev/stdin ${TSIG_KEY}`,
				"  and have the zone take updates that are signed with it: docs/providers.md",
			]
		: [];
}

function nextSteps(
	providers: readonly StarterProvider[],
	path: string,
	{ hasSystemd }: Pick<InitHost, "hasSystemd">,
): readonly string[] {
	const secrets = providers.flatMap(({ settings }) =>
		settings.flatMap(([, value]) => ("file" in value ? [value.file] : [])),
	);
	const texts = providers.flatMap(({ name, settings }) =>
		settings.some(([, value]) => "fillIn" in value) ? [name] : [],
	);
	const option = path === "/etc/keyturn/keyturn.yaml" ? "" : ` --config ${path}`;
	return [
		...texts.map((name) => `  put in what stands for ${name} in ${path}`),
		...secrets.map((file) => `  install -m 640 -g keyturn /dev/stdin ${file}    # and paste the secret`),
		`  keyturn${option} doctor`,
		`  keyturn${option} rotate --dry-run`,
		...(hasSystemd
			? [
					"  systemctl enable keyturn-recover.service",
					"  systemctl enable --now keyturn-apply.socket keyturn.service",
				]
			: [`  keyturn${option} run, as root under this host's supervisor`]),
	];
}
