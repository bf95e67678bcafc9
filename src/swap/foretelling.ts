/** Says how a signer's files would look after a change, in its own words: what `rotate --dry-run` shows. Changes nothing. */

import { asKeyturnError } from "../errors.ts";
import type { ForetellAsked, Foretold } from "../ports/door.ts";
import type { SignerChange } from "../ports/signer.ts";
import type { SwapContext } from "./context.ts";
import { groupsOf } from "./groups.ts";
import { keyPlace } from "./key-places.ts";
import { readLedger } from "./ledger.ts";

/** Each in the order asked; whoever turns together is shown together. */
export async function foretell(
	context: SwapContext,
	asked: readonly ForetellAsked[],
): Promise<readonly Foretold[]> {
	const told: Foretold[] = [];
	for (const one of asked) {
		const { domain } = one;
		try {
			told.push({ domain, files: await foretellOne(context, one), problem: null });
		} catch (error) {
			told.push({ domain, files: [], problem: asKeyturnError(error).message });
		}
	}
	return told;
}

async function foretellOne(
	context: SwapContext,
	{ signer: name, domain, from, selector }: ForetellAsked,
): Promise<Foretold["files"]> {
	const signer = context.signers.get(name)?.signer;
	if (signer === undefined) return [];
	const reading = await signer.read();
	const groups = groupsOf(context, name, reading);
	const group = groups.nameOf(domain, from);
	const mates =
		group === null ? [] : reading.lines.filter((line) => groups.nameOf(line.domain, line.selector) === group);
	const ledger = await readLedger(context);
	const placeFor = (line: { readonly domain: string; readonly selector: string | null }, next: string) =>
		keyPlace(signer, ledger, {
			signer: name,
			domain: groups.leaderOf(line.domain, line.selector),
			selector: next,
			hash: null,
		});
	const turning = mates.length === 0 ? [{ domain, selector: from }] : mates;
	const changes = turning.map(
		(line): SignerChange => ({
			domain: line.domain,
			from: line.selector,
			to: selector === null ? null : { selector, keyPath: placeFor(line, selector) },
		}),
	);
	return signer.render(reading, changes).flatMap(({ path, bytes }) => {
		const before = reading.files.find((file) => file.path === path)?.bytes ?? new Uint8Array();
		const found = differences(linesOf(before), linesOf(bytes));
		return found.removed.length + found.added.length === 0 ? [] : [{ path, ...found }];
	});
}

/** Only what differs: other lines may hold what is nobody's business. */
function differences(
	before: readonly string[],
	after: readonly string[],
): Pick<Foretold["files"][number], "removed" | "added"> {
	if (before.length === after.length) {
		const changed = before.flatMap((line, index) => (line === after[index] ? [] : [index]));
		return {
			removed: changed.map((index) => before[index] ?? ""),
			added: changed.map((index) => after[index] ?? ""),
		};
	}
	const start = before.findIndex((line, index) => line !== after[index]);
	const first = start === -1 ? before.length : start;
	let tail = 0;
	while (
		tail < before.length - first &&
		tail < after.length - first &&
		before.at(-1 - tail) === after.at(-1 - tail)
	)
		tail += 1;
	return {
		removed: before.slice(first, before.length - tail),
		added: after.slice(first, after.length - tail),
	};
}

function linesOf(bytes: Uint8Array): readonly string[] {
	return Buffer.from(bytes).toString("utf8").split("\n");
}
