/** Before the tests that run the program itself: builds the checkout, since they run what users run. */

import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { buildSync } from "esbuild";

const ROOT = join(import.meta.dirname, "..");
/** Where the programs lie that run inside booted hosts, seen from the checkout. */
export const INSIDE = ".test-state/inside";

export function setup(): void {
	execFileSync(process.execPath, [join(ROOT, "build.mjs")], { cwd: ROOT, stdio: "inherit" });
	buildInside();
}

/** A file each: they are started hundreds of times, and as they were written each start loads a compiler. */
function buildInside(): void {
	buildSync({
		absWorkingDir: ROOT,
		entryPoints: ["judge", "lag", "receiver", "sender", "sink"].map((name) => `test/e2e/inside/${name}.ts`),
		outdir: INSIDE,
		outExtension: { ".js": ".mjs" },
		bundle: true,
		platform: "node",
		format: "esm",
		target: "node20.19",
		logLevel: "warning",
		banner: {
			js: 'import { createRequire as requireFrom } from "node:module"; const require = requireFrom(import.meta.url);',
		},
	});
}
