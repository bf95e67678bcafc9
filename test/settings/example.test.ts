import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { formatFaults } from "../../src/settings/faults.ts";
import { parseDoorSettings } from "../../src/settings/parse-door-settings.ts";
import { parseSettings } from "../../src/settings/parse-settings.ts";
import { readYaml } from "../../src/settings/yaml-source.ts";
import { schemas } from "./schemas.ts";

const example = await readFile(new URL("../../config/keyturn.example.yaml", import.meta.url), "utf8");

test.each([
	["as it is", example, ["home"]],
	["with what is commented out", example.replaceAll(/^( {2})# ( *\w+:)/gm, "$1$2"), ["home", "away"]],
])("the example is right %s", (_, text, providers) => {
	const read = parseSettings(readYaml(text, "example"), {
		path: "example",
		schemas,
		host: "mx1",
		timezone: "UTC",
	});
	expect("faults" in read ? formatFaults(read.faults) : "").toBe("");
	if ("settings" in read) {
		expect(read.settings.policies).toHaveLength(2);
		expect(read.settings.providers.map(({ name }) => name)).toEqual(providers);
	}
	expect(parseDoorSettings(text, { path: "example", signers: schemas.signers })).toHaveProperty("settings");
});
