import { describe, expect, it } from "vitest";
import { knowable, lookAt, type OtherPrograms, signing } from "./other-programs.ts";

const MINUTE_MS = 60_000;

function given(): OtherPrograms {
	const use = { program: "amavis", domain: "a.test", selector: "old", publicKey: "p", sinceMs: 0 };
	return { uses: [use], seen: new Set(), isUnreadable: false };
}

describe("the mail of another program", () => {
	it("counts once a look has found its line, which an hour later it must have", () => {
		const others = given();
		expect(signing(others, 40 * MINUTE_MS)).toEqual(others.uses);
		expect(knowable(others, 40 * MINUTE_MS)).toEqual([]);
		expect(knowable(others, 75 * MINUTE_MS)).toEqual(others.uses);
		expect(lookAt(others).map(({ selector }) => selector)).toEqual(["old"]);
		expect(knowable(others, 40 * MINUTE_MS)).toEqual(others.uses);
	});

	it("does not count before it was started anew", () => {
		const others = given();
		lookAt(others);
		expect(knowable(others, 19 * MINUTE_MS)).toEqual([]);
		expect(knowable(others, 20 * MINUTE_MS)).toEqual(others.uses);
	});
});
