/** Who else on this host uses a key in use: it is looked for before a record is removed, and no turn reaches it. */

import type { Facts } from "./facts.ts";
import { type Finding, finding } from "./finding.ts";

export function checkReaders({ door }: Facts): readonly Finding[] {
	if (door.kind === "silent") return [];
	const { otherReaders, examined } = door.answer;
	return otherReaders.map(({ program, where, domain, selector, keyPath, problem }) => {
		const mate = examined.signers.find(({ reads }) =>
			reads.some((path) => where.startsWith(`${path} line `)),
		);
		if (mate !== undefined) return sharedTable(program, where, mate.signer);
		const key =
			selector !== null && domain !== null ? `${domain} ${selector}` : (keyPath ?? domain ?? "keys");
		return finding("key.shared", program, {
			summary:
				problem === null
					? `${where} uses ${key} too: an old record stays while it does`
					: `it cannot be told which keys ${where} uses (${problem}): old records of this host stay`,
			advice: "configure it as a signer of its own, or give it keys of its own",
		});
	});
}

/** Nothing tells whether it was started again since: its configuration names the new key at once, its process the old one. */
function sharedTable(program: string, where: string, signer: string): Finding {
	return finding("key.shared", program, {
		severity: "warning",
		summary: `${where} is of a table of ${signer}'s, which ${program} read at its start and goes on with after a switch`,
		advice: `add its service to \`services.stop\` and \`services.start\` of ${signer}, so that a switch restarts both`,
	});
}
