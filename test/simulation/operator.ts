/** Somebody who asks keyturn for something now and then, in trouble as in calm: the one place where wishes are issued. */

import type { Wish } from "../../src/ports/state-store.ts";
import type { World } from "./world.ts";

/** What an operator asks for; id and time come with the asking. */
export type WishFor = Wish extends infer Any ? (Any extends Wish ? Omit<Any, "id" | "at"> : never) : never;

/** Leaves wishes as often as the scenario says, each for some of the domains. */
export function startOperator(world: World, leave: (wish: WishFor) => void): void {
	const { time, scenario } = world;
	const luck = world.chance.stream("operator");
	const { wishEveryMs } = scenario;
	if (wishEveryMs === null) return;
	const names = scenario.policies.map((policy) => policy.domain);
	const next = () => {
		const share = luck.pick([0.2, 0.7, 1]);
		const some = names.filter(() => luck.happens(share));
		leave(turnNow(some.length === 0 ? [luck.pick(names)] : some));
		plan();
	};
	const plan = () => time.after(luck.between(wishEveryMs / 2, (wishEveryMs * 3) / 2), next);
	plan();
}

/** Has a domain removed now and then, and changes its mind hours later. */
export function startLeaving(world: World, leave: (wish: WishFor) => void, isResting: () => boolean): void {
	const { time, scenario } = world;
	const luck = world.chance.stream("leaving");
	const names = scenario.policies.map((policy) => policy.domain).filter((name) => !scenario.broken.has(name));
	const next = () => {
		if (isResting() || names.length === 0) return;
		const domains = [luck.pick(names)];
		leave({ kind: "remove", domains });
		time.after(luck.between(1, 12 * HOUR_MS), () => leave(addAgain(domains)));
		plan();
	};
	const plan = () => time.after(luck.between(2 * HOUR_MS, 24 * HOUR_MS), next);
	if (luck.happens(0.5)) plan();
}

const HOUR_MS = 3_600_000;

/** `keyturn add DOMAIN` */
export function addAgain(domains: readonly string[]): WishFor {
	return { kind: "add", domains, noSoak: false };
}

/** `keyturn rotate --now DOMAIN…` */
export function turnNow(domains: readonly string[]): WishFor {
	return { kind: "rotate", domains, noSoak: false };
}
