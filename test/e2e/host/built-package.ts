/** The Debian package with a node of its own, made once for all that install it: packing takes longer than installing. */

import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "../../..");
const NAME = "keyturn-with-node";
/** Makes it, unless it has been made from what is built now. */
const MAKE = `found=$(ls packages/${NAME}_*.deb 2>/dev/null || true)
	[ -n "$found" ] && [ "$found" -nt dist/src/main.js ] || "$0" --import tsx debian/package.ts ${NAME}`;

/** Puts it into a directory that is made for it; answers its name. */
export function putPackage(directory: string): string {
	execFileSync("flock", ["build.mjs", "sh", "-euc", MAKE, process.execPath], { cwd: ROOT });
	const made = readdirSync(join(ROOT, "packages")).find((name) => name.startsWith(`${NAME}_`));
	if (made === undefined) throw new Error(`no ${NAME} was made`);
	mkdirSync(directory, { recursive: true });
	copyFileSync(join(ROOT, "packages", made), join(directory, made));
	if (statSync(join(directory, made)).size < 1_000_000) throw new Error(`${made} is no whole package`);
	return made;
}
