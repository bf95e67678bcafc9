import { expect, test } from "vitest";
import { nextSerial } from "../../../providers/zonefile/serial.ts";

test.each<[number, string, number]>([
	[1, "2026-11-26", 2],
	[2026112500, "2026-11-26", 2026112600],
	[2026112600, "2026-11-26", 2026112601],
	[2026112699, "2026-11-26", 2026112700],
	[2026120101, "2026-11-26", 2026120102],
	[1795651200, "2026-11-26", 1795651201],
	[4294967295, "2026-11-26", 1],
])("after %i on %s comes %i", (serial, day, next) => {
	expect(nextSerial(serial, new Date(`${day}T23:00:00Z`))).toBe(next);
});
