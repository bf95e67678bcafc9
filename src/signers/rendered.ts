/** What is common to the files that signers render, and to the lines in them. */

import { hashOf } from "../durable.ts";
import type { RenderedFile, SignerChange } from "../ports/signer.ts";

/** Whether a file reads otherwise after a change; one half of the change may stand already. */
export function isChanged({ bytes, hashBefore }: RenderedFile): boolean {
	return hashOf(bytes) !== hashBefore;
}

/** What a line of any table says of its key. */
interface KeyLine {
	readonly domain: string;
	readonly selector: string;
	readonly path: string;
	readonly problem: string | null;
}

/** Whether a sound line names the very key that its domain is to get; of a key that goes none does. */
export function namesNext({ domain, selector, path, problem }: KeyLine, change: SignerChange): boolean {
	const { to } = change;
	return problem === null && domain === change.domain && selector === to?.selector && path === to.keyPath;
}
