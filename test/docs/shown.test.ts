import { describe, expect, test } from "vitest";
import { asShown, ofThisMonth } from "./shown.ts";

const STATUS = `domain       signs with  since    next turn  state
example.com  202611      2 s ago  in 4 d     well
`;

describe("what a document shows", () => {
	test.each([
		["as it was printed then", STATUS],
		[
			"on another day",
			STATUS.replace("202611", "202701").replace("2 s ago", "now").replace("in 4 d", "in 2 h 10 min"),
		],
		["with its lines broken elsewhere", STATUS.replaceAll("  ", "\n")],
	])("is what is printed, %s", (_, printed) => {
		expect(printed).toMatch(asShown(STATUS));
	});

	test.each([
		["another word", STATUS.replace("well", "published")],
		["a line more", `${STATUS}1 trouble\n`],
		["a line less", "domain  signs with  since  next turn  state"],
	])("is not what is printed with %s", (_, printed) => {
		expect(printed).not.toMatch(asShown(STATUS));
	});

	test("may leave lines out, wherever it says so", () => {
		const shown = asShown("…\nWARNING one: keyturn\n    it is so\n\n…\n4 warnings: 1 domain");
		expect("WARNING one: keyturn\n    it is so\n\n4 warnings: 1 domain\n").toMatch(shown);
		expect("first\n\nWARNING one: keyturn\n it is so\n\nmore\n\n4 warnings: 1 domain\n").toMatch(shown);
		expect("WARNING one: keyturn\n    it is not so\n\n4 warnings: 1 domain\n").not.toMatch(shown);
	});

	test("has scratch names of its own", () => {
		const shown = asShown("removing keyturn-check-730a83078092a1fe._domainkey.example.com");
		expect("removing keyturn-check-5e83078092a1ab0c._domainkey.example.com").toMatch(shown);
	});

	test("is typed with this month's selector", () => {
		const now = new Date("2027-02-03T00:00:00Z");
		expect(ofThisMonth("keyturn revoke example.com 202611", now)).toBe("keyturn revoke example.com 202702");
	});
});
