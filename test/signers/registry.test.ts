import { describe, expect, test } from "vitest";
import * as z from "zod";
import { SIGNER_TYPES, signerSchemas } from "../../src/signers/registry.ts";

describe.each(Object.entries(SIGNER_TYPES))("the signer type %s", (type, load) => {
	test("is strict, and describes every field for the manual", async () => {
		const { settingsSchema } = await load();
		const schema = z.toJSONSchema(settingsSchema, { io: "input" });
		expect(schema).toMatchObject({ type: "object", additionalProperties: false });
		const fields = Object.entries(schema.properties ?? {});
		expect(fields.length).toBeGreaterThan(0);
		for (const [name, field] of fields) expect(field, name).toHaveProperty("description");
	});

	test("is among the schemas that the door reads with", async () => {
		expect((await signerSchemas())[type]).toBe((await load()).settingsSchema);
	});
});

test("opendkim is among them", () => {
	expect(Object.keys(SIGNER_TYPES)).toContain("opendkim");
});
