/** Whether the clock is set by a time source: due dates, grace and DNSSEC follow it. A clock that jumped is a standing trouble. */

import type { Facts } from "./facts.ts";
import { type Finding, finding } from "./finding.ts";

export function checkClock({ clock }: Facts): readonly Finding[] {
	if (clock !== "unsynchronised") return [];
	return [
		finding("clock.unsynchronised", "clock", {
			summary: "no time source sets the clock: keys would turn, and records go, at the wrong time",
			command: "timedatectl set-ntp true",
		}),
	];
}
