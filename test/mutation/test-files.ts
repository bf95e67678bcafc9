/**
 * Test files as scripts that can be run again and again in one process, each time with modules that nothing has touched yet:
 * a new worker of vitest for each change costs far more than the tests that it runs.
 */

import { createRequire, isBuiltin } from "node:module";
import { Script } from "node:vm";
import { build } from "esbuild";
import { expect } from "vitest";

export interface FoundTest {
	/** Of its file, and the same each time. */
	readonly name: string;
	readonly file: string;
	run(): Promise<void>;
}

export interface TestFile {
	readonly file: string;
	/** Evaluates the file, with all that it imports, anew. */
	find(): readonly FoundTest[];
}

type Body = (...given: readonly unknown[]) => unknown;

/** No test takes as long, on however busy a machine. */
const LIMIT_MS = 30_000;

export class TestNeverEnded extends Error {}

export async function loadTestFiles(files: readonly string[]): Promise<readonly TestFile[]> {
	const { outputFiles, metafile } = await build({
		entryPoints: [...files],
		// Stryker moves to its copy of the repository after esbuild was loaded.
		absWorkingDir: process.cwd(),
		bundle: true,
		packages: "external",
		format: "cjs",
		platform: "node",
		target: "node20",
		outdir: "bundled",
		outbase: ".",
		write: false,
		metafile: true,
	});
	const imported = Object.values(metafile.outputs).flatMap((output) => output.imports);
	const names = new Set(imported.filter(({ external }) => external).map(({ path }) => path));
	const packages = new Map<string, unknown>();
	for (const name of names) if (!isBuiltin(name) && name !== "vitest") packages.set(name, await import(name));
	return files.map((file) => {
		const bundle = outputFiles.find(({ path }) => path.endsWith(file.replace(/\.ts$/, ".js")));
		if (bundle === undefined) throw new Error(`${file}: was not bundled`);
		return { file, find: finder(file, bundle.text, packages) };
	});
}

function finder(
	file: string,
	bundle: string,
	packages: ReadonlyMap<string, unknown>,
): () => readonly FoundTest[] {
	const script = new Script(`(function (require, module, exports) {${bundle}\n})`, { filename: file });
	const builtin = createRequire(import.meta.url);
	return () => {
		const { tests, api } = collector(file);
		const evaluate = script.runInThisContext() as Body;
		const module = { exports: {} };
		evaluate(
			(name: string) => (name === "vitest" ? api : (packages.get(name) ?? (builtin(name) as unknown))),
			module,
			module.exports,
		);
		return tests;
	};
}

/** As much of vitest as the tests use. */
function collector(file: string): { readonly tests: readonly FoundTest[]; readonly api: object } {
	const tests: FoundTest[] = [];
	const titles: string[] = [];
	const it = (title: string, ...rest: readonly unknown[]) => {
		const body = rest.find((given) => typeof given === "function") as Body;
		tests.push({ name: [...titles, title].join(" > "), file, run: () => runInTime(body) });
	};
	const describe = (title: string, ...rest: readonly unknown[]) => {
		const body = rest.find((given) => typeof given === "function") as Body;
		titles.push(title);
		body();
		titles.pop();
	};
	const each =
		(one: typeof it) =>
		(rows: readonly unknown[]) =>
		(title: string, ...rest: readonly unknown[]) => {
			const body = rest.find((given) => typeof given === "function") as Body;
			for (const [index, row] of rows.entries())
				one(`${title} [${index}]`, () => body(...(Array.isArray(row) ? (row as readonly unknown[]) : [row])));
		};
	const test = Object.assign(it, { each: each(it) });
	const suite = Object.assign(describe, { each: each(describe) });
	return { tests, api: { it: test, test, describe: suite, expect } };
}

async function runInTime(body: Body): Promise<void> {
	let timer: NodeJS.Timeout | undefined;
	const limit = new Promise<never>((_resolve, reject) => {
		timer = setTimeout(() => reject(new TestNeverEnded(`no end after ${LIMIT_MS} ms`)), LIMIT_MS);
	});
	try {
		await Promise.race([body(), limit]);
	} finally {
		clearTimeout(timer);
	}
}
