/** The power lost before and after each fsync and each rename of a turn, on a file system of its own. */

import { execFile } from "node:child_process";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { onTestFinished } from "vitest";
import { makeDirectory, removeDirectory } from "../../servers/program.ts";
import type { Call } from "./call.ts";
import { type CrashHost, upCrashHost } from "./host.ts";
import { type Image, mountImage } from "./image.ts";
import { killAll } from "./processes.ts";
import { brokenAfterCrash, type Known } from "./recovery.ts";
import { remainsOf } from "./remains.ts";
import type { Blow, Struck } from "./turn.ts";

const DOOR = join(import.meta.dirname, "../../../dist/src/door.js");
const run = promisify(execFile);
/** Longer than anything waits for the call: the turn stands still until it is ended. */
const DELAY_US = 900_000_000;
const COUNTED = new Set(["fsync", "fdatasync", "rename"]);

export function powerLossesOf({ name, path }: Call, root: string): readonly Blow[] {
	const isOurs = path !== null && (path === root || path.startsWith(`${root}/`));
	return isOurs && COUNTED.has(name) ? [`delay_enter=${DELAY_US}`, `delay_exit=${DELAY_US}`] : [];
}

export async function upPowerHost(): Promise<{
	readonly host: CrashHost;
	readonly strike: (strike: Struck, known: Known) => Promise<readonly string[] | null>;
}> {
	const place = await makeDirectory("image");
	onTestFinished(() => removeDirectory(place));
	let mounted: Image | null = null;
	const host = await upCrashHost({
		onDirectory: async (directory) => {
			mounted = await mountImage(directory, place);
		},
	});
	const image = mounted as Image | null;
	if (image === null) throw new Error("the host lies on no image");
	return { host, strike: (strike, known) => loseAt(host, image, strike, known) };
}

async function loseAt(
	host: CrashHost,
	image: Image,
	strike: Struck,
	known: Known,
): Promise<readonly string[] | null> {
	await host.restore();
	await image.sync();
	let isLost = false;
	await host.turn.run(strike, async () => {
		await image.copy();
		await killAll(host.cli.directory);
		isLost = true;
	});
	if (!isLost) return null;
	await host.endSigner();
	await image.lose();
	await boot(host);
	const remains = await remainsOf(host);
	if (known.has(remains)) return [];
	const broken = await brokenAfterCrash(host, known);
	if (broken.length === 0) known.add(remains);
	return broken;
}

/** What systemd does: files are repaired before anything starts, then signer and mail server are started. */
async function boot({ root, cli }: CrashHost): Promise<void> {
	for (const left of ["opendkim.pid", "keyturn/mail.up"]) await rm(join(root, left), { force: true });
	const { stdout } = await run(process.execPath, [DOOR, "--config", cli.configPath, "--recover-files"]);
	if (!stdout.includes('"act":"recover"')) throw new Error(`the repair at boot answered ${stdout}`);
	const service = join(cli.directory, "service");
	for (const name of ["signer", "mail"]) await run("/bin/sh", [service, name, "start"]);
	await rm(join(cli.directory, "asked"), { force: true });
}
