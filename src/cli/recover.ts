/** `keyturn recover`: has the door finish or undo an interrupted switch; fails while something of it is still owed. */

import { KeyturnError } from "../errors.ts";
import { sentence } from "./sentence.ts";
import { type CommandContext, EXIT } from "./workbench.ts";

export async function recover(context: CommandContext, options: { readonly json: boolean }): Promise<number> {
	const bench = await context.open();
	const answer = await bench.door.request({ act: "recover", filesOnly: false }, context.signal);
	if (answer.act === "refused" && answer.why === "busy") {
		context.terminal.say(sentence(context.terminal.isLive, `a switch is under way: ${answer.message}`));
		return EXIT.held;
	}
	if (answer.act !== "recover")
		throw new KeyturnError(
			"door.refused",
			answer.act === "refused" ? answer.message : `the door answered ${answer.act}`,
			answer.act === "refused" && answer.hint !== null ? { hint: answer.hint } : {},
		);
	const { did, pending, results } = answer;
	const owed = pending === undefined ? [] : [`${pending.reason}: ${pending.hint}`];
	const lines = [...did, ...owed];
	if (options.json) context.terminal.result(JSON.stringify({ schema: 1, ...answer }, null, 2));
	else if (lines.length === 0) context.terminal.result("nothing was left to recover");
	else for (const line of lines) context.terminal.result(sentence(context.terminal.isShown, line));
	const isOver = pending === undefined && results.every(({ outcome }) => outcome !== "conflict");
	return isOver ? EXIT.done : EXIT.failed;
}
