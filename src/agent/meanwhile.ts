/** Says what becomes of a domain's mail while something is tried again. */

import { activeKey, type DomainState } from "../rotation/domain-state.ts";

export function meanwhile(state: DomainState): string {
	return activeKey(state) === null
		? "until then its mail goes unsigned, as before"
		: "the old key goes on signing";
}
