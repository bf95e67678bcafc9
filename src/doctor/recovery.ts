/** Whether a table that a power loss left between two keys is repaired before anything starts with it. */

import type { Facts } from "./facts.ts";
import { type Finding, finding } from "./finding.ts";
import { quoted } from "./words.ts";

export function checkRecovery({ recovery, recoveryConditions, settings }: Facts): readonly Finding[] {
	return [...(recovery === "off" ? [off()] : []), ...skipped(recoveryConditions ?? [], settings.state)];
}

function off(): Finding {
	return finding("recovery.off", UNIT, {
		summary:
			"it is not run at boot: a power loss in the middle of a switch would be repaired only once keyturn runs again",
		command: `systemctl enable ${UNIT}`,
	});
}

const UNIT = "keyturn-recover.service";
const DROP_IN = `/etc/systemd/system/${UNIT}.d`;

/** The unit looks for the door's papers where they are by default; systemd passes over it without a word. */
function skipped(conditions: readonly string[], state: string): readonly Finding[] {
	const papers = `${state}-door`;
	const elsewhere = conditions.find((path) => path !== papers);
	if (elsewhere === undefined) return [];
	const words = `[Unit]\\nConditionDirectoryNotEmpty=\\nConditionDirectoryNotEmpty=${papers}\\nRequiresMountsFor=${papers}\\n[Service]\\nReadWritePaths=${papers}\\n`;
	return [
		finding("recovery.skipped", UNIT, {
			summary: `it is run at boot only where ${elsewhere} has something in it, and with state: ${state} the door has its papers in ${papers}: a power loss in the middle of a switch would be repaired only once keyturn runs again`,
			command: `mkdir -p ${DROP_IN} && printf ${quoted(words)} > ${DROP_IN}/state.conf && systemctl daemon-reload`,
		}),
	];
}
