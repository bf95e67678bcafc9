/** What `npm pack` makes, laid where npm would lay it, in an empty directory: it runs by its name, with nothing beside it. */

import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { makeDirectory } from "../program.ts";

const ROOT = join(import.meta.dirname, "../../..");
let directory: string;

beforeAll(async () => {
	directory = await makeDirectory("npm-pack");
	const [made = ""] = execFileSync("npm", ["pack", "--silent", "--pack-destination", directory], {
		cwd: ROOT,
		encoding: "utf8",
	}).split("\n");
	const modules = join(directory, "node_modules");
	mkdirSync(join(modules, ".bin"), { recursive: true });
	execFileSync("tar", ["-xzf", join(directory, made), "-C", modules]);
	const { bin } = JSON.parse(readFileSync(join(modules, "package/package.json"), "utf8")) as {
		bin: Record<string, string>;
	};
	for (const [name, path] of Object.entries(bin)) {
		chmodSync(join(modules, "package", path), 0o755);
		symlinkSync(join("../package", path), join(modules, ".bin", name));
	}
});

test("it says its version", () => {
	expect(run("--version")).toMatchObject({
		code: 0,
		stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) as string,
	});
});

test("its doctor says that there is no configuration, and what writes one", () => {
	const { code, stdout } = run("--config", join(directory, "keyturn.yaml"), "doctor");
	expect(code).toBe(1);
	expect(stdout).toContain("CRITICAL config.unreadable");
	expect(stdout).toContain("`keyturn init` writes one");
});

function run(...args: readonly string[]): { readonly code: number | null; readonly stdout: string } {
	try {
		const stdout = execFileSync(join(directory, "node_modules/.bin/keyturn"), args, {
			cwd: directory,
			encoding: "utf8",
			stdio: "pipe",
		});
		return { code: 0, stdout };
	} catch (thrown) {
		const { status, stdout } = thrown as { status: number | null; stdout: string };
		return { code: status, stdout };
	}
}
