/** Which folders are mutated, and by which tests: what others notice by the way does not count. */

import { readdirSync } from "node:fs";
import { join } from "node:path";

export const FOLDERS = ["rotation", "dkim", "swap"];

/**
 * These run a switch hundreds of times, or give it whatever bytes there are: they would notice most of what is changed, tell
 * nothing about where, and take a minute for each change that they do not notice.
 */
const LEFT_OUT = /^(crash|hand-edits)\.test\.ts$|fuzz\.test\.ts$/;

/** The files with the tests of a folder, from the root of the repository. */
export function testsOf(folder: string): readonly string[] {
	const names = readdirSync(join("test", folder)).filter((name) => name.endsWith(".test.ts"));
	return names.filter((name) => !LEFT_OUT.test(name)).map((name) => join("test", folder, name));
}
