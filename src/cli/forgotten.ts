/** Finds the domains that keyturn remembers, and that keyturn.yaml names no more: no tick looks at them again. */

import type { DomainState } from "../rotation/domain-state.ts";
import { parseDomainState } from "../rotation/stored-state.ts";
import type { Workbench } from "./workbench.ts";

/** In the order of their names. Of documents that cannot be read nothing is told: nobody needs them. */
export async function forgottenDomains({
	settings,
	store,
}: Pick<Workbench, "settings" | "store">): Promise<readonly DomainState[]> {
	const named = new Set(settings.policies.map(({ domain }) => `domains/${domain}`));
	const names = await store.list("domains/").catch(() => []);
	const forgotten: DomainState[] = [];
	for (const name of names.filter((one) => !named.has(one)))
		try {
			forgotten.push(parseDomainState((await store.load(name))?.state));
		} catch {
			continue;
		}
	return forgotten;
}
