import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { SwitchingEvent } from "../../src/ports/hook.ts";
import { createHookSink, createPreHook, type HookGiven } from "../../src/system/hooks.ts";
import { createSystemPrograms } from "../../src/system/programs.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const never = new AbortController().signal;
const event: SwitchingEvent = {
	schema: 1,
	id: "e1",
	at: "2026-12-01T02:00:00.000Z",
	host: "mx1",
	event: "switching",
	severity: "info",
	trouble: null,
	phase: null,
	domains: ["example.com"],
	selector: "202612",
	summary: "example.com: a switch is about to be made",
	detail: null,
	hint: null,
	since: null,
	count: 1,
};

function given<Phase extends HookGiven["phase"]>(phase: Phase, script: string, ...args: readonly string[]) {
	return {
		phase,
		place: 2,
		argv: ["/bin/sh", "-c", script, "sh", ...args],
		timeoutMs: 20_000,
		programs: createSystemPrograms(),
	} as const;
}

test("gets its phase and the event as one line of JSON, and its arguments as they stand", async () => {
	const path = join(await temporaryDirectory(), "got");
	const hook = createPreHook(given("pre", 'cat >"$1"; test "$2" = "\\$(id); *"', path, "$(id); *"));
	expect(await hook.run(event, never)).toEqual({ kind: "done" });
	const text = await readFile(path, "utf8");
	expect(text.trimEnd().split("\n")).toHaveLength(1);
	expect(JSON.parse(text)).toEqual({ hook: "pre", ...event });
	expect(hook.name).toBe("pre 2");
});

test.each([
	["echo broken >&2; exit 3", "failed", "/bin/sh ended with status 3: broken"],
	["echo 'backup runs'; exit 75", "deferred", "/bin/sh ended with status 75: backup runs"],
	["kill -TERM $$", "failed", "/bin/sh ended with signal SIGTERM: it said nothing"],
])("%s", async (script, kind, reason) => {
	expect(await createPreHook(given("pre", script)).run(event, never)).toEqual({ kind, reason });
});

test("a program that does not end, or is not there, has failed", async () => {
	const endless = createPreHook({ ...given("pre", "exec sleep 600"), timeoutMs: 50 });
	expect(await endless.run(event, never)).toMatchObject({
		kind: "failed",
		reason: expect.stringContaining("within 50 ms"),
	});
	const absent = createPreHook({ ...given("pre", ""), argv: ["/nowhere/at-all"] });
	expect(await absent.run(event, never)).toMatchObject({ kind: "failed" });
});

test("after a switch, whatever is not 0 has not taken the event", async () => {
	const told = { ...event, event: "switched" as const };
	const path = join(await temporaryDirectory(), "got");
	await createHookSink(given("deploy", 'cat >"$1"', path)).deliver(told, never);
	expect(JSON.parse(await readFile(path, "utf8"))).toEqual({ hook: "deploy", ...told });
	for (const status of [1, 75])
		await expect(createHookSink(given("post", `exit ${status}`)).deliver(told, never)).rejects.toMatchObject({
			code: "hook.failed",
		});
});

test("deploy is given switches alone, and post what the agent gives it", () => {
	expect(createHookSink(given("deploy", ""))).toMatchObject({
		name: "deploy 2",
		hook: "deploy",
		on: ["switched"],
	});
	expect(createHookSink(given("post", ""))).toMatchObject({ name: "post 2", hook: "post", on: [] });
});
