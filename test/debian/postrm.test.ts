/** What purging does, by the script itself with its directories somewhere else. */

import { execFileSync } from "node:child_process";
import {
	existsSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	rmSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

const STATE = "var/lib/keyturn";
const FILES = [
	`${STATE}/history.jsonl`,
	`${STATE}/history.jsonl.1`,
	`${STATE}/host.json`,
	`${STATE}/domains/example.com.json`,
	`${STATE}/kept.private`,
	"var/lib/keyturn-door/ledger.json",
	"var/lib/keyturn-door/results/0123456789abcdef0123456789abcdef.json",
];
const PROGRAM = "usr/lib/keyturn/main.js";
let root: string;

beforeEach(() => {
	root = mkdtempSync(join(tmpdir(), "keyturn-postrm-"));
	for (const path of FILES) put(path);
});
afterEach(() => rmSync(root, { recursive: true }));

function put(path: string): void {
	mkdirSync(dirname(join(root, path)), { recursive: true });
	writeFileSync(join(root, path), path);
}

function postrm(act: string): void {
	const script = readFileSync("debian/postrm", "utf8");
	const paths = /(?<![\w}])\/(?=(?:usr|var|run|etc)\/)/g;
	expect(script.match(paths)?.length).toBeGreaterThan(4);
	const moved = script.replace(paths, `${root}/`);
	execFileSync("sh", ["-s", act], { input: moved, stdio: ["pipe", "ignore", "inherit"] });
}

function left(): readonly string[] {
	return FILES.filter((path) => existsSync(join(root, path)));
}

test("purging forgets all but the history and private keys", () => {
	postrm("purge");
	expect(left()).toEqual([`${STATE}/kept.private`]);
	expect(readdirSync(join(root, "var/lib"))).toEqual(["keyturn"]);
	for (const name of ["history.jsonl", "history.jsonl.1"])
		expect(readFileSync(join(root, `var/backups/keyturn-${name}`), "utf8")).toBe(`${STATE}/${name}`);
});

test("purging one of the two packages takes nothing from the other, which has taken over", () => {
	put(PROGRAM);
	postrm("purge");
	expect(left()).toEqual(FILES);
});

test("purging takes nothing from a checkout whose units stand, which works with the same state", () => {
	put("etc/systemd/system/keyturn.service");
	postrm("purge");
	expect(left()).toEqual(FILES);
});

test("a copy of the package's own unit, as systemctl edit --full makes one, keeps nothing", () => {
	const unit = "etc/systemd/system/keyturn.service";
	put(unit);
	writeFileSync(join(root, unit), `ExecStart=/usr/bin/node ${root}/usr/lib/keyturn/main.js run\n`);
	postrm("purge");
	expect(left()).toEqual([`${STATE}/kept.private`]);
});

test("removing takes nothing", () => {
	postrm("remove");
	expect(left()).toEqual(FILES);
});
