/** What signs, as the door reads it: what a command says of that rests on its answer alone. */

import { KeyturnError } from "../errors.ts";
import type { InspectAnswer } from "../ports/door.ts";
import type { Workbench } from "./workbench.ts";

/** Fails in the door's own words where it gives no answer. */
export async function inspectedBy(
	{ door }: Pick<Workbench, "door">,
	signal: AbortSignal,
): Promise<InspectAnswer> {
	const answer = await door.request({ act: "inspect", ids: [] }, signal);
	if (answer.act === "inspect") return answer;
	throw new KeyturnError(
		"door.refused",
		`the keys in use cannot be read: ${answer.act === "refused" ? answer.message : answer.act}`,
		answer.act === "refused" && answer.hint !== null ? { hint: answer.hint } : {},
	);
}
