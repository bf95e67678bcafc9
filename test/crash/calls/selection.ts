/**
 * Which strikes are made, by the environment: KEYTURN_SHARD=2/8 (every eighth, from the second on), KEYTURN_STRIKE with the
 * name of one of them (what a failing one prints), KEYTURN_CHANGING=1 (only at calls that change something), KEYTURN_FROM=40
 * (the first 39 of those that are left passed over: where a run was broken off), KEYTURN_HELD=first.log:second.log (what held
 * in these runs, as they printed it, is passed over: turns differ by some calls, so that portions leave gaps).
 */

import { readFileSync } from "node:fs";

export interface Selection {
	/** From 1. */
	readonly shard: number;
	readonly shards: number;
	/** The names of the only strikes; null for all. */
	readonly only: readonly string[] | null;
	readonly isChangingOnly: boolean;
	/** From 1. */
	readonly from: number;
	/** The names of strikes that held in earlier runs. */
	readonly held: ReadonlySet<string>;
}

export function selectionOf(env: Readonly<Record<string, string | undefined>>): Selection {
	const [, shard, shards] = /^(\d+)\/(\d+)$/.exec(env["KEYTURN_SHARD"] ?? "1/1") ?? [];
	if (shard === undefined || Number(shard) < 1 || Number(shard) > Number(shards))
		throw new Error(`KEYTURN_SHARD: expected something like 2/8, got ${env["KEYTURN_SHARD"]}`);
	return {
		shard: Number(shard),
		shards: Number(shards),
		only: env["KEYTURN_STRIKE"] === undefined ? null : [env["KEYTURN_STRIKE"]],
		isChangingOnly: env["KEYTURN_CHANGING"] === "1",
		from: Number(env["KEYTURN_FROM"] ?? 1),
		held: new Set((env["KEYTURN_HELD"] ?? "").split(":").filter(Boolean).flatMap(heldIn)),
	};
}

/** The name of a strike is the rest of its line. */
function heldIn(log: string): readonly string[] {
	const lines = readFileSync(log, "utf8").matchAll(/(?:kill|fail|power) \d+\/\d+ holds \([^)]*\): (.*)$/gm);
	return [...lines].map(([, name = ""]) => name);
}

export function select<
	Strike extends { readonly name: string; readonly call: { readonly changes: boolean } },
>(
	strikes: readonly Strike[],
	{ shard, shards, only, isChangingOnly, from, held }: Selection,
): readonly Strike[] {
	if (only !== null) return strikes.filter((strike) => only.includes(strike.name));
	return strikes
		.filter((strike) => strike.call.changes || !isChangingOnly)
		.filter((strike) => !held.has(strike.name))
		.filter((_strike, index) => index % shards === shard - 1)
		.slice(from - 1);
}
