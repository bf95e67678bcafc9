import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

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
