/** Makes a type of provider of a module that somebody else wrote. */

import type { z } from "zod";
import { KeyturnError } from "../src/errors.ts";
import type { DnsProvider } from "../src/ports/dns-provider.ts";
import type { ProviderType } from "./registry.ts";

const MEMBERS = ["findZone", "list", "change"] as const;

/**
 * `type` as keyturn.yaml has it. Fails with `config.invalid` where the module does not export what a provider is made of;
 * `create` does so where what it makes is no provider.
 */
export function plugInType(type: string, module: Readonly<Record<string, unknown>>): ProviderType {
	const { settingsSchema, createProvider } = module;
	if (!isSchema(settingsSchema)) throw fault(type, "export settingsSchema, a schema of zod 4");
	if (!isFunction(createProvider)) throw fault(type, "export createProvider, a function");
	return {
		settingsSchema,
		// It never met the real thing as far as keyturn knows, so it is checked on the account first.
		about: { title: type, evidence: "documented", permission: "", credential: "", remarks: [] },
		async create(options) {
			const made: unknown = await createProvider(options);
			if (!isProvider(made)) throw fault(type, `make a provider with ${MEMBERS.join(", ")} and limits`);
			return portOf(made, options.name);
		},
	};
}

/** Member by member, each called on what was made: of an instance of a class most stand on its prototype and want `this`. */
function portOf(made: DnsProvider, name: string): DnsProvider {
	const { account, limits, readsBack, byHand } = made;
	return {
		name,
		account,
		limits,
		...(readsBack === undefined ? {} : { readsBack }),
		...(byHand === undefined ? {} : { byHand }),
		findZone: async (at, signal) => made.findZone(at, signal),
		list: async (zone, at, signal) => made.list(zone, at, signal),
		change: async (zone, changes, signal) => made.change(zone, changes, signal),
		...(made.forms === undefined ? {} : { forms: made.forms.bind(made) }),
	};
}

function isSchema(value: unknown): value is z.ZodType {
	return typeof value === "object" && value !== null && "_zod" in value && "safeParse" in value;
}

function isFunction(value: unknown): value is (options: unknown) => unknown {
	return typeof value === "function";
}

function isProvider(value: unknown): value is DnsProvider {
	if (typeof value !== "object" || value === null) return false;
	const members = new Map<string, unknown>(MEMBERS.map((member) => [member, Reflect.get(value, member)]));
	const limits: unknown = Reflect.get(value, "limits");
	const numbers = ["valueOctets", "minTtlSeconds", "batch"] as const;
	return (
		[...members.values()].every(isFunction) &&
		typeof Reflect.get(value, "account") === "string" &&
		typeof limits === "object" &&
		limits !== null &&
		numbers.every((member) => typeof Reflect.get(limits, member) === "number")
	);
}

function fault(type: string, wanted: string): KeyturnError {
	return new KeyturnError("config.invalid", `provider type ${type}: expected the module to ${wanted}`, {
		hint: "docs/plug-ins.md says what a provider of one's own exports",
	});
}
