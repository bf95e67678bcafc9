/** Writes docs/lifecycle.md from the table of src/rotation/life.ts. */

import { KEY_STATES, type KeyState, MOVES } from "../../src/rotation/life.ts";

/** What is true of a key in each state. */
const MEANS: Readonly<Record<KeyState, string>> = {
	pending: "made, and being published",
	published: "the provider took the record, and it was read back",
	verified: "every server that the quorum asks for serves the record, and the soak has passed",
	active: "the signer signs with it",
	retiring: "it signs no more; its record stands for mail that is still under way",
	retired: "its record is gone; its name is never used again",
	revoked: "its record says that it is not to be trusted (an empty `p=`)",
};

export function lifecycleDocument(): string {
	return [
		"# The life of a key",
		"",
		"<!-- Made by `npm run docs` from src/rotation/life.ts: change it there. -->",
		"",
		"```mermaid",
		"stateDiagram-v2",
		...MOVES.map(({ from, to }) => `    ${from ?? "[*]"} --> ${to}`),
		"```",
		"",
		"| state | means |",
		"| --- | --- |",
		...KEY_STATES.map((state) => `| \`${state}\` | ${MEANS[state]} |`),
		"",
		"A key moves along these lines and along no others; a state file that says otherwise stops its domain with an error.",
		"",
		"| from | to | when |",
		"| --- | --- | --- |",
		...MOVES.map(
			({ from, to, when }) => `| ${from === null ? "(not known)" : `\`${from}\``} | \`${to}\` | ${when} |`,
		),
		"",
		"Each move is saved together with the moment at which it was *confirmed*: the record seen, the new key seen signing, the",
		"old process seen gone. Grace, soak and timeouts count from there, never from when something was asked for.",
		"",
	].join("\n");
}
