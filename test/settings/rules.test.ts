/** Every key of keyturn.yaml is told what it has to be in words for people, whatever stands there. */

import { expect, test } from "vitest";
import type * as z from "zod";
import { parseSettings } from "../../src/settings/parse-settings.ts";
import { configuration } from "../../src/settings/schema.ts";
import { keysAt } from "../../src/settings/schema-faults.ts";
import { readYaml } from "../../src/settings/yaml-source.ts";
import { schemas } from "./schemas.ts";

const context = { path: "keyturn.yaml", schemas, host: "mx1", timezone: "Europe/Berlin" };
const VALUES = [
	"",
	"7",
	"true",
	"'7'",
	"x",
	"'http://x'",
	"[]",
	"{}",
	"[7]",
	"[[]]",
	"[{}]",
	"{ a: 1 }",
] as const;
/** What only a library would say, or what says nothing. */
const FOREIGN = /must be right|invalid|tuple|record|undefined|must have at least|\bzod\b/i;
const SIGNER = "signer: { type: opendkim, keys: /k }";
const PROVIDERS = 'providers: { home: { type: rfc2136, server: "127.0.0.1:53", keyfile: /k } }';
const DOMAINS = "domains: [{ name: example.com, provider: home }]";

function foreignWords(...lines: readonly string[]): readonly string[] {
	const text = [SIGNER, PROVIDERS, DOMAINS]
		.filter((line) => !lines.some((other) => other.split(":")[0] === line.split(":")[0]))
		.concat(lines)
		.join("\n");
	const parsed = parseSettings(readYaml(text, context.path), context);
	const faults = "faults" in parsed ? parsed.faults : [];
	return faults.flatMap(({ path, rule, hint }) =>
		FOREIGN.test(rule.replaceAll(path, "")) || hint?.includes(`\`${path.split(".").at(-1)}\``) === true
			? [`${lines.join("; ")}: ${path}: ${rule} (${hint})`]
			: [],
	);
}

/** The keys of an adapter, those of a map in it, and nothing: what has to be there is missed. */
function written(schema: z.ZodType): readonly string[] {
	const pairs = keysAt(schema, []).flatMap((key) => [
		...VALUES.map((value) => `, ${key}: ${value}`),
		...keysAt(schema, [key]).flatMap((below) => VALUES.map((value) => `, ${key}: { ${below}: ${value} }`)),
	]);
	return ["", ...pairs];
}

const of = (types: Readonly<Record<string, z.ZodType>>): readonly (readonly [string, z.ZodType])[] =>
	Object.entries(types);

test.each(of(schemas.providers))("of provider %s", (type, schema) => {
	const found = written(schema).flatMap((own) =>
		foreignWords(`providers: { home: { type: ${type}${own} } }`),
	);
	expect(found).toEqual([]);
});

test.each(of(schemas.signers))("of signer %s", (type, schema) => {
	const found = written(schema).flatMap((own) => foreignWords(`signer: { type: ${type}${own} }`));
	expect(found).toEqual([]);
});

test.each(of(schemas.alerts))("of alert %s", (type, schema) => {
	const found = written(schema).flatMap((own) => foreignWords(`alerts: [{ type: ${type}${own} }]`));
	expect(found).toEqual([]);
});

test.each(keysAt(configuration, []))("of %s", (key) => {
	const below = key === "domains" ? [] : keysAt(configuration, [key]);
	const texts = [
		...VALUES,
		...below.flatMap((name) => VALUES.map((value) => `{ ${name}: ${value} }`)),
		...(key === "domains" ? keysAt(configuration, [key, 0]) : []).flatMap((name) =>
			VALUES.flatMap((value) => [
				`[{ ${name}: ${value} }]`,
				`[{ name: example.com, provider: home, ${name}: ${value} }]`,
			]),
		),
	];
	expect(texts.flatMap((text) => foreignWords(`${key}: ${text}`))).toEqual([]);
});
