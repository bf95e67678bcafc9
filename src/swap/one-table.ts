/** Two signers whose configurations name one table. */

import type { RefusedAnswer } from "../ports/door.ts";
import type { RenderedFile } from "../ports/signer.ts";
import { refuse } from "./refusal.ts";

interface Rendered {
	readonly signer: string;
	readonly rendered: readonly RenderedFile[];
}

/**
 * In one switch the second would find the table changed by the first, and take away what that would go back to; so each is
 * switched by itself. Null where no file that `own` changes is changed by one of `others`.
 */
export function refuseSameTable(others: readonly Rendered[], own: Rendered): RefusedAnswer | null {
	for (const { path } of own.rendered) {
		const other = others.find(({ rendered }) => rendered.some((file) => file.path === path));
		if (other !== undefined)
			return refuse("table_changed", `${path} is a table of ${other.signer}, too, which is switched first`);
	}
	return null;
}
