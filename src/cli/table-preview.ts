/** What `--dry-run` says of the signer's files: the lines that a change would take and bring, as the door would write them. */

import type { ForetellAsked } from "../ports/door.ts";
import type { Workbench } from "./workbench.ts";

/** One file after the other, in the order of their renames. */
export async function tableLines(
	{ door }: Workbench,
	asked: readonly ForetellAsked[],
	signal: AbortSignal,
): Promise<readonly string[]> {
	const answer = await door.request({ act: "inspect", ids: [], foretell: asked }, signal);
	if (answer.act === "refused") return [`table   cannot be shown: ${answer.message}`];
	const told = answer.act === "inspect" ? answer.foretold : undefined;
	if (told === undefined) return ["table   cannot be shown: the door does not tell"];
	return told.flatMap(({ files, problem }) => [
		...(problem === null ? [] : [`table   cannot be shown: ${problem}`]),
		...files.flatMap(({ path, removed, added }) => [
			`table   ${path}`,
			...removed.map((line) => `        - ${line}`),
			...added.map((line) => `        + ${line}`),
		]),
	]);
}
