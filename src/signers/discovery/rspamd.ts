/** Finds an rspamd that signs, in whichever way its dkim_signing.conf names its keys. */

import { excerpt } from "../../dkim/foreign-text.ts";
import { asKeyturnError } from "../../errors.ts";
import type { FoundSetting, FoundSigner } from "../../ports/found-signer.ts";
import { readAccounts } from "../accounts.ts";
import type { SignerTools } from "../registry.ts";
import { BUILT_IN_PATH, pathsInMap } from "../rspamd/layout.ts";
import { plainPath } from "../rspamd/file-names.ts";
import { isOn, readSection, type SigningSection } from "../rspamd/signing-section.ts";
import { asFound, firstThere, lookAt, type Proposal, textOf } from "./proposal.ts";
import { proposeRedis } from "./rspamd-redis.ts";

export async function findRspamd(tools: SignerTools): Promise<readonly FoundSigner[]> {
	if ((await firstThere(tools, ["/usr/bin/rspamd"])) === null) return [];
	const found: FoundSigner[] = [];
	const swap = await swapBeside(tools);
	for (const config of CONFIGS) {
		const text = await textOf(tools, config);
		if (text !== null) found.push(await lookIntoFile(tools, { config, swap, text }));
	}
	// rspamd reads all of them; keys stand in one.
	const one = found.find(({ keys }) => keys.length > 0) ?? found[0] ?? (await unconfigured(tools, swap));
	return one === null ? [] : [one];
}

/** What is in the second counts more. */
const CONFIGS = [
	"/etc/rspamd/override.d/dkim_signing.conf",
	"/etc/rspamd/local.d/dkim_signing.conf",
] as const;
const KEYS = "/var/lib/rspamd/dkim";
/** Of a key with the built-in selector, by BUILT_IN_PATH. */
const ENDING = ".dkim.key";

const ABOUT: Omit<Proposal, "config" | "settings" | "swap"> = {
	type: "rspamd",
	service: "rspamd",
	keysFollow: true,
};

const POSTCONF = "/usr/sbin/postconf";
/** What has mail wait that cannot be handed to a milter (postconf(5)). */
const DEFERS = ["tempfail", "shutdown"];
const ANSWER_MS = 20_000;
const NEVER = new AbortController().signal;

/** A reload has its old workers end, and with them what Postfix has open (worker_util.c, rspamd_worker_usr2_handler). */
async function swapBeside({ disk, programs }: SignerTools): Promise<FoundSigner["swap"]> {
	const argv = [POSTCONF, "-x", "-h", "milter_default_action"] as const;
	const isThere = (await firstThere({ disk }, [POSTCONF])) !== null;
	const said = isThere ? await programs.run({ argv, timeoutMs: ANSWER_MS }, NEVER).catch(() => null) : null;
	const action = said?.status === 0 ? said.stdout.trim() : "tempfail";
	return DEFERS.includes(action)
		? {
				recommended: "reload",
				why: "rspamd takes the new key up while it runs, and mail over connections that are open then is deferred once",
				isOnly: false,
			}
		: {
				recommended: "restart",
				why: `a reload of rspamd ends the connections that Postfix has open to it, and with milter_default_action = ${action} their mail ${action === "reject" ? "is refused" : "leaves unsigned"} (tempfail would have it wait)`,
				isOnly: true,
			};
}

/** Without any configuration it signs for each domain whose key lies where it looks; null where none does. */
async function unconfigured(tools: SignerTools, swap: Proposal["swap"]): Promise<FoundSigner | null> {
	const names = (await tools.disk.list(KEYS).catch(() => null)) ?? [];
	const domains = names.filter((name) => name.endsWith(ENDING)).map((name) => name.slice(0, -ENDING.length));
	const config = CONFIGS[1];
	const how = `name each domain in a map (selector_map = "/etc/rspamd/dkim_selectors.map"; lines "DOMAIN dkim")`;
	const problem = `${config}: absent, and rspamd signs for ${excerpt(domains.join(", "), 200)}, whose key it finds by itself in ${KEYS}: ${how}`;
	const about = { ...ABOUT, config, swap, settings: { keys: KEYS } };
	return domains.length === 0 ? null : { ...asFound(about), problems: [problem] };
}

interface SigningFile extends Pick<Proposal, "config" | "swap"> {
	readonly text: string;
}

