/** Before the tests that run the program itself: builds the checkout, since they run what users run. */

import { execFileSync } from "node:child_process";
import { join } from "node:path";

export function setup(): void {
	const root = join(import.meta.dirname, "..");
	execFileSync(process.execPath, [join(root, "build.mjs")], { cwd: root, stdio: "inherit" });
}
