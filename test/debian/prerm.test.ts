/** What removing does before its files go, by the script itself with its directories and programs somewhere else. */

import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

const JOURNAL = "var/lib/keyturn-door/journal.json";
let root: string;

beforeEach(() => {
	root = mkdtempSync(join(tmpdir(), "keyturn-prerm-"));
	for (const directory of ["bin", "etc/keyturn", "run/systemd/system", "var/lib/keyturn-door"])
		mkdirSync(join(root, directory), { recursive: true });
	for (const path of ["etc/keyturn/keyturn.yaml", JOURNAL]) writeFileSync(join(root, path), "");
	for (const program of ["keyturn", "systemctl"]) putProgram(program, "");
});
afterEach(() => rmSync(root, { recursive: true }));

/** Notes how it is called, and then does more. */
function putProgram(name: string, more: string): void {
	const path = join(root, "bin", name);
	writeFileSync(path, `#!/bin/sh\necho "${name} $*" >>${root}/calls\n${more}\n`);
	chmodSync(path, 0o755);
}

function prerm(...words: readonly string[]): readonly string[] {
	const script = readFileSync("debian/prerm", "utf8");
	const paths = /(?<![\w}])\/(?=(?:run|etc|var)\/)/g;
	expect(script.match(paths)?.length).toBe(5);
	const env = { ...process.env, PATH: `${root}/bin:${process.env["PATH"] ?? ""}` };
	execFileSync("sh", ["-s", ...words], {
		input: script.replace(paths, `${root}/`),
		stdio: ["pipe", "ignore", "ignore"],
		env,
	});
	return readFileSync(join(root, "calls"), { encoding: "utf8", flag: "a+" }).trim().split("\n");
}

const REMOVAL = [
	"keyturn record --removals",
	"systemctl disable --now keyturn.service",
	"keyturn recover",
	"systemctl disable --now keyturn-apply.socket keyturn-recover.service",
];

test("what a switch still owes is put right once the daemon is gone, while the door is there", () => {
	expect(prerm("remove")).toEqual(REMOVAL);
});

test("one that cannot be put right keeps nobody from removing it", () => {
	putProgram("keyturn", "exit 1");
	expect(prerm("remove")).toEqual(REMOVAL);
});

test("a door that owes nothing is asked nothing", () => {
	rmSync(join(root, JOURNAL));
	expect(prerm("remove")).toEqual(REMOVAL.filter((call) => call !== "keyturn recover"));
});

test("without systemd the same is owed", () => {
	rmSync(join(root, "run/systemd/system"), { recursive: true });
	expect(prerm("remove")).toEqual([
		"keyturn record --removals",
		"keyturn recover",
		"systemctl disable keyturn.service keyturn-apply.socket keyturn-recover.service",
	]);
});

/** Where systemd/install puts it, and `systemctl edit --full` its copy of the package's. */
function putUnit(program: string): void {
	mkdirSync(join(root, "etc/systemd/system"), { recursive: true });
	writeFileSync(join(root, "etc/systemd/system/keyturn.service"), `ExecStart=/usr/bin/node ${program} run\n`);
}

test("a checkout that has taken over goes on: its units have the names of the package's", () => {
	putUnit("/opt/keyturn/dist/src/main.js");
	expect(prerm("remove")).toEqual([""]);
});

test("a unit of the package's that was changed is stopped like it", () => {
	putUnit("/usr/lib/keyturn/main.js");
	expect(prerm("remove")).toEqual(REMOVAL);
});

test.each([
	["upgrade", "1.2.3"],
	["remove", "in-favour"],
])("nothing is done before %s %s", (...words) => {
	expect(prerm(...words)).toEqual([""]);
});
