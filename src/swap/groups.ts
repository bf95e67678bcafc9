/**
 * Which keys turn together: those of one line of the signer's configuration that signs for several domains, and those that
 * share a key file. A key of the next turn is then one for all of them.
 */

import type { SignerReading, SigningLine } from "../ports/signer.ts";
import { isGivenTo, type SwapContext } from "./context.ts";

/** What the lines of a reading have to do with one another. */
export interface Groups {
	/** The same for lines that turn together, null for one that turns alone. */
	readonly nameOf: (domain: string, selector: string | null) => string | null;
	/** Why a line cannot be turned, though it could by itself; null if it can. */
	readonly problemOf: (line: SigningLine) => string | null;
	/** The domain under whose name the next key file lies. */
	readonly leaderOf: (domain: string, selector: string | null) => string;
}

/** Of the domains that keyturn.yaml gives to this signer; lines of others that share a key file only are left alone. */
export function groupsOf(
	context: SwapContext,
	signer: string,
	{ lines }: Pick<SignerReading, "lines">,
): Groups {
	const isOurs = ({ domain }: SigningLine) => isGivenTo(context, domain, signer);
	const turning = lines.filter((line) => line.signs && line.problem === null);
	const byEntry = groupBy(turning, ({ entry }) => entry);
	const byFile = groupBy(turning.filter(isOurs), ({ keyPath }) => keyPath);
	/** With `%` in its path one line stands for several key files. */
	const hasFiles = (line: SigningLine) =>
		(byEntry.get(line.entry) ?? []).some(({ keyPath }) => keyPath !== line.keyPath);
	const byKey = new Map(turning.map((line) => [keyName(line.domain, line.selector), line]));
	const find = (domain: string, selector: string | null) => byKey.get(keyName(domain, selector));
	return {
		nameOf: (domain, selector) => {
			const line = find(domain, selector);
			if (line === undefined || !isOurs(line)) return null;
			if (hasFiles(line)) return `entry ${line.entry}`;
			return domainsOf(byFile.get(line.keyPath)).length > 1 ? line.keyPath : null;
		},
		problemOf: (line) => {
			const mates = line.signs && line.problem === null ? byEntry.get(line.entry) : undefined;
			const all = domainsOf(mates);
			if (all.length <= 1) return null;
			const apart = all.filter((domain) => (context.domains.get(domain)?.length ?? 0) > 1);
			if (apart.length > 0)
				return `its line ${line.entry} signs for ${all.join(", ")}, and keyturn.yaml gives ${apart.join(", ")} a signer for each of its keys: it needs a line of its own`;
			const others = domainsOf((mates ?? []).filter((mate) => !isOurs(mate)));
			if (others.length === 0) return null;
			return `its line ${line.entry} also signs for ${others.join(", ")}, which keyturn.yaml does not give to signer ${signer}: the record of the next key would be missing there`;
		},
		leaderOf: (domain, selector) => {
			const line = find(domain, selector);
			const mates = line === undefined ? [] : domainsOf(byFile.get(line.keyPath));
			return mates[0] ?? domain;
		},
	};
}

function domainsOf(lines: readonly SigningLine[] = []): readonly string[] {
	return [...new Set(lines.map(({ domain }) => domain))].toSorted();
}

function keyName(domain: string, selector: string | null): string {
	return `${domain} ${selector ?? ""}`;
}

function groupBy(
	lines: readonly SigningLine[],
	nameOf: (line: SigningLine) => string,
): ReadonlyMap<string, readonly SigningLine[]> {
	const groups = new Map<string, SigningLine[]>();
	for (const line of lines) {
		const group = groups.get(nameOf(line));
		if (group === undefined) groups.set(nameOf(line), [line]);
		else group.push(line);
	}
	return groups;
}
