/** Copies of zones as files in the state directory, readable by a person. */

import { durableCreate } from "../durable.ts";
import { asKeyturnError, KeyturnError } from "../errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { Disk } from "../ports/disk.ts";
import type { ZoneCopies } from "../ports/zone-copies.ts";

/** Of one zone. */
const KEPT = 20;

export function createZoneCopies(options: {
	readonly disk: Disk;
	readonly clock: Clock;
	/** Made when the first copy is kept. */
	readonly directory: string;
}): ZoneCopies {
	const { disk, clock, directory } = options;

	async function write(stem: string, content: unknown): Promise<string> {
		await disk.makeDirectory(directory, 0o700);
		const text = `${JSON.stringify(content, null, 2)}\n`;
		const at = clock.now().toISOString().replaceAll(":", "");
		for (let number = 0; ; number += 1) {
			const path = `${directory}/${stem}${at}-${String(number).padStart(3, "0")}.json`;
			if ((await durableCreate(disk, path, Buffer.from(text))) === "created") return path;
		}
	}

	/** Never the one that was just made: beside those of a clock that was ahead it would count as the oldest. */
	async function dropOld(stem: string, newest: string): Promise<void> {
		const names = ((await disk.list(directory)) ?? []).filter((name) => name.startsWith(stem));
		const others = names.map((name) => `${directory}/${name}`).filter((path) => path !== newest);
		for (const path of others.toSorted().slice(0, 1 - KEPT)) await disk.unlink(path);
	}

	return {
		async keep(provider, zone, content) {
			const stem = `${zone} ${provider} `.replace(/[^a-z0-9._-]/gi, "_");
			try {
				const path = await write(stem, content);
				await dropOld(stem, path);
				return path;
			} catch (thrown) {
				throw new KeyturnError(
					"provider.refused",
					`${provider}: ${zone} is not written, since no copy of what stands there could be kept: ${asKeyturnError(thrown).message}`,
					{ retry: true, cause: thrown },
				);
			}
		},
	};
}
