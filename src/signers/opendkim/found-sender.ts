/** Finds for whom a probe has to be sent so that a certain key signs it. */

import type { KeyTableEntry } from "./key-table.ts";
import { senderFor, type SigningTable } from "./signing-table.ts";

/** An address whose mail one of the entries signs; null if none was found. */
export function findSender(signing: SigningTable, entries: readonly KeyTableEntry[]): string | null {
	for (const entry of entries) {
		const sender = senderFor(signing, entry.name, entry.domain, entry.isOfSender);
		if (sender !== null) return sender;
	}
	return null;
}

/** To be told where there is none. */
export function whyNoSender(domain: string, selector: string): string {
	return `no address was found whose mail is signed with selector ${selector} of ${domain}: no line names it, or an earlier one catches its mail`;
}
