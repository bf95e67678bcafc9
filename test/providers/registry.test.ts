import { describe, expect, test } from "vitest";
import * as z from "zod";
import { PROVIDER_TYPES } from "../../providers/registry.ts";

describe.each(Object.entries(PROVIDER_TYPES))("the provider type %s", (_, load) => {
	test("is strict, and describes every field for the manual", async () => {
		const { settingsSchema } = await load();
		const { anyOf, ...one } = z.toJSONSchema(settingsSchema, { io: "input" });
		const branches = anyOf ?? [one];
		expect(branches.length).toBeGreaterThan(0);
		for (const branch of branches) {
			expect(branch).toMatchObject({ type: "object", additionalProperties: false });
			if (typeof branch === "boolean") continue;
			const fields = Object.entries(branch.properties ?? {});
			expect(fields.length).toBeGreaterThan(0);
			for (const [name, field] of fields) expect(field, name).toHaveProperty("description");
		}
	});
});

test("rfc2136 is among them", () => {
	expect(Object.keys(PROVIDER_TYPES)).toContain("rfc2136");
});

test.each(["cloudflare", "desec", "digitalocean", "gandi", "linode"])(
	"what is told where %s denies a token says that it may have ended",
	async (type) => {
		expect((await PROVIDER_TYPES[type]?.())?.about.permission).toMatch(/expired/);
	},
);
