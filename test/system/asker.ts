/** Asks two questions at the terminal that it is given, for prompt.test.ts. */

import { createPrompt } from "../../src/system/prompt.ts";

const stopping = new AbortController();
process.on("SIGINT", () => stopping.abort());
const ask = createPrompt(stopping.signal);
if (ask === null) process.stdout.write("nobody is there\n");
else
	try {
		for (const question of ["first [a]: ", "second [b]: "])
			process.stdout.write(`heard ${JSON.stringify(await ask(question))}\n`);
	} catch (thrown) {
		process.stdout.write(`failed ${stopping.signal.aborted ? "interrupted" : (thrown as Error).message}\n`);
	}
