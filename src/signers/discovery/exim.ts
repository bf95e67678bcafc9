/** Finds an Exim that signs: its own words say which file its transports look the selector and the key up in. */

import { asKeyturnError, KeyturnError } from "../../errors.ts";
import type { FoundSigner } from "../../ports/found-signer.ts";
import { type Account, readAccounts } from "../accounts.ts";
import { type SigningTransport, signingTransports } from "../exim/ask.ts";
import { settingsSchema } from "../exim/settings.ts";
import type { SignerTools } from "../registry.ts";
import { asFound, firstThere, lookAt, type Proposal } from "./proposal.ts";

export async function findExim(tools: SignerTools): Promise<readonly FoundSigner[]> {
	const program = await firstThere(tools, [DEFAULTS.program, "/usr/sbin/exim", "/usr/exim/bin/exim"]);
	if (program === null) return [];
	// Only Debian calls its unit, and its directory, after the version.
	const service = program === DEFAULTS.program ? "exim4" : "exim";
	const keys = `/etc/${service}/dkim`;
	const about = { ...ABOUT, service, config: program };
	try {
		const account = await accountOf(tools);
		const table = tableOf(await transportsOf(tools, { program, keys }, account));
		const settings = {
			table,
			keys,
			...(program === DEFAULTS.program ? {} : { program }),
			...(account.user === DEFAULTS.user ? {} : { user: account.user }),
		};
		return [await lookAt(tools, { ...about, config: table, settings })];
	} catch (thrown) {
		return [{ ...asFound(about), problems: [`exim: ${asKeyturnError(thrown).message}`] }];
	}
}

/** Of its settings. */
const DEFAULTS = { program: "/usr/sbin/exim4", user: "Debian-exim" } as const;
const ABOUT: Omit<Proposal, "config" | "service"> = {
	type: "exim",
	settings: {},
	keysFollow: true,
	swap: {
		recommended: "reload",
		why: "exim reads its table for every delivery, so that nothing has to be reloaded",
		isOnly: true,
	},
	isBehindMailServer: false,
};

async function accountOf({ disk }: SignerTools): Promise<Account> {
	const { users } = await readAccounts(disk);
	for (const name of [DEFAULTS.user, "exim"]) {
		const account = users.find(({ user }) => user === name);
		if (account !== undefined) return account;
	}
	throw new KeyturnError("signer.config", "neither Debian-exim nor exim is a user of this host");
}

async function transportsOf(
	{ programs }: SignerTools,
	own: { readonly program: string; readonly keys: string },
	owner: Account,
): Promise<readonly SigningTransport[]> {
	const settings = settingsSchema.parse({ table: "/dev/null", ...own });
	return signingTransports({ programs, settings, owner });
}

const LOOKUP = /\blsearch[*@]*\{(\/[^{}$\s]+)\}/;

/** The one file in which all of them look; fails with `signer.config` where that is not so. */
function tableOf(transports: readonly SigningTransport[]): string {
	const tables = new Set<string>();
	for (const transport of transports) {
		const [selector, key] = [LOOKUP.exec(transport.selector)?.[1], LOOKUP.exec(transport.key)?.[1]];
		if (selector === undefined || key !== selector) throw whyNoTable(transport);
		tables.add(key);
	}
	const [table = "", ...others] = tables;
	if (others.length === 0) return table;
	throw new KeyturnError(
		"signer.config",
		`its transports look their keys up in several files: ${[...tables].join(", ")}; let them share one`,
	);
}

function whyNoTable({ name, domain, selector, key }: SigningTransport): KeyturnError {
	const isFixed = [domain, selector, key].every((value) => /^[\w./-]+$/.test(value)) && key.startsWith("/");
	const line = isFixed ? `, in which its line is "${domain}: selector=${selector} key=${key}"` : "";
	return new KeyturnError(
		"signer.config",
		`transport ${name} has no lookup (lsearch) in one file for both dkim_selector (${shown(selector)}) and dkim_private_key (${shown(key)}): put them into a file once, as docs/signers.md shows${line}`,
	);
}

/** A key may stand in the option itself. */
function shown(value: string): string {
	return value.includes("PRIVATE KEY") ? "the key itself" : value.slice(0, 80);
}
