import { expect, test } from "vitest";
import { verifyOf } from "../../src/joining/verify-of.ts";
import { policyOf } from "../fakes/policies.ts";

const GENERAL = { ...policyOf().verify, ...listed("192.0.2.9"), quorum: 7 };
const SETTINGS = {
	policies: ["example.com", "sub.example.com", "example.org"].map((domain, index) =>
		policyOf({ domain, verify: { ...GENERAL, ...listed(`192.0.2.${index + 1}`) } }),
	),
	verify: GENERAL,
};

function listed(address: string) {
	return { nameservers: [{ address, port: 53 }] };
}

test.each([
	["202611._domainkey.example.com", "192.0.2.1"],
	["202611._domainkey.sub.example.com", "192.0.2.2"],
	["202611._domainkey.example.org", "192.0.2.3"],
])("%s is looked for as the nearest domain above it says", (name, address) => {
	expect(verifyOf(SETTINGS, name)).toEqual({ ...GENERAL, ...listed(address) });
	expect(verifyOf({ ...SETTINGS, policies: SETTINGS.policies.toReversed() }, name)).toEqual({
		...GENERAL,
		...listed(address),
	});
});

test.each(["key1.target.test", "202611._domainkey.notexample.com"])(
	"%s, of no domain, is looked for at the servers of its own zone",
	(name) => {
		expect(verifyOf(SETTINGS, name)).toEqual({ ...GENERAL, nameservers: "auto" });
	},
);
