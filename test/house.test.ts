import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { describe, expect, it } from "vitest";
import { type Allowed, DETERMINISTIC_CRYPTO, ENTRIES, MAY, SECRET_REFERENCE } from "./house.ts";

interface Module {
	readonly path: string;
	readonly folder: string;
	readonly text: string;
	readonly imports: readonly string[];
}

const modules = ["src", "providers"].filter((root) => existsSync(root)).flatMap(listModules);

describe("the house", () => {
	it("has modules in the folders of the plan only", () => {
		expect(modules.length).toBeGreaterThan(30);
		const known = new Set([...Object.keys(MAY), "src"]);
		expect(modules.filter((module) => !known.has(module.folder)).map((module) => module.path)).toEqual([]);
	});

	it("imports along the table", () => {
		expect(modules.flatMap(forbiddenImports)).toEqual([]);
	});

	it("touches the machine in system/ and the entries only", () => {
		const touches =
			/\bDate\.now\(|\bnew Date\(\)|\bsetTimeout\(|\bsetInterval\(|\bsetImmediate\(|AbortSignal\.timeout|Math\.random|randomUUID|(?<![.\w])process\.|performance\.now/;
		const offenders = modules
			.filter((module) => module.folder !== "system" && !ENTRIES.includes(module.path))
			.filter((module) => touches.test(module.text.replace(/\/\*[^]*?\*\/|\/\/.*$/gm, "")))
			.map((module) => module.path);
		expect(offenders).toEqual([]);
	});

	it("lets the door reach no network, no mail library and no provider", () => {
		const reached = reach("src/door.ts");
		expect(reached).toContain("src/system/disk.ts");
		const forbidden =
			/axios|mailauth|nodemailer|dns-packet|node:(?:http|dns)|providers\/|src\/(?:dns|alerts|agent|publishing)\//;
		expect([...reached].filter((name) => forbidden.test(name))).toEqual([]);
	});
});

function forbiddenImports(module: Module): readonly string[] {
	if (ENTRIES.includes(module.path) || module.folder === "src") return [];
	const may = MAY[module.folder];
	return module.imports
		.filter((name) => !isAllowed(module, name, may))
		.map((name) => `${module.path} imports ${name}`);
}

function isAllowed(module: Module, name: string, may: Allowed | undefined): boolean {
	if (name.startsWith("node:"))
		return (
			module.folder === "system" || (name === "node:crypto" && DETERMINISTIC_CRYPTO.includes(module.folder))
		);
	if (!name.startsWith("."))
		return may?.packages.some((pack) => name === pack || name.startsWith(`${pack}/`)) ?? false;
	const target = join(module.path, "..", name);
	if (target === "src/errors.ts" || target === "src/durable.ts") return true;
	if (target === SECRET_REFERENCE)
		return ["alerts", "providers", "settings", "signers"].includes(module.folder);
	const folder = folderOf(target);
	return (
		folder === module.folder ||
		(may?.folders.some(
			(allowed) =>
				folder === allowed || target.startsWith(`src/${allowed}/`) || target === `src/${allowed}.ts`,
		) ??
			false)
	);
}

/** Everything that a module loads, at once or later. */
function reach(path: string, seen = new Set<string>()): Set<string> {
	const module = modules.find((one) => one.path === path);
	for (const name of module?.imports ?? []) {
		const target = name.startsWith(".") ? join(path, "..", name) : name;
		if (seen.has(target)) continue;
		seen.add(target);
		reach(target, seen);
	}
	return seen;
}

function listModules(root: string): readonly Module[] {
	return readdirSync(root, { recursive: true, encoding: "utf8" })
		.filter((name) => name.endsWith(".ts") && !name.endsWith(".d.ts"))
		.map((name) => {
			const path = relative(".", join(root, name));
			const text = readFileSync(path, "utf8");
			const imports = [...text.matchAll(/(?:\bfrom\s+|\bimport\(\s*)"([^"\n]+)"/g)].map(
				(match) => match[1] ?? "",
			);
			return { path, folder: folderOf(path), text, imports };
		});
}

function folderOf(path: string): string {
	const [top = "", second = ""] = path.split("/");
	if (top !== "src") return top;
	return second.endsWith(".ts") ? "src" : second;
}
