/** Holds the lock at its argument until it is killed. */

import { createSystemClock } from "../../src/system/clock.ts";
import { createTakeLock } from "../../src/system/lock.ts";

const held = await createTakeLock(createSystemClock())(
	process.argv[2] ?? "",
	0,
	new AbortController().signal,
);
process.stdout.write(held === "held" ? "someone else has it\n" : "held\n");
process.stdin.resume();
