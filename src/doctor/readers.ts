/** Who else on this host uses a key in use: it is looked for before a record is removed, and no turn reaches it. */

import type { Facts } from "./facts.ts";
import { type Finding, finding } from "./finding.ts";

export function checkReaders({ door }: Facts): readonly Finding[] {
	if (door.kind === "silent") return [];
	return door.answer.otherReaders.map(({ program, where, domain, selector, keyPath, problem }) => {
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
