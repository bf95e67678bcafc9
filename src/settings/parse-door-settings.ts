/** The door's way of reading keyturn.yaml: signers, services, domains and state; a fault elsewhere must not keep it from recovering. */

import type { z } from "zod";
import { checkDomains } from "./check-domains.ts";
import { type Faulty, readFile } from "./read-file.ts";
import { doorConfiguration, signerShape } from "./schema.ts";
import type { DoorSettings } from "./settings.ts";
import { UNBUILT_RULE } from "./unbuilt.ts";
import { readYaml } from "./yaml-source.ts";
import { readSigners, signerNames } from "./signer-settings.ts";

export interface DoorContext {
	/** Of the file, for messages. */
	readonly path: string;
	/** By type. */
	readonly signers: Readonly<Record<string, z.ZodType>>;
}

export function parseDoorSettings(
	text: string,
	context: DoorContext,
): { readonly settings: DoorSettings } | Faulty {
	const file = readFile(readYaml(text, context.path), context.path, doorConfiguration, (value) => value);
	if (!("value" in file)) return file;
	const { source, faults, raw, value, domainAt } = file;
	if (value === null) return { faults: faults.all() };
	const adapter = {
		kind: "signers",
		schemas: context.signers,
		known: Object.keys(context.signers),
		common: signerShape,
		faults,
		source,
	} as const;
	const signers = readSigners(value, adapter);
	const names = signerNames(raw);
	const domains = value.domains.map((domain, index) => ({ ...domain, providers: [], at: domainAt(index) }));
	checkDomains(domains, { signers: names, providers: [], faults });
	if (typeof value.state !== "string") faults.add({ path: ["state"], rule: UNBUILT_RULE, on: "key" });
	const found = faults.all();
	if (found.length > 0) return { faults: found };
	return {
		settings: {
			path: context.path,
			state: typeof value.state === "string" ? value.state : "",
			signers,
			domains: value.domains.map(({ name, signer = names[0] ?? "" }) => ({
				domain: name,
				signers: [signer].flat(),
			})),
			several: value.domains.flatMap(({ name, key, signer }) =>
				isSeveral(key ?? value.key) && !isSeveral(signer) ? [name] : [],
			),
			mayReveal: [value, ...value.domains].some(({ retire }) => asksToPublish(retire)),
		},
	};
}

/** Each algorithm has a key of its own, and perhaps a signer of its own. */
function isSeveral(key: unknown): boolean {
	return Array.isArray(key) && key.length > 1;
}

/** Whatever else stands there is the agent's to judge. */
function asksToPublish(retire: unknown): boolean {
	return (
		typeof retire === "object" &&
		retire !== null &&
		"publish_private" in retire &&
		typeof retire.publish_private === "string"
	);
}
