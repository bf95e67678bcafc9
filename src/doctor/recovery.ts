/** Whether a table that a power loss left between two keys is repaired before anything starts with it. */

import type { Facts } from "./facts.ts";
import { type Finding, finding } from "./finding.ts";

export function checkRecovery({ recovery }: Facts): readonly Finding[] {
	if (recovery !== "off") return [];
	return [
		finding("recovery.off", "keyturn-recover.service", {
			summary:
				"it is not run at boot: a power loss in the middle of a switch would be repaired only once keyturn runs again",
			command: "systemctl enable keyturn-recover.service",
		}),
	];
}
