/** What holds on a host once a struck turn was recovered and ticked over; each sentence it gives back is a promise broken. */

import { createPrivateKey, createPublicKey } from "node:crypto";
import { lstat, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { answerProbe } from "../../../src/signers/socket-probe.ts";
import { createSystemClock } from "../../../src/system/clock.ts";
import { createMailVerifier } from "../../../src/system/mail-verifier.ts";
import { createSystemSockets } from "../../../src/system/sockets.ts";
import { type CrashHost, DOMAIN, type Records } from "./host.ts";

const tools = { sockets: createSystemSockets(), verifier: createMailVerifier(), clock: createSystemClock() };
const NEVER = new AbortController().signal;
const PROBE_MS = 10_000;
/** Of the states of a key: its record has to stand, may stand, must be gone. */
const STANDS = new Set(["verified", "active", "retiring"]);
const MAY_STAND = new Set(["pending", "published"]);

interface StoredKey {
	readonly selector: string;
	readonly state: string;
	readonly record: { readonly value: string };
}

interface TableLine {
	readonly selector: string;
	readonly path: string;
}

/** How far things have come: `recover` is the door's alone, and only a tick makes the state say what signs. */
export type Since = "recovery" | "tick" | "turn";

/** After a whole turn nothing is under way any more, so nothing may lie about that a switch under way needs. */
export async function brokenPromises(host: CrashHost, since: Since): Promise<readonly string[]> {
	const records = await host.records();
	const line = await lineOf(host);
	if (typeof line === "string") return [line];
	return [
		...brokenServices(host),
		...(await brokenKey(host, line, records)),
		...(await brokenRecords(host, records)),
		...(since === "recovery" ? [] : await brokenState(host, line)),
		...(since === "turn" ? await leftovers(host, line) : []),
	];
}

export function brokenServices(host: CrashHost): readonly string[] {
	const broken: string[] = [];
	if (!host.runs("mail")) broken.push("the mail server does not run");
	if (!host.runs("signer")) broken.push("the signer does not run");
	return broken;
}

async function lineOf({ root }: CrashHost): Promise<TableLine | string> {
	const table = await readFile(join(root, "key.table"), "utf8");
	const found = new RegExp(`^${DOMAIN} ${DOMAIN}:([a-z0-9]+):(/\\S+)\n$`).exec(table);
	if (found === null) return `key.table does not parse: ${JSON.stringify(table)}`;
	const signing = await readFile(join(root, "signing.table"), "utf8");
	if (signing !== `*@${DOMAIN} ${DOMAIN}\n`) return `signing.table became ${JSON.stringify(signing)}`;
	return { selector: found[1] ?? "", path: found[2] ?? "" };
}

/** The key of the table's line exists, is the signer's alone, is what its record says, and is what the running signer signs with. */
async function brokenKey(
	{ root }: CrashHost,
	{ selector, path }: TableLine,
	records: Records,
): Promise<readonly string[]> {
	const stat = await lstat(path).catch(() => null);
	if (stat === null) return [`the table names ${path}, which is not there`];
	const broken: string[] = [];
	const owner = await lstat(join(root, "key.table"));
	if (!stat.isFile() || (stat.mode & 0o7777) !== 0o600 || stat.uid !== owner.uid)
		broken.push(`${path} has mode ${stat.mode.toString(8)} and owner ${stat.uid}`);
	const spki = createPublicKey(createPrivateKey(await readFile(path, "utf8"))).export({
		format: "der",
		type: "spki",
	});
	const values = records.get(selector) ?? [];
	if (values.length !== 1 || !values[0]?.endsWith(`p=${spki.toString("base64")}`))
		broken.push(`the record of ${selector}, which signs, is ${JSON.stringify(values)}`);
	const conf = await readFile(join(root, "opendkim.conf"), "utf8");
	const port = Number(/^Socket inet:(\d+)@/m.exec(conf)?.[1]);
	const expectation = {
		domain: DOMAIN,
		selector,
		record: values[0] ?? "",
		sender: `probe@${DOMAIN}`,
		unsigned: { means: "failed" as const },
	};
	const answer = await answerProbe(
		tools,
		{
			kind: "milter",
			socket: { kind: "inet", host: "127.0.0.1", port },
			expectations: [expectation],
			timeoutMs: PROBE_MS,
			settleMs: 0,
		},
		NEVER,
	);
	const outcome = answer.verdicts[0]?.outcome ?? "no answer";
	if (outcome !== "signed")
		broken.push(
			`the signer, asked for ${selector}: ${outcome}, ${answer.verdicts[0]?.reason ?? answer.reason}`,
		);
	return broken;
}

async function brokenRecords(host: CrashHost, records: Records): Promise<readonly string[]> {
	const keys = await keysOf(host);
	const broken: string[] = [];
	for (const [found, values] of records) {
		const key = keys.find((one) => one.selector === found);
		if (key === undefined || !(STANDS.has(key.state) || MAY_STAND.has(key.state)))
			broken.push(`the record of ${found} stands, and its key is ${key?.state ?? "unknown"}`);
		else if (values.length !== 1 || values[0] !== key.record.value)
			broken.push(`the record of ${found} is ${JSON.stringify(values)}, expected ${key.record.value}`);
	}
	for (const key of keys)
		if (STANDS.has(key.state) && !records.has(key.selector))
			broken.push(`${key.selector} is ${key.state}, without a record`);
	return broken;
}

async function brokenState(host: CrashHost, { selector }: TableLine): Promise<readonly string[]> {
	const active = (await keysOf(host)).filter((key) => key.state === "active").map((key) => key.selector);
	return active.join() === selector
		? []
		: [`the table signs with ${selector}, the state says ${active.join(" and ")}`];
}

async function leftovers(host: CrashHost, { path }: TableLine): Promise<readonly string[]> {
	const names = await readdir(host.root, { recursive: true, encoding: "utf8" });
	const keys = await keysOf(host);
	const known = new Set(keys.map((key) => key.selector));
	const candidates = new Set(
		keys.filter((key) => ["pending", "published", "verified"].includes(key.state)).map((key) => key.selector),
	);
	const left = names.filter((name) => {
		// Somebody may be leaving a wish at this moment: what is young there is let be.
		if (/state\/wishes\/\..*\.keyturn-new$/.test(name)) return false;
		if (/keyturn-(?:new|before|staged)|journal\.json$|state-door\/staged\/.|wishes\/[^.]/.test(name))
			return true;
		const own = /^keyturn\/state\/keys\/.*\/([^/]+)\.pem$/.exec(name)?.[1];
		if (own !== undefined) return !candidates.has(own);
		const placed = /^keys\/.*\/([^/]+)\.private$/.exec(name)?.[1];
		return placed !== undefined && join(host.root, name) !== path && !known.has(placed);
	});
	return left.map((name) => `${name} was left behind`);
}

async function keysOf({ cli }: CrashHost): Promise<readonly StoredKey[]> {
	const text = await readFile(join(cli.state, "domains", `${DOMAIN}.json`), "utf8");
	return (JSON.parse(text) as { readonly keys: readonly StoredKey[] }).keys;
}
