import { execFileSync } from "node:child_process";
import { cpSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryDirectory } from "../../system/temporary-directory.ts";

const DIST = join(import.meta.dirname, "../../../dist");

test("the built programs need no node_modules beside them", async () => {
	const elsewhere = await temporaryDirectory();
	cpSync(DIST, join(elsewhere, "dist"), { recursive: true });
	writeFileSync(join(elsewhere, "package.json"), '{ "type": "module" }');
	for (const library of readdirSync(join(elsewhere, "dist/src")).filter((name) => name.endsWith(".cjs")))
		if (library !== "main.bundle.cjs")
			execFileSync(process.execPath, [join(elsewhere, "dist/src", library)], { cwd: elsewhere });
	const help = execFileSync(process.execPath, [join(elsewhere, "dist/src/main.js"), "--help"], {
		cwd: elsewhere,
		encoding: "utf8",
	});
	expect(help).toContain("rotate");
});

test("the command line loads the large libraries only when it needs them", () => {
	const traced = execFileSync(
		process.execPath,
		[
			"--import",
			'data:text/javascript,import{createRequire}from"node:module";const{cache}=createRequire("/x");process.on("exit",()=>console.log(JSON.stringify(Object.keys(cache))))',
			join(DIST, "src/main.js"),
			"--help",
		],
		{ encoding: "utf8" },
	);
	const loaded = JSON.parse(traced.trim().split("\n").at(-1) ?? "null") as string[];
	expect(loaded.filter((path) => /mailauth|axios|node-forge/.test(path))).toEqual([]);
	expect(readdirSync(join(DIST, "src"))).toEqual(
		expect.arrayContaining(["mailauth.cjs", "axios.cjs", "node-forge.cjs", "main.cache"]),
	);
});

test("another Node's code cache is passed over", async () => {
	const elsewhere = await temporaryDirectory();
	cpSync(DIST, join(elsewhere, "dist"), { recursive: true });
	writeFileSync(join(elsewhere, "package.json"), '{ "type": "module" }');
	writeFileSync(join(elsewhere, "dist/src/main.cache"), "of another Node");
	const version = execFileSync(process.execPath, [join(elsewhere, "dist/src/main.js"), "--version"], {
		encoding: "utf8",
	});
	expect(version).toMatch(/^\d+\.\d+\.\d+\n$/);
});
