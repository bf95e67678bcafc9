/** Whether the door answers, can read what each signer is configured with, and may write where a switch has to. */

import type { ExaminedSigner, InspectedSigner } from "../ports/door.ts";
import type { DoorFacts, Facts } from "./facts.ts";
import { type Finding, finding } from "./finding.ts";

export function checkDoor({ door, doorWrites }: Facts): readonly Finding[] {
	if (door.kind === "silent") return [silent(door)];
	return [...door.answer.signers.flatMap(unreadable), ...walled(door.answer.examined.signers, doorWrites)];
}

function silent({ why, hint, isBusy }: Extract<DoorFacts, { readonly kind: "silent" }>): Finding {
	return finding("door.silent", "door", {
		summary:
			isBusy === true
				? `what signs was not read, nor its keys looked at: ${why}`
				: `what signs cannot be read, and nothing can be switched: ${why}`,
		...(hint === null ? { command: "systemctl status keyturn-apply.socket" } : { advice: hint }),
		...(isBusy === true ? { severity: "warning" as const } : {}),
	});
}

function unreadable({ signer, problem }: InspectedSigner): readonly Finding[] {
	if (problem === null) return [];
	return [
		finding("signer.unreadable", `signer ${signer}`, {
			summary: `its configuration cannot be read: ${problem}`,
			advice: `correct it, or what keyturn.yaml says of signer ${signer}`,
		}),
	];
}

/** The unit is shut in: a directory that it does not name is read-only to it. */
function walled(signers: readonly ExaminedSigner[], may: Facts["doorWrites"]): readonly Finding[] {
	if (may === null) return [];
	const directories = new Set(signers.flatMap(({ writes }) => writes));
	return [...directories]
		.filter((directory) => !may.some((path) => directory === path || directory.startsWith(`${path}/`)))
		.map((directory) =>
			finding("door.walled", directory, {
				summary:
					"the door's unit may not write here, where a signer has its table or its keys: the next switch would fail",
				advice: `add ReadWritePaths=${directory} below [Service] in both`,
				command: "systemctl edit keyturn-apply@.service keyturn-recover.service",
			}),
		);
}
