/** What mailauth makes of SPF and DMARC records, over lookups of ours. */

import { describe, expect, test } from "vitest";
import type { PolicyAnswer, PolicyLookup } from "../../src/ports/mail-policies.ts";
import { createMailPolicies } from "../../src/system/mail-policies.ts";

const policies = createMailPolicies();

function knowing(records: Readonly<Record<string, readonly string[]>>): PolicyLookup {
	return async (name, type): Promise<PolicyAnswer> => {
		const values = records[`${type} ${name}`];
		return Promise.resolve(values === undefined ? { kind: "absent" } : { kind: "found", values });
	};
}

const SILENT: PolicyLookup = async () => Promise.resolve({ kind: "unknown", why: "no answer" });
const LOOPS = Object.fromEntries(
	Array.from({ length: 12 }, (_, index) => [
		`TXT i${index}.example`,
		[`v=spf1 include:i${index + 1}.example -all`],
	]),
);

describe("SPF", () => {
	test.each([
		["an address that is named", "v=spf1 ip4:198.51.100.0/24 -all", "pass"],
		["another address", "v=spf1 ip4:192.0.2.1 -all", "fail"],
		["another address, softly", "v=spf1 ip4:192.0.2.1 ~all", "softfail"],
		["the host of an MX record", "v=spf1 mx -all", "pass"],
		["the domain's own address", "v=spf1 a -all", "pass"],
		["a mechanism that there is none of", "v=spf1 ipv4:198.51.100.7 -all", "permerror"],
		["an include that leads nowhere", "v=spf1 include:nowhere.example -all", "permerror"],
		["more than ten lookups", "v=spf1 include:i0.example -all", "permerror"],
	])("%s", async (_, record, result) => {
		const lookup = knowing({
			...LOOPS,
			"TXT example.com": [record],
			"MX example.com": ["mx.example.com"],
			"A mx.example.com": ["198.51.100.7"],
			"A example.com": ["198.51.100.7"],
		});
		expect((await policies.spf("example.com", "198.51.100.7", lookup)).result).toBe(result);
	});

	test("no record is none, and no answer an error that passes", async () => {
		expect((await policies.spf("example.com", "198.51.100.7", knowing({}))).result).toBe("none");
		expect((await policies.spf("example.com", "198.51.100.7", SILENT)).result).toBe("temperror");
	});
});

describe("DMARC", () => {
	test("of the domain itself", async () => {
		const lookup = knowing({ "TXT _dmarc.example.com": ["v=DMARC1; p=Quarantine"] });
		expect(await policies.dmarc("example.com", lookup)).toEqual({
			result: "pass",
			policy: "quarantine",
			record: "v=DMARC1; p=Quarantine",
		});
	});

	test("of the organization, with what it says of sub-domains", async () => {
		const lookup = knowing({ "TXT _dmarc.example.com": ["v=DMARC1; p=none; sp=reject"] });
		expect(await policies.dmarc("lists.example.com", lookup)).toMatchObject({
			result: "pass",
			policy: "reject",
		});
	});

	test("none, and no answer", async () => {
		expect(await policies.dmarc("example.com", knowing({}))).toEqual({
			result: "none",
			policy: null,
			record: null,
		});
		expect((await policies.dmarc("example.com", SILENT)).result).toBe("temperror");
	});
});
