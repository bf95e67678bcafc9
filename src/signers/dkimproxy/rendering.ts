/** Changes single keys of DKIMproxy's two files, and no other byte. */

import { KeyturnError } from "../../errors.ts";
import type { RenderedFile, SignerChange, SignerFile } from "../../ports/signer.ts";
import { appendLines, applyEdits, type Edit, removeLine } from "../table-edits.ts";
import { defaultKey, mapKeys, type ProxyKey } from "./keys.ts";

/** How the files of a reading are marked. */
export const CONFIGURATION = "dkimproxy_out.conf";
export const SENDER_MAP = "sender_map";

/** Fails with `signer.config` where the result would read otherwise than it is meant. */
export function renderProxy(
	files: readonly SignerFile[],
	changes: readonly SignerChange[],
): readonly RenderedFile[] {
	const placed = new Set<SignerChange>();
	const rendered = files.flatMap((file) => {
		const edits = changes.flatMap((change) => {
			const found = editsOf(file, change);
			if (found.length > 0) placed.add(change);
			return found;
		});
		const bytes = applyEdits(file.bytes, edits);
		checkRendered(file, bytes, changes);
		return edits.length === 0 ? [] : [{ path: file.path, hashBefore: file.hash, bytes }];
	});
	const lost = changes.find((change) => !placed.has(change));
	if (lost !== undefined)
		throw new KeyturnError(
			"signer.config",
			`${lost.domain}: ${lost.from === null ? "there is no sender_map for its first key" : `no key ${lost.from} that could be changed`}`,
			{ hint: "Name a sender_map in dkimproxy_out.conf, with s= and key= in each line." },
		);
	return rendered;
}

export function keysIn({ bytes, format }: SignerFile): readonly ProxyKey[] {
	const text = Buffer.from(bytes).toString("latin1");
	if (format === SENDER_MAP) return mapKeys(text);
	const key = defaultKey(text);
	return key === null ? [] : [key];
}

function editsOf(file: SignerFile, { domain, from, to }: SignerChange): readonly Edit[] {
	if (from === null && to !== null) {
		if (file.format !== SENDER_MAP) return [];
		const spec = `dkim(d=${domain},s=${to.selector},key=${to.keyPath},c=relaxed,a=rsa-sha256)`;
		return [appendLines(file.bytes, [`${domain} ${spec}`])];
	}
	const keys = keysIn(file).filter((key) => isIt(key, domain, from));
	if (to !== null)
		return keys.flatMap(({ selectorAt, pathAt }) => [
			{ start: selectorAt.start, end: selectorAt.end, text: to.selector },
			{ start: pathAt.start, end: pathAt.end, text: to.keyPath },
		]);
	return keys.flatMap(({ sender, line }) => (sender === null ? [] : [removeLine(file.bytes, line)]));
}

function isIt(key: ProxyKey, domain: string, selector: string | null): boolean {
	return key.problem === null && key.domain === domain && key.selector === selector;
}

function checkRendered(file: SignerFile, bytes: Uint8Array, changes: readonly SignerChange[]): void {
	const kept = keysIn(file).flatMap((key) => {
		const change = changes.find(({ domain, from }) => from !== null && isIt(key, domain, from));
		if (change === undefined) return [nameOf(key)];
		if (change.to === null) return key.sender === null ? [nameOf(key)] : [];
		return [nameOf({ ...key, selector: change.to.selector, path: change.to.keyPath })];
	});
	const added = changes.flatMap(({ domain, from, to }) =>
		from === null && to !== null && file.format === SENDER_MAP
			? [nameOf({ domain, sender: domain, selector: to.selector, path: to.keyPath })]
			: [],
	);
	const found = keysIn({ ...file, bytes }).map(nameOf);
	if (JSON.stringify(found) === JSON.stringify([...kept, ...added])) return;
	throw new KeyturnError("signer.config", `${file.path}: with the new key other keys would change`);
}

function nameOf({
	domain,
	sender,
	selector,
	path,
}: Pick<ProxyKey, "domain" | "sender" | "selector" | "path">): string {
	return [sender ?? "", domain, selector, path].join(" ");
}
