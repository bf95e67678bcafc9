import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { runDemo } from "./demo.ts";

const LONG_MS = 180_000;

test("in a pipe: plain lines that fit a terminal, and every key and message comes to a good end", {
	timeout: LONG_MS,
}, async () => {
	const child = spawn(process.execPath, ["test/demo/run.mjs"], { stdio: ["ignore", "pipe", "pipe"] });
	const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
	const [output, errors, status] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
	const lines = output.trimEnd().split("\n");
	expect({ status, errors, last: lines.at(-1) }).toEqual({ status: 0, errors: "", last: "0 unverifiable" });
	expect(output).not.toContain("\u001b");
	expect(lines.filter((line) => line.length > 80)).toEqual([]);
	for (const domain of ["example.com", "example.net", "example.org"])
		for (const state of ["active", "pending", "published", "verified", "retiring", "retired", "dropped"])
			expect(output).toMatch(new RegExp(`^\\S+ \\S+ +${domain} +\\d{6} +${state} `, "m"));
	expect(Number(/^messages +(\d+) signed/m.exec(output)?.[1])).toBeGreaterThan(100);
});

test("a record taken away while mail is under way is seen, and fails the demo", {
	timeout: LONG_MS,
}, async () => {
	let output = "";
	const terminal = {
		write: (text: string) => void (output += text),
		isLive: false,
		hasColors: false,
		columns: 80,
	};
	const { signal } = new AbortController();
	expect(await runDemo({ terminal, signal, removeEarly: true })).toBe(false);
	const [, count] = /\n(\d+) unverifiable\n$/.exec(output) ?? [];
	expect(Number(count)).toBeGreaterThan(0);
	expect(output).toContain("message 1 of example.com, signed ");
});
