/** What docs/providers.md tells of each type of provider, from its adapter. */

import type { ProviderType } from "../../providers/registry.ts";
import { adapterTable } from "../../src/settings/reference.ts";

const EVIDENCE = {
	server: "tried on a real server",
	recorded: "tried on a fake that answers as the real interface was recorded",
	documented: "tried on a fake made from the documentation",
	hand: "made by hand, watched on the name servers",
} as const;

export function providerSections(types: Readonly<Record<string, ProviderType>>): string {
	return Object.entries(types)
		.map(([type, { about, settingsSchema }]) =>
			[
				`### ${type}`,
				`${about.title}; ${EVIDENCE[about.evidence]}.`,
				adapterTable(settingsSchema),
				[`Least permission: ${about.permission}.`, `Credential: ${about.credential}`, ...about.remarks]
					.map((line) => `- ${line}`)
					.join("\n"),
			].join("\n\n"),
		)
		.join("\n\n");
}
