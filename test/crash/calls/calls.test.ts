/**
 * A turn of the built program against real BIND and OpenDKIM, struck at each of its system calls: whoever makes it is killed
 * there, or the power is lost, or the disk is full, broken or closed to it. selection.ts says how to take a part of them.
 */

import { expect, test } from "vitest";
import { mayRun } from "../../servers/cli/cli-host.ts";
import { isImageLeftOut } from "./image.ts";
import { selectionOf } from "./selection.ts";
import { type Kind, strikeCalls } from "./strikes.ts";

const selection = selectionOf(process.env);
if (!mayRun) console.log("LEFT OUT: the system calls of a turn, since they take root and OpenDKIM");

test.skipIf(!mayRun)("kill: whoever makes a call dies there", () => expectUnbroken("kill"));

test.skipIf(!mayRun)("fail: a call on the disk fails", () => expectUnbroken("fail"));

test.skipIf(!mayRun || isImageLeftOut)("power: it goes before and after each sync and rename", () =>
	expectUnbroken("power"),
);

async function expectUnbroken(kind: Kind): Promise<void> {
	const { faults, struck, missed, remainders } = await strikeCalls(kind, selection);
	console.log(`${kind}: ${struck} struck, ${missed} not, ${faults.length} broken, ${remainders} remainders`);
	expect(faults).toEqual([]);
	expect(struck).toBeGreaterThan(missed);
}
