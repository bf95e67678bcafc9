import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import {
	appendFile,
	chmod,
	chown,
	mkdir,
	mkdtemp,
	open,
	readFile,
	rm,
	stat,
	writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

const MAIN = fileURLToPath(new URL("../src/main.ts", import.meta.url));
/** Found from any directory. */
const TSX = import.meta.resolve("tsx");
const EVENTS = 200;

let directory: string;
let config: string;

beforeEach(async () => {
	directory = await mkdtemp(join(tmpdir(), "keyturn-main-"));
	config = join(directory, "keyturn.yaml");
	await mkdir(join(directory, "state"), { mode: 0o700 });
	await writeFile(
		config,
		[
			"signer: { type: opendkim, keys: /etc/opendkim/keys }",
			'providers: { home: { type: rfc2136, server: "127.0.0.1:53", keyfile: /k } }',
			"domains: [{ name: example.com, provider: home }]",
			`state: ${directory}/state`,
		].join("\n"),
	);
	await chmod(config, 0o644);
	const lines = Array.from({ length: EVENTS }, (_, index) => JSON.stringify(eventOf(index)));
	await writeFile(join(directory, "state/history.jsonl"), `${lines.join("\n")}\n`);
});

afterEach(async () => {
	await rm(directory, { recursive: true });
});

describe("the command line", () => {
	it("writes a long result whole into a pipe that is read slowly", { timeout: 60_000 }, async () => {
		const { status, output } = await run(["history", "--json"], {});
		expect(status).toBe(0);
		expect((JSON.parse(output) as { events: unknown[] }).events).toHaveLength(EVENTS);
	});

	it.each([
		["an option that there is none of", ["rotate", "--nwo"], "unknown option '--nwo'"],
		["a domain that is not configured", ["verify", "other.example"], "other.example is not configured"],
	])(
		"ends with 2 and says why on standard error where it is asked for %s",
		{
			timeout: 60_000,
		},
		async (_, args, why) => {
			const { status, output, trouble } = await run(args, {});
			expect({ status, output }).toEqual({ status: 2, output: "" });
			expect(trouble).toContain(why);
		},
	);

	it("goes by no configuration that anybody could have written", { timeout: 60_000 }, async () => {
		await chmod(config, 0o666);
		const { status, output, trouble } = await run(["history", "--json"], {});
		expect({ status, output }).toEqual({ status: 2, output: "" });
		expect(trouble).toContain(`${config}: expected that only root can write to it, got mode 0666`);
		expect(trouble).toContain("chmod go-w");
	});

	it.runIf(existsSync("/usr/bin/script"))(
		"says at a terminal in lines of 80 columns what is wrong with it",
		{ timeout: 60_000 },
		async () => {
			await chmod(config, 0o666);
			const { screen } = await runAtTerminal(["history"]);
			expect(screen).toContain("got mode");
			for (const line of screen.split(/\r?\n/)) expect(line.length).toBeLessThan(80);
		},
	);

	it.runIf(existsSync("/usr/bin/script"))(
		"says at a terminal in lines of 80 columns what is wrong with what it leads to",
		{ timeout: 60_000 },
		async () => {
			const url = join(directory, "url");
			await writeFile(url, "https://hc.example/token?create=1", { mode: 0o600 });
			await appendFile(config, `\nalerts: [{ type: heartbeat, url: { file: ${url} } }]\n`);
			const { screen } = await runAtTerminal(["alert", "test"]);
			expect(screen).toContain("the url that its secret holds");
			for (const line of screen.split(/\r?\n/)) expect(line.length).toBeLessThan(80);
		},
	);

	it.runIf(process.getuid?.() === 0)(
		"goes, as root, by no configuration of the user to whose directory it would go on",
		{ timeout: 60_000 },
		async () => {
			for (const path of [directory, config, join(directory, "state")]) await chown(path, 65_534, 65_534);
			const { status, output, trouble } = await run(["history", "--json"], {});
			expect({ status, output }).toEqual({ status: 2, output: "" });
			expect(trouble).toContain("expected root as its owner, got user 65534");
		},
	);

	it("writes a page into the directory that it is called in", { timeout: 60_000 }, async () => {
		const { status, trouble } = await run(["status", "--html", "page.html"], { within: directory });
		expect({ status, trouble }).toEqual({ status: 0, trouble: "" });
		expect(await readFile(join(directory, "page.html"), "utf8")).toMatch(/^<!doctype html>/);
		expect((await stat(join(directory, "page.html"))).mode & 0o7777).toBe(0o644);
	});

	it("works in a directory that was removed meanwhile", { timeout: 60_000 }, async () => {
		await appendFile(config, "\nalerts: [{ type: command, run: [/bin/true] }]\n");
		const gone = join(directory, "gone");
		await mkdir(gone);
		// As node finds it; tsx itself needs one to start in.
		const leave = `import { rmdirSync } from "node:fs"; process.chdir(${JSON.stringify(gone)}); rmdirSync(${JSON.stringify(gone)});`;
		const { status, trouble } = await run(["alert", "test"], {
			after: `data:text/javascript,${encodeURIComponent(leave)}`,
		});
		expect({ status, trouble }).toEqual({ status: 0, trouble: "" });
	});

	it("ends quietly when nobody reads on", { timeout: 60_000 }, async () => {
		const { status, trouble } = await run(["history", "--json"], { closeEarly: true });
		expect(trouble).toBe("");
		expect(status).toBe(0);
	});

	it("watches no longer than somebody reads", { timeout: 60_000 }, async () => {
		const { status } = await run(["status", "--watch"], { closeEarly: true });
		expect(status).toBe(0);
	});

	it.runIf(existsSync("/dev/full"))(
		"says that a result was not written whole",
		{ timeout: 60_000 },
		async () => {
			const { status, trouble } = await run(["history", "--json"], { into: "/dev/full" });
			expect(trouble).toContain("the result could not be written whole: ENOSPC");
			expect(status).toBe(1);
		},
	);
});

async function run(
	args: readonly string[],
	how: {
		readonly closeEarly?: boolean;
		readonly into?: string;
		readonly within?: string;
		/** A module that is run first. */
		readonly after?: string;
	},
): Promise<{ status: number | null; output: string; trouble: string }> {
	const file = how.into === undefined ? null : await open(how.into, "w");
	const first = how.after === undefined ? [] : ["--import", how.after];
	const child = spawn(process.execPath, ["--import", TSX, ...first, MAIN, "--config", config, ...args], {
		cwd: how.within,
		stdio: ["ignore", file?.fd ?? "pipe", "pipe"],
	});
	let output = "";
	let trouble = "";
	child.stderr?.on("data", (chunk: Buffer) => (trouble += chunk.toString()));
	if (how.closeEarly === true) child.stdout?.destroy();
	else child.stdout?.once("readable", () => setImmediate(() => child.stdout?.on("data", add)));
	const add = (chunk: Buffer): void => void (output += chunk.toString());
	const status = await new Promise<number | null>((resolve) => child.once("close", resolve));
	await file?.close();
	return { status, output, trouble };
}

/** All that is shown at a terminal of its own. */
async function runAtTerminal(args: readonly string[]): Promise<{ screen: string }> {
	const line = [process.execPath, "--import", "tsx", MAIN, "--config", config, ...args].join(" ");
	const env = { ...process.env, TERM: "xterm" };
	const child = spawn("/usr/bin/script", ["-qec", line, "/dev/null"], {
		env,
		stdio: ["ignore", "pipe", "ignore"],
	});
	let screen = "";
	child.stdout?.on("data", (chunk: Buffer) => (screen += chunk.toString()));
	await new Promise<void>((resolve) => child.once("close", () => resolve()));
	return { screen };
}

function eventOf(index: number): object {
	return {
		schema: 1,
		id: String(index),
		at: "2026-11-01T03:00:00.000Z",
		host: "mx1",
		event: "published",
		severity: "info",
		trouble: null,
		phase: null,
		domains: ["example.com"],
		selector: "202611",
		summary: "x".repeat(4000),
		detail: null,
		hint: null,
		since: null,
		count: 1,
	};
}
