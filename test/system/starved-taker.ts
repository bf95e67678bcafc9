/** Tries to take a lock without a descriptor to spare, and says as JSON how that failed. Its limit is its caller's. */

import { closeSync, openSync } from "node:fs";
import { asKeyturnError } from "../../src/errors.ts";
import { createSystemClock } from "../../src/system/clock.ts";
import { createTakeLock } from "../../src/system/lock.ts";

const [path = ""] = process.argv.slice(2);
const takeLock = createTakeLock(createSystemClock());
const opened: number[] = [];
try {
	for (;;) opened.push(openSync("/dev/null", "r"));
} catch {
	// For the lock's own file.
	closeSync(opened.pop() ?? -1);
}
const failure = await takeLock(path, 0, new AbortController().signal).catch(asKeyturnError);
for (const fd of opened) closeSync(fd);
process.stdout.write(JSON.stringify(failure), () => process.exit());
