/** What planted faults are made of: the weather in which they show, and lies about DNS and about what was saved. */

import type { Disk } from "../../src/ports/disk.ts";
import type { Propagation } from "../../src/ports/propagation.ts";
import type { PromiseName } from "./promises.ts";
import { type Luck, NO_LUCK_NEEDED } from "./luck.ts";
import type { Scenario } from "./scenario.ts";
import type { StoredDomain } from "./stored-domain.ts";
import type { Wrappers } from "./wrappers.ts";

export interface PlantedFault {
	readonly name: string;
	/** One of these has to be found broken. */
	readonly breaks: readonly PromiseName[];
	readonly wrappers: Wrappers;
	/** The weather in which it shows. */
	readonly adjust: (scenario: Scenario) => Scenario;
	/** The seed that shows it soonest, tried before others; the first if left out. */
	readonly from?: number;
}

const CALM: Luck = { ...NO_LUCK_NEEDED, guesses: 0 };

export function withLuck(luck: Partial<Luck>): (scenario: Scenario) => Scenario {
	return (scenario) => ({ ...scenario, days: 1, calmDays: 1, broken: new Set(), luck: { ...CALM, ...luck } });
}

/** Whatever the servers say, it is right; of the keys that `about` names, or of all. */
export function blind(
	honest: Propagation,
	about: (domain: string, selector: string) => boolean = () => true,
): Propagation {
	return {
		...honest,
		look: async (request, signal) => {
			const report = await honest.look(request, signal);
			if (!about(request.domain, request.selector)) return report;
			const servers = report.servers.map((server) => ({ ...server, outcome: "right" as const }));
			return { ...report, verdict: "right", servers };
		},
	};
}

interface StoredKey {
	readonly selector: string;
	readonly state: string;
	readonly usedBy?: readonly string[] | undefined;
}

/** Domains' documents whose keys are changed on their way to the disk, or from it; without a checksum nobody notices. */
export function rewriting(
	change: (
		document: Omit<StoredDomain, "keys"> & { readonly keys: readonly StoredKey[] },
	) => readonly StoredKey[],
	when: "read" | "write",
): (honest: Disk) => Disk {
	const changed = (path: string, bytes: Uint8Array): Uint8Array => {
		if (!path.includes("/domains/")) return bytes;
		const { checksum: _, ...document } = JSON.parse(Buffer.from(bytes).toString("utf8")) as StoredDomain & {
			checksum: string;
		};
		return Buffer.from(JSON.stringify({ ...document, keys: change(document) }));
	};
	return (honest) => ({
		...honest,
		read: async (path, limitBytes) => {
			const bytes = await honest.read(path, limitBytes);
			return bytes === null || when === "write" ? bytes : changed(path, bytes);
		},
		create: async (path, mode) => {
			const file = await honest.create(path, mode);
			if (file === "exists" || when === "read") return file;
			return { ...file, write: async (bytes) => file.write(changed(path, bytes)) };
		},
	});
}
