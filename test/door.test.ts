import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { temporaryDirectory } from "./system/temporary-directory.ts";

const DOOR = fileURLToPath(new URL("../src/door.ts", import.meta.url));

test("a door whose caller has gone says so, and ends as if it had been heard", {
	timeout: 60_000,
}, async () => {
	const child = spawn(process.execPath, ["--import", import.meta.resolve("tsx"), DOOR]);
	child.stdout.destroy();
	const said = text(child.stderr);
	child.stdin.end("no request");
	const [status] = (await once(child, "close")) as [number | null];
	const lines = (await said).trim().split("\n");
	expect(lines.map((line) => (JSON.parse(line) as { readonly msg: string }).msg)).toEqual([
		"refused",
		"whoever asked has gone before the answer",
	]);
	expect(status).toBe(0);
});

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

test("a door that is told to end finishes what it began", { timeout: 60_000 }, async () => {
	const child = spawn(process.execPath, ["--import", import.meta.resolve("tsx"), DOOR]);
	const answer = text(child.stdout);
	const lines = createInterface({ input: child.stderr })[Symbol.asyncIterator]();
	await expect.poll(async () => isHangUpCaught(child.pid), { interval: 20, timeout: 30_000 }).toBe(true);
	for (const signal of SIGNALS) {
		child.kill(signal);
		const { value } = (await lines.next()) as { readonly value: string };
		expect(JSON.parse(value)).toMatchObject({ msg: "the door finishes what it began", signal });
	}
	child.stdin.end("no request");
	expect(await once(child, "close")).toEqual([0, null]);
	expect(JSON.parse(await answer)).toMatchObject({ act: "refused" });
});

/** Whether a process does something about SIGHUP, which door.ts is the only one to ask for, and asks for last: proc(5), SigCgt. */
async function isHangUpCaught(pid = 0): Promise<boolean> {
	const mask = /^SigCgt:\s*([0-9a-f]+)$/m.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1];
	return (Number.parseInt(mask?.at(-1) ?? "0", 16) & 1) === 1;
}

test("a door goes by no configuration that others can write", { timeout: 60_000 }, async () => {
	const config = join(await temporaryDirectory(), "keyturn.yaml");
	await writeFile(config, "domains: []\n");
	await chmod(config, 0o666);
	expect(await ask(config)).toEqual({
		status: 1,
		said: expect.stringContaining(`${config}: expected that only root can write to it, got mode 0666`),
	});
	await chmod(config, 0o644);
	expect(await ask(config)).toEqual({ status: 1, said: expect.stringContaining(`${config}:1`) });
});

test("a door believes no papers that others could have written", { timeout: 60_000 }, async () => {
	const directory = await temporaryDirectory();
	const config = join(directory, "keyturn.yaml");
	await writeFile(
		config,
		`signer: { type: opendkim, keys: /k }\ndomains: [{ name: example.com }]\nstate: ${directory}/state\n`,
		{ mode: 0o644 },
	);
	const papers = join(directory, "state-door");
	await mkdir(papers);
	await chmod(papers, 0o777);
	expect(await ask(config)).toEqual({
		status: 1,
		said: expect.stringContaining(`${papers}: expected that only root can write to it, got mode 0777`),
	});
});

/** What it answers where its signers are asked for, and how it ends. */
async function ask(config: string): Promise<{ readonly status: number | null; readonly said: string }> {
	const child = spawn(process.execPath, ["--import", import.meta.resolve("tsx"), DOOR, "--config", config]);
	const said = text(child.stdout);
	child.stdin.end(JSON.stringify({ act: "inspect", ids: [] }));
	const [status] = (await once(child, "close")) as [number | null];
	return { status, said: await said };
}
