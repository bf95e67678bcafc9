/** Writes nothing: the agent tells what is to be made, and DNS shows whether it was. */

import { excerpt } from "../../src/dkim/foreign-text.ts";
import { KeyturnError } from "../../src/errors.ts";
import type { Authorities } from "../../src/ports/authorities.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { DnsProvider } from "../../src/ports/dns-provider.ts";
import { createHookProvider } from "../../src/publishing/hook/hook-provider.ts";
import type { ManualSettings } from "./settings.ts";

export function createProvider(options: {
	readonly name: string;
	readonly settings: ManualSettings;
	readonly authorities: Authorities;
	readonly clock: Clock;
}): DnsProvider {
	const { name, settings, authorities, clock } = options;
	const where = settings.where ?? "the provider of its zone";
	const provider = createHookProvider({
		name,
		account: `manual ${name}`,
		authorities,
		clock,
		async tell({ act, name: at, value }) {
			if (act === "present") return Promise.resolve();
			throw new KeyturnError(
				"provider.refused",
				`${name}: the record at ${at} has to be taken away by hand: TXT ${excerpt(value, 60)}`,
				{ hint: `take this one record away at ${where}; keyturn sees that it is gone by itself` },
			);
		},
	});
	return { ...provider, byHand: { where } };
}
