/** Writes nothing: the agent tells what is to be made, and DNS shows whether it was. */

import { excerpt } from "../../src/dkim/foreign-text.ts";
import { KeyturnError } from "../../src/errors.ts";
import type { Authorities } from "../../src/ports/authorities.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { ChangeResult, DnsProvider, ZoneChange } from "../../src/ports/dns-provider.ts";
import { createHookProvider } from "../../src/publishing/hook/hook-provider.ts";
import { isOccupied, isReached } from "../../src/publishing/wanted.ts";
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
	/** A record that is only taken away revokes nothing: what has to stand there instead is told. */
	function instead({ name: at, from, to }: Extract<ZoneChange, { kind: "replace" }>): ChangeResult {
		return {
			kind: "refused",
			denied: false,
			why: `${name}: the record at ${at} has to be replaced by hand, by TXT ${to} instead of TXT ${excerpt(from, 60)}`,
			hint: `change this one record at ${where}, to ${to}; keyturn sees it by itself`,
		};
	}

	return {
		...provider,
		byHand: { where },
		async change(zone, changes, signal) {
			const results: ChangeResult[] = [];
			for (const change of changes) {
				const values = change.kind === "replace" ? await provider.list(zone, change.name, signal) : [];
				if (change.kind === "replace" && !isReached(change, values) && !isOccupied(change, values))
					results.push(instead(change));
				else results.push(...(await provider.change(zone, [change], signal)));
			}
			return results;
		},
	};
}
