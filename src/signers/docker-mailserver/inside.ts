/** Runs the signer's own programs inside the running container of a docker-mailserver. */

import { excerpt } from "../../dkim/foreign-text.ts";
import { KeyturnError } from "../../errors.ts";
import type { Programs } from "../../ports/programs.ts";
import type { SignerFile } from "../../ports/signer.ts";
import { LABELLED_KEYS } from "../one-table/labelled-keys.ts";
import { parseRows } from "../one-table/rows.ts";
import { probeText } from "../probe-message.ts";
import { signaturesIn } from "../rspamd-answer.ts";
import type { DockerMailserverSettings } from "./settings.ts";

export interface Inside {
	readonly settings: DockerMailserverSettings;
	readonly outside: Programs;
}

/** Why the container, or its signer, does not run or refuses its configuration; null if all is well. */
export async function whyNotRunning(inside: Inside): Promise<string | null> {
	const check = inside.settings.signs === "opendkim" ? ["opendkim", "-n"] : ["rspamadm", "configtest", "-q"];
	const result = await run(inside, check);
	if (result.status === 0) return null;
	return `${check.join(" ")} in the container: ${`${result.stdout}\n${result.stderr}`.trim().slice(0, WORDS_LIMIT)} (exit status ${result.status})`;
}

/** Whether the words that start it would leave it with the files that it copied before, as those from 14 on do (start-mailserver.sh). */
export async function whyNotAnew(
	inside: Inside,
	[program = "", ...words]: readonly string[],
): Promise<string | null> {
	const act = words.find((word) => word === "start" || word === "restart");
	if (act === undefined || !/\/(?:docker|podman)$/.test(program)) return null;
	const skips = await run(inside, [
		"grep",
		"-q",
		"-e",
		"-f /CONTAINER_START",
		"/usr/local/bin/start-mailserver.sh",
	]);
	if (skips.status !== 0) return null;
	return `${program} ${act} does not make the container anew, and it reads its volume only then: ${ANEW}`;
}

/** Whether its OpenDKIM has the keys of the volume's table, whatever user-patches.sh adds; where that cannot be told, what it signs tells. */
export async function whyNotTakenUp(
	inside: Inside,
	table: SignerFile | undefined,
): Promise<{ readonly what: string; readonly hint: string } | null> {
	if (inside.settings.signs !== "opendkim" || table === undefined) return null;
	const copy = await run(inside, ["cat", COPIED_TABLE]).catch(() => null);
	if (copy?.status !== 0) return null;
	const copied = new Set(keyRows(copy.stdout));
	if (keyRows(Buffer.from(table.bytes).toString()).every((row) => copied.has(row))) return null;
	return {
		what: `${COPIED_TABLE} in the container has not the keys that the volume has: it was started again, and copies only when it is made`,
		hint: ANEW,
	};
}

function keyRows(table: string): readonly string[] {
	return parseRows(Buffer.from(table), LABELLED_KEYS).flatMap(({ label, domain, selector, path, problem }) =>
		problem === null ? [[label, domain, selector, path].join(" ")] : [],
	);
}

/** A value of its main.cf, as its running Postfix has it; null where none runs, or that cannot be told. */
export async function postfixSays(inside: Inside, name: string): Promise<string | null> {
	const words = ["sh", "-c", `postfix status 2>/dev/null && postconf -h ${name}`];
	const result = await run(inside, words).catch(() => null);
	const said = result?.status === 0 ? result.stdout.trim() : "";
	return said === "" ? null : said;
}

/** Whether it goes on with its rspamd where a key comes to lie on the volume; not, where that cannot be told. */
export async function leavesRspamd(inside: Inside): Promise<boolean> {
	return (await run(inside, LEAVES_RSPAMD).catch(() => null))?.status === 0;
}

/** Of what is below rspamd its change detector looks at nothing before 13, at scripts alone before 15.0.1, and at all files since. */
export const LEAVES_RSPAMD = [
	"sh",
	"-c",
	`f=/usr/local/bin/helpers/change-detection.sh; [ -s "$f" ] || exit 1; ! grep -qi rspamd "$f" || grep -q 'RSPAMD_DMS_D.*-name "[*][.]sh"' "$f"`,
] as const;

/** A message with the signatures that the container's signer gives it; fails with `signer.probe`. */
export async function signInside(inside: Inside, sender: string): Promise<string> {
	const message = probeText(sender);
	const isOpenDkim = inside.settings.signs === "opendkim";
	// Its rspamd signs for whoever has logged in, and not for loopback.
	const argv = isOpenDkim
		? [...AS_OPENDKIM, "opendkim", "-b", "s", "-t", "-"]
		: ["rspamc", "--json", "--ip", "127.0.0.1", "--from", sender, "--user", sender];
	const result = await run(inside, argv, message);
	if (result.status === 0) return `${isOpenDkim ? printed(result.stdout) : told(result.stdout)}${message}`;
	throw new KeyturnError(
		"signer.probe",
		`${isOpenDkim ? "opendkim" : "rspamc"} in the container signed nothing for ${sender}: exit status ${result.status}, saying: ${`${result.stdout}\n${result.stderr}`.trim().slice(0, WORDS_LIMIT)}`,
	);
}

const NEVER = new AbortController().signal;
/** Root would refuse keys of another user's. */
const AS_OPENDKIM = ["setpriv", "--reuid=opendkim", "--regid=opendkim", "--init-groups"];
const COPIED_TABLE = "/etc/opendkim/KeyTable";
const ANEW =
	"let services.commands make it anew (docker compose up -d --force-recreate …), as docs/signers.md shows";
const RUN_MS = 60_000;
const LIMIT_BYTES = 16 * 1024 * 1024;
const WORDS_LIMIT = 300;

async function run({ settings, outside }: Inside, argv: readonly string[], input = "") {
	return outside.run(
		{
			argv: [...settings.exec, ...argv],
			input,
			timeoutMs: RUN_MS,
			outputLimitBytes: LIMIT_BYTES,
		},
		NEVER,
	);
}

/** opendkim prints the header fields that it would add, after a line of its own. */
function printed(output: string): string {
	const fields = output.match(/^DKIM-Signature:.*(?:\r?\n[ \t].*)*/gm) ?? [];
	return fields.map((field) => `${field.replace(/\r?\n|\r$/g, "\r\n").trimEnd()}\r\n`).join("");
}

function told(output: string): string {
	const signatures = signaturesIn(jsonIn(output.slice(output.indexOf("{"))));
	if (signatures === null)
		throw new KeyturnError(
			"signer.probe",
			`rspamc in the container: expected its answer as JSON, got ${excerpt(output.trim(), WORDS_LIMIT)}`,
		);
	return signatures.map((value) => `DKIM-Signature: ${value}\r\n`.replace(/\r\n?|\n/g, "\r\n")).join("");
}

/** What a program in a container, or Docker itself, said as JSON; null where it is none. */
export function jsonIn(text: string): unknown {
	try {
		return JSON.parse(text);
	} catch {
		return null;
	}
}
