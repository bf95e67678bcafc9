/** The host of the turns: real BIND and OpenDKIM that go on running, and everything else put back before each turn. */

import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { streamDecode, streamEncode } from "dns-packet";
import { onTestFinished } from "vitest";
import { type CliHost, TSIG_KEY, upCliHost } from "../../servers/cli/cli-host.ts";
import { nsupdate } from "../../servers/nsupdate.ts";
import { makeDirectory, removeDirectory, waitUntil } from "../../servers/program.ts";
import { processesNaming } from "./processes.ts";
import { prepareTurn, type Turn } from "./turn.ts";

export const DOMAIN = "example.test";
const PID_FILE = "opendkim.pid";
const run = promisify(execFile);

/** Values by selector. */
export type Records = ReadonlyMap<string, readonly string[]>;

export interface CrashHost {
	readonly cli: CliHost;
	/** All that a turn changes on disk lies below it. */
	readonly root: string;
	readonly turn: Turn;
	/** As before the first turn: disk, records, services. */
	restore(): Promise<void>;
	/** The key records that the zone has, by selector. */
	records(): Promise<Records>;
	runs(service: "mail" | "signer"): boolean;
	/** At once, and gone when it resolves. */
	endSigner(): Promise<void>;
}

/** Inside a test. The key in use is adopted, and nothing is under way. */
export async function upCrashHost(
	options: { readonly onDirectory?: (directory: string) => Promise<void> } = {},
): Promise<CrashHost> {
	const cli = await upCliHost(options);
	const root = dirname(cli.directory);
	const place = await makeDirectory("crash");
	onTestFinished(() => removeDirectory(place));
	const adopted = await cli.keyturn(["rotate"]);
	if (adopted.code !== 0) throw new Error(`the first tick ended with ${adopted.code}: ${adopted.stderr}`);
	const before = join(place, "before");
	await run("/bin/cp", ["-a", root, before]);
	await rm(join(before, PID_FILE));
	const host: CrashHost = {
		cli,
		root,
		turn: await prepareTurn(cli, join(place, "turn")),
		restore: async () => restore(host, before, recordsBefore),
		records: () => recordsOf(cli),
		runs: (name) =>
			name === "mail" ? existsSync(join(cli.directory, "mail.up")) : isAlive(join(root, PID_FILE)),
		endSigner: async () => {
			await run("/bin/sh", [join(cli.directory, "service"), "signer", "stop"]).catch(() => undefined);
			await waitUntil("the signer to be gone", async () => (await processesNaming(root)).length === 0);
		},
	};
	const recordsBefore = await host.records();
	if (recordsBefore.size !== 1) throw new Error("expected one key record");
	return host;
}

async function restore(host: CrashHost, before: string, records: Records): Promise<void> {
	const { cli, root } = host;
	const isUntouched = host.runs("signer") && (await cli.asked()).length === 0;
	const putBack = `find "$1" -mindepth 1 ! -name ${PID_FILE} -delete 2>/dev/null || true; cp -a "$2"/. "$1"/`;
	const restart = `sh "$1/keyturn/service" signer stop; ${putBack}; sh "$1/keyturn/service" signer start; rm "$1/keyturn/asked"`;
	await run("/bin/sh", ["-c", isUntouched ? putBack : restart, "sh", root, before]);
	const now = await host.records();
	if (JSON.stringify([...now]) === JSON.stringify([...records])) return;
	const ownerOf = (selector: string): string => `${selector}._domainkey.${DOMAIN}.`;
	await nsupdate(cli.bind, DOMAIN, TSIG_KEY, [
		...[...now.keys()].map((selector) => `update delete ${ownerOf(selector)} TXT`),
		...[...records].flatMap(([selector, values]) =>
			values.map((value) => `update add ${ownerOf(selector)} 60 TXT ${quoted(value)}`),
		),
	]);
}

function isAlive(pidFile: string): boolean {
	try {
		return process.kill(Number(readFileSync(pidFile, "utf8")), 0);
	} catch {
		return false;
	}
}

/** The zone as it is transferred. */
async function recordsOf({ bind }: CliHost): Promise<Records> {
	const socket = connect(bind.port, bind.address);
	socket.end(streamEncode({ type: "query", id: 1, questions: [{ name: DOMAIN, type: "AXFR" }] }));
	const chunks: Buffer[] = [];
	for await (const chunk of socket as AsyncIterable<Buffer>) chunks.push(chunk);
	const answers = streamDecode(Buffer.concat(chunks)).answers ?? [];
	if (answers.filter(({ type }) => type === "SOA").length !== 2)
		throw new Error(`expected all of the zone in one message`);
	const found = new Map<string, string[]>();
	for (const answer of answers) {
		const [, selector] = /^(.*)\._domainkey\./.exec(answer.name) ?? [];
		if (answer.type !== "TXT" || selector === undefined) continue;
		const value = [answer.data].flat().map(String).join("");
		found.set(selector, [...(found.get(selector) ?? []), value].toSorted());
	}
	return new Map([...found].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function quoted(value: string): string {
	return (value.match(/.{1,200}/g) ?? []).map((part) => `"${part}"`).join(" ");
}
