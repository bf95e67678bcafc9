/** Finds the secrets that adapters' settings name, wherever in them they stand. */

import type * as z from "zod";
import { secretReference } from "./secret-reference.ts";
import type { Settings } from "./settings.ts";

/** An adapter's settings name it as an object with one entry: `{ file: PATH }`, `{ env: NAME }`, `{ credential: NAME }`. */
export function secretsIn(settings: unknown): readonly z.infer<typeof secretReference>[] {
	if (typeof settings !== "object" || settings === null) return [];
	const found = secretReference.safeParse(settings);
	return found.success ? [found.data] : Object.values(settings).flatMap(secretsIn);
}

/** The names of all credentials that a configuration's providers and alerts name, each once. */
export function credentialsIn({ providers, alerts }: Settings): readonly string[] {
	const named = [...providers, ...alerts].flatMap(({ settings }) => secretsIn(settings));
	return [...new Set(named.flatMap((one) => ("credential" in one ? [one.credential] : [])))];
}
