// What `npm test` and `npm run demo` do on a fresh clone, with nothing but Node: the npm packages first, if they are missing.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");

/** Goes on with a TypeScript program of this repository; ends with its exit status. */
export function startWithPackages(/** @type {string} */ script) {
	const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
	if (major < 20 || (major === 20 && minor < 19)) {
		console.error(`Node ${process.version} is too old: 20.19 or later is needed`);
		process.exit(1);
	}
	const needed = ["vitest", "tsx", "typescript"].map((name) => join(root, "node_modules", name));
	if (!needed.every((path) => existsSync(path))) {
		console.log("npm packages are missing: npm ci");
		run("npm", ["ci", "--ignore-scripts", "--include=dev", "--no-audit", "--no-fund"]);
	}
	run(process.execPath, ["--import", "tsx", join(root, script), ...process.argv.slice(2)]);
}

/** Ends with its exit status unless that is 0; a signal from the terminal is for the program, which cleans up. */
function run(/** @type {string} */ program, /** @type {string[]} */ argv) {
	const { status } = spawnSync(program, argv, { cwd: root, stdio: "inherit" });
	if (status !== 0) process.exit(status ?? 1);
}
