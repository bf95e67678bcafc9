/** What is common to the files that signers render. */

import { hashOf } from "../durable.ts";
import type { RenderedFile } from "../ports/signer.ts";

/** Whether a file reads otherwise after a change; one half of the change may stand already. */
export function isChanged({ bytes, hashBefore }: RenderedFile): boolean {
	return hashOf(bytes) !== hashBefore;
}