async function lookIntoFile(tools: SignerTools, { config, swap, text }: SigningFile): Promise<FoundSigner> {
	const common = { config, ...(await runsAs(tools)), ...(await listensAt(tools)) };
	const about = { ...ABOUT, config, swap, settings: { ...common, keys: KEYS } };
	try {
		const section = readSection(text, config);
		if (isOn(section.options.get("use_redis"))) return await proposeRedis(tools, about, section);
		const places = await keyPlaces(tools, section);
		if (places.length === 0 && section.options.has("selector_map"))
			return { ...asFound(about), problems: [`${config}: ${whyNothing(section)}`] };
		const tried: FoundSigner[] = [];
		for (const keys of places)
			tried.push(await lookAt(tools, { ...about, settings: { ...common, keys }, keysFollow: false }));
		const best = tried.toSorted((one, other) => other.keys.length - one.keys.length)[0];
		const found = best ?? (await lookAt(tools, about));
		return found.keys.length + found.problems.length > 0
			? found
			: { ...found, problems: [`${config}: ${whyNothing(section)}`] };
	} catch (thrown) {
		return { ...asFound(about), problems: [`${config}: ${asKeyturnError(thrown).message}`] };
	}
}

/** Whole paths with both variables, where a map of selectors stands beside such a path; none where the file names the keys itself. */
async function keyPlaces(tools: SignerTools, section: SigningSection): Promise<readonly string[]> {
	const { options } = section;
	if (!options.has("selector_map")) return [];
	const mapped = await pathsInMap(tools.disk, section);
	const named = [...mapped].map(([domain, path]) => path.replaceAll(domain, "$domain"));
	const all = [options.get("path") ?? BUILT_IN_PATH, ...named].map(plainPath);
	return [...new Set(all)].filter((path) => path.includes("$domain") && path.includes("$selector"));
}

/** A selector and a path for all domains: rspamd signs for each whose file is there, which no file names. */
function whyNothing({ options, keys }: SigningSection): string {
	const [selector, path] = [options.get("selector"), options.get("path") ?? BUILT_IN_PATH];
	if (options.has("selector_map"))
		return `path = "${path}" has not both $domain and $selector in it: let it be ${KEYS}/$domain.$selector.key, and the files so named`;
	if (keys.length > 0 || selector === undefined) return "it names no key";
	return `selector = "${selector}" stands for all domains: name each in a map instead (selector_map, lines "DOMAIN ${selector}"), with path = "${KEYS}/$domain.$selector.key"`;
}

/** Its user, where that is not what Debian and its authors call it. */
async function runsAs({ disk }: SignerTools): Promise<Readonly<Record<string, FoundSetting>>> {
	const names = (await readAccounts(disk)).users.map(({ user }) => user);
	return names.includes("_rspamd") || !names.includes("rspamd") ? {} : { user: "rspamd" };
}

/** Where its normal worker answers, if that was moved to another port; where that is off (its proxy scans itself), its controller. */
async function listensAt(tools: SignerTools): Promise<Readonly<Record<string, FoundSetting>>> {
	const normal = await workerOf(tools, "normal");
	if (!normal.isOff) return normal.listen === null ? {} : { listen: normal.listen };
	return { listen: (await workerOf(tools, "controller")).listen ?? CONTROLLER };
}

const CONTROLLER = "127.0.0.1:11334";
const OFF = /^\s*enabled\s*[=:]\s*"?(?:false|no|off)"?\s*;?\s*(?:#.*)?$/im;
const BIND = /^\s*bind_socket\s*=\s*"?(\*|[\w.-]+):(\d{1,5})"?\s*;/m;
const LOOPBACK = ["*", "localhost", "0.0.0.0"];

async function workerOf(
	tools: SignerTools,
	name: string,
): Promise<{ readonly isOff: boolean; readonly listen: string | null }> {
	const texts: string[] = [];
	for (const directory of ["override.d", "local.d"])
		texts.push((await textOf(tools, `/etc/rspamd/${directory}/worker-${name}.inc`)) ?? "");
	const [, host, port] = texts.map((text) => BIND.exec(text)).find((found) => found !== null) ?? [];
	return {
		isOff: texts.some((text) => OFF.test(text)),
		listen:
			host === undefined || port === undefined
				? null
				: `${LOOPBACK.includes(host) ? "127.0.0.1" : host}:${port}`,
	};
}
