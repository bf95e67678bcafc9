/** Asks questions at the terminal: on standard error, so that results stay apart. */

import { createInterface } from "node:readline/promises";
import { KeyturnError } from "../errors.ts";
import type { Prompt } from "../ports/prompt.ts";

/** Null where nobody is there to answer. */
export function createPrompt(signal: AbortSignal): Prompt | null {
	if (!process.stdin.isTTY || !process.stderr.isTTY) return null;
	return async (question) => {
		const line = createInterface({ input: process.stdin, output: process.stderr });
		const ended = new Promise<never>((_, reject) => {
			line.once("close", () => reject(unanswered()));
			// In raw mode the terminal sends no signal of its own.
			line.once("SIGINT", () => process.kill(process.pid, "SIGINT"));
		});
		try {
			return await Promise.race([line.question(question, { signal }), ended]);
		} finally {
			ended.catch(() => undefined);
			line.close();
		}
	};
}

function unanswered(): KeyturnError {
	return new KeyturnError("usage", "the question was not answered", {
		hint: "--yes takes what is proposed, without asking",
	});
}
