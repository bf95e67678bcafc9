/** Whether the door answers, and whether it can read what each signer is configured with. */

import type { Facts } from "./facts.ts";
import { type Finding, finding } from "./finding.ts";

export function checkDoor({ door }: Facts): readonly Finding[] {
	if (door.kind === "silent")
		return [
			finding("door.silent", "door", {
				summary: `what signs cannot be read, and nothing can be switched: ${door.why}`,
				...(door.hint === null
					? { command: "systemctl status keyturn-apply.socket" }
					: { advice: door.hint }),
			}),
		];
	return door.answer.signers.flatMap(({ signer, problem }) =>
		problem === null
			? []
			: [
					finding("signer.unreadable", `signer ${signer}`, {
						summary: `its configuration cannot be read: ${problem}`,
						advice: `correct it, or what keyturn.yaml says of signer ${signer}`,
					}),
				],
	);
}
