/** Before the tests that run the program itself: builds the checkout, since they run what users run. */

import { execFileSync } from "node:child_process";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..");
/** Where the programs lie that run inside booted hosts, seen from the checkout. */
export const INSIDE = ".test-state/inside";

export function setup(): void {
	for (const build of [["build.mjs"], ["test/e2e/inside/build.mjs", join(ROOT, INSIDE)]])
		execFileSync(process.execPath, build, { cwd: ROOT, stdio: "inherit" });
}
