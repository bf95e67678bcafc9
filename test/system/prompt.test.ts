/** Questions at a real terminal: script(1) makes one. */

import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const ASKER = fileURLToPath(new URL("asker.ts", import.meta.url));
const COMMAND = [process.execPath, "--import", "tsx", ASKER] as const;

/** Each answer is given when its question stands there. */
async function at(terminal: boolean, answers: readonly string[]): Promise<string> {
	const [program, ...args] = terminal ? ["script", "-qec", COMMAND.join(" "), "/dev/null"] : COMMAND;
	const child = spawn(program, args, { stdio: ["pipe", "pipe", "ignore"] });
	let said = "";
	let given = 0;
	child.stdout.on("data", (chunk: Buffer) => {
		said += chunk.toString();
		const asked = said.match(/(?:first|second) \[.\]: /g)?.length ?? 0;
		for (; given < asked; given += 1) child.stdin.write(answers[given] ?? "");
	});
	await new Promise((resolve) => void child.once("close", resolve));
	return said;
}

test("what is typed is heard, and nothing is an empty text", async () => {
	const said = await at(true, ["one\r", "\r"]);
	expect(said).toContain('heard "one"');
	expect(said).toContain('heard ""');
});

test.each([
	["the end of the input", "\u0004", "failed the question was not answered"],
	["an interruption", "\u0003", "failed interrupted"],
])("%s ends the questions", async (_, typed, told) => {
	const said = await at(true, ["one\r", typed]);
	expect(said).toContain('heard "one"');
	expect(said).toContain(told);
});

test("where there is no terminal nobody is asked", async () => {
	expect(await at(false, [])).toBe("nobody is there\n");
});
