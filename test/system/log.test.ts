import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { KeyturnError } from "../../src/errors.ts";
import { withPlainErrors } from "../../src/system/log.ts";

const writer = join(import.meta.dirname, "log-writer.ts");

function write(env: NodeJS.ProcessEnv): { stdout: string; stderr: string } {
	const child = spawnSync(process.execPath, ["--import", "tsx", writer], {
		env: { PATH: process.env["PATH"], ...env },
		encoding: "utf8",
	});
	expect(child.status).toBe(0);
	return child;
}

test("one JSON line each, up to the process's last word, without what is below the level", () => {
	const { stdout, stderr } = write({});
	const lines = stderr
		.trim()
		.split("\n")
		.map((line) => JSON.parse(line) as Record<string, unknown>);
	expect(stdout).toBe("");
	expect(lines).toMatchObject([
		{ level: "info", msg: "published", domain: "example.com" },
		{ level: "warn", msg: "line one\nline two" },
		{ level: "error", msg: "failed" },
	]);
	expect(Object.keys(lines[0] ?? {}).sort((a, b) => a.localeCompare(b))).toEqual([
		"domain",
		"level",
		"msg",
		"time",
	]);
	expect(lines[0]?.["time"]).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
	expect(lines[2]?.["error"]).toEqual({
		code: "disk.failed",
		message: "no space",
		hint: "free some",
		errno: "ENOSPC",
	});
});

test("under journald each line bears its priority", () => {
	const { stderr } = write({ JOURNAL_STREAM: "8:1234" });
	expect(
		stderr
			.trim()
			.split("\n")
			.map((line) => line.slice(0, 4)),
	).toEqual(["<6>{", "<4>{", "<3>{"]);
});

test("an error is told by what is listed, whatever else hangs on it", () => {
	const error = Object.assign(new Error("refused"), { config: { headers: { Authorization: "hush" } } });
	expect(withPlainErrors({ error, domain: "a.example" })).toEqual({
		error: { code: undefined, message: "refused", hint: undefined, errno: undefined },
		domain: "a.example",
	});
	const ours = new KeyturnError("bug", "m", { cause: error });
	expect(JSON.stringify(withPlainErrors({ ours }))).toBe('{"ours":{"code":"bug","message":"m"}}');
});
