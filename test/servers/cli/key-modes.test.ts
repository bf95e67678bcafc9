/** A private key on its way through a real turn: at no system call is its file open to others, or its directory. */

import { describe, expect, test } from "vitest";
import { mayRun, upCliHost } from "./cli-host.ts";
import { traced } from "./traced.ts";

const CALLS =
	"open,openat,creat,mkdir,mkdirat,chmod,fchmod,fchmodat,chown,lchown,fchown,fchownat,write,pwrite64,writev,pwritev,link,linkat,rename,renameat,renameat2,symlink,symlinkat";
/** The agent's copy, its temporary file, and the signer's. */
const KEY_FILE = /keys\/example\.test\/[^"/>]*\.(?:pem|private)(?:\.keyturn-new)?(?=["> ])/;
const KEY_DIRECTORY = /keys(?:\/example\.test)?"/;

describe.skipIf(!mayRun)("through a real turn", () => {
	test("keys are 0600 from the first byte, their owner's before it, in directories that nobody else may enter", {
		timeout: 300_000,
	}, async () => {
		const host = await upCliHost();
		await host.configure((text) => text.replace("swap: restart", "swap: reload"));
		await host.keyturn(["rotate"]);
		const turned = await traced(host, CALLS, ["rotate", "--now"]);
		expect(turned.code, turned.stderr).toBe(0);
		const steps = new Map<string, string[]>();
		for (const line of turned.calls) {
			const [path] = KEY_FILE.exec(line) ?? [];
			const call = /^\d+ +(\w+)\(/.exec(line)?.[1] ?? "";
			if (path === undefined || !changes(call, line)) continue;
			steps.set(path, [...(steps.get(path) ?? []), stepOf(call, line)]);
		}
		const names = [...steps.keys()].map((path) => path.replace(/.*\//, "").replace(/20\d{4}[a-z]?/, "S"));
		expect(names.toSorted()).toEqual([".S.pem.keyturn-new", "S.private"]);
		const stepsOf = (name: string) => [...steps].find(([path]) => path.endsWith(name))?.[1] ?? [];
		// It gets its name when all of it is there.
		expect(stepsOf(".pem.keyturn-new")).toEqual(["made 0600", "mode 0600", "written", "linked"]);
		expect(stepsOf(".private")).toEqual(["made 0600", "mode 0600", "owner", "written"]);

		const directories = turned.calls.filter((line) => KEY_DIRECTORY.test(line) && / mkdir(at)?\(/.test(line));
		expect(directories.length).toBeGreaterThanOrEqual(2);
		for (const line of directories) expect(line).toMatch(/, 0700\b/);
		const modes = turned.calls.filter((line) => / f?chmod(at)?\(/.test(line) && /keys[/>"]/.test(line));
		for (const line of modes) expect(line).toMatch(/, 0[67]00\b/);
	});
});

/** Opening to read and looking change nothing. */
function changes(call: string, line: string): boolean {
	return !call.startsWith("open") || /O_CREAT|O_WRONLY|O_RDWR/.test(line);
}

function stepOf(call: string, line: string): string {
	if (call.startsWith("open")) {
		const isSafe = /O_CREAT/.test(line) && /O_EXCL/.test(line) && /O_NOFOLLOW/.test(line);
		return `${isSafe ? "made" : "opened"} ${/, (0\d+)/.exec(line)?.[1] ?? ""}`;
	}
	if (/chmod/.test(call)) return `mode ${/, (0\d+)/.exec(line)?.[1] ?? ""}`;
	if (/chown/.test(call)) return "owner";
	return /write/.test(call) ? "written" : `${call.replace(/at$/, "")}ed`;
}
