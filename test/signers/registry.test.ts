import { describe, expect, test } from "vitest";
import * as z from "zod";
import { foundHost } from "../fakes/found-host.ts";
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

test("only those that notice at a connection that they are to end are nudged", async () => {
	const keys = "/etc/keys";
	const settings: Readonly<Record<string, object>> = {
		opendkim: { keys },
		dkimpy: { keys },
		dkimproxy: { keys },
		"docker-mailserver": { volume: "/srv/dms" },
		exim: { table: "/etc/exim4/dkim", keys },
		command: { table: "/etc/table", keys, apply: ["/usr/local/bin/apply"] },
		rspamd: {},
	};
	expect(Object.keys(settings).toSorted()).toEqual(Object.keys(SIGNER_TYPES).toSorted());
	const nudged: string[] = [];
	for (const [type, load] of Object.entries(SIGNER_TYPES)) {
		const found = await load();
		const place = { name: type, service: type, swap: "restart" } as const;
		const given = found.settingsSchema.parse(settings[type]);
		const signer = await found.create({ ...foundHost({ files: {} }), ...place, settings: given });
		if (signer.nudge !== undefined) nudged.push(type);
	}
	expect(nudged).toEqual(["opendkim", "dkimpy"]);
});
