import { expect, test } from "vitest";
import { namedTypes } from "../../src/settings/named-types.ts";
import { readYaml } from "../../src/settings/yaml-source.ts";

test("each type once, from maps, lists and the short signer", () => {
	const text = [
		"signer: { type: opendkim }",
		"signers: { a: { type: rspamd }, b: { type: rspamd } }",
		"providers: { a: { type: rfc2136 }, b: { type: 7 }, c: no, d: { type: cloudflare } }",
		"alerts: [{ type: webhook }, null, { type: command }]",
	].join("\n");
	expect(namedTypes(readYaml(text, ""))).toEqual({
		signers: ["rspamd", "opendkim"],
		providers: ["rfc2136", "cloudflare"],
		alerts: ["webhook", "command"],
	});
});

test.each(["", "a: [", "text", "signers: [1]", "a: &a 1"])("of %j none", (text) => {
	expect(namedTypes(readYaml(text, ""))).toEqual({ signers: [], providers: [], alerts: [] });
});
