/** Somebody who asks keyturn for something now and then, in trouble as in calm: the one place where wishes are issued. */

import type { Wish } from "../../src/ports/state-store.ts";
import type { Chance } from "./chance.ts";
import { providerOf, secondProviderOf } from "./scenario.ts";
import { storedDomain } from "./stored-domain.ts";
import type { World } from "./world.ts";

/** What an operator asks for; id and time come with the asking. */
export type WishFor = Wish extends infer Any ? (Any extends Wish ? Omit<Any, "id" | "at"> : never) : never;

export interface OperatorActs {
	leave(wish: WishFor): void;
	/** What is configured has changed. */
	reconfigure(): void;
	/** Once it is over only `rotate --now` is asked for. */
	isResting(): boolean;
}

const HOUR_MS = 3_600_000;
/** As much of it at any pace. */
const DAYS_MS = { often: 0.4, daily: 1, rarely: 10 } as const;

/** Leaves wishes as often as the scenario says, each for some of the domains. */
export function startOperator(world: World, acts: OperatorActs): void {
	const { time, scenario } = world;
	const luck = world.chance.stream("operator");
	const { wishEveryMs } = scenario;
	if (wishEveryMs === null) return;
	const names = scenario.policies.map((policy) => policy.domain);
	const next = () => {
		const share = luck.pick([0.3, 1, 1]);
		const some = names.filter(() => luck.happens(share));
		acts.leave(turnNow(some.length === 0 ? [luck.pick(names)] : some));
		plan();
	};
	const plan = () => time.after(luck.between(wishEveryMs / 2, (wishEveryMs * 3) / 2), next);
	plan();
}

/** Asks for everything else there is, for one domain at a time, and changes the configuration. */
export function startWishes(world: World, acts: OperatorActs): void {
	const { time, scenario } = world;
	const luck = world.chance.stream("wishes");
	const names = scenario.policies.map((policy) => policy.domain).filter((name) => !scenario.broken.has(name));
	const perDay = scenario.luck.wishes;
	if (perDay <= 0 || names.length === 0) return;
	const everyMs = (DAYS_MS[scenario.pace] * 24 * HOUR_MS) / perDay;
	const next = () => {
		if (acts.isResting()) return;
		luck.pick(WISHES)({ world, acts, luck, domain: luck.pick(names) });
		plan();
	};
	const plan = () => time.after(luck.between(1, Math.ceil(2 * everyMs)), next);
	plan();
}

interface Asking {
	readonly world: World;
	readonly acts: OperatorActs;
	readonly luck: Chance;
	readonly domain: string;
}

/** Each as likely as the others. */
const WISHES: readonly ((asking: Asking) => void)[] = [
	({ acts, luck, domain }) => acts.leave({ ...turnNow([domain]), noSoak: luck.happens(0.5) }),
	({ acts, domain }) => acts.leave({ kind: "rollback", domains: [domain] }),
	({ acts, domain }) => acts.leave({ kind: "rollback", domains: [domain] }),
	revokeOne,
	revokeOne,
	retireOne,
	// The same mind changes again, sooner or later.
	({ world, acts, luck, domain }) => {
		// Of a line that signs for others, or of two of which keyturn turns one, it would have to be taken out by hand.
		if (world.scenario.together.form === "line" && matesOf(world, domain).length > 0) return;
		if (world.scenario.signsTwice && !hasSeveralKeys(world, domain)) return;
		acts.leave({ kind: "remove", domains: [domain] });
		world.time.after(luck.between(1, 12 * HOUR_MS), () =>
			acts.leave({ ...addAgain([domain]), noSoak: luck.happens(0.3) }),
		);
	},
	({ world, acts, domain }) => reconfigure(world, acts, domain, ({ standby }) => ({ standby: !standby })),
	({ world, acts, luck, domain }) => {
		const [one, other] = [providerOf(domain), secondProviderOf(domain)];
		const hasTwoHosts = world.dns.zoneOf(domain)?.second !== null;
		const providers = luck.pick(hasTwoHosts ? [[one, other]] : [[one], [other], [one, other]]);
		reconfigure(world, acts, domain, () => ({ providers }));
	},
];

/** Any key that is known, be it in use, ahead, old or gone; those in use more often. */
function revokeOne({ world, acts, luck, domain }: Asking): void {
	const keys = storedDomain(world.host.disk, domain)?.keys ?? [];
	const living = keys.filter(({ state }) => state !== "retired");
	const inUse = keys.filter(({ state }) => state === "active");
	const among = luck.happens(0.5) && inUse.length > 0 ? inUse : living;
	if (among.length === 0) return;
	acts.leave({
		kind: "revoke",
		domains: [domain],
		selector: luck.pick(among).selector,
		noSoak: false,
		unsigned: luck.happens(0.3) && matesOf(world, domain).length === 0 && !world.scenario.signsTwice,
		useStandby: luck.happens(0.5),
	});
}

function retireOne({ world, acts, luck, domain }: Asking): void {
	const keys = storedDomain(world.host.disk, domain)?.keys ?? [];
	const old = keys.filter(({ state }) => state === "retiring" || state === "revoked");
	if (old.length > 0) acts.leave({ kind: "retire", domains: [domain], selector: luck.pick(old).selector });
}

type Policies = World["policies"];

function reconfigure(
	world: World,
	acts: OperatorActs,
	domain: string,
	change: (policy: Policies[number]) => Partial<Policies[number]>,
): void {
	world.policies = world.policies.map((policy) =>
		policy.domain === domain ? { ...policy, ...change(policy) } : policy,
	);
	const { standby, providers } = world.policies.find((policy) => policy.domain === domain) ?? {};
	world.record.note("admin", `configures ${domain}: standby ${String(standby)}, ${providers?.join(" and ")}`);
	acts.reconfigure();
}

/** What the world makes of a wish from the asking on: who asked for it may have what it brings. */
export function noteAsked(world: World, wish: WishFor): void {
	const nowMs = world.time.elapsedMs();
	world.unsigned.asked(wish, nowMs);
	for (const domain of wish.domains.flatMap((name) => [name, ...matesOf(world, name)])) {
		if ("noSoak" in wish && wish.noSoak)
			world.hurriedUntilMs.set(domain, Math.max(world.hurriedUntilMs.get(domain) ?? 0, nowMs + 6 * HOUR_MS));
		if (wish.kind === "revoke" && isKeyOf(world, domain, wish))
			world.revocations.asked(domain, wish.selector);
		if (wish.kind === "revoke" || wish.kind === "retire")
			giveLeave(world, `${wish.selector}._domainkey.${domain}`);
	}
}

/** A key is compromised for whoever has the very same. */
function isKeyOf(
	{ host }: World,
	domain: string,
	{ domains, selector }: { readonly domains: readonly string[]; readonly selector: string },
): boolean {
	const publicKeyOf = (name: string) =>
		storedDomain(host.disk, name)?.keys.find((key) => key.selector === selector)?.publicKey;
	const own = publicKeyOf(domain);
	return domains.includes(domain) || (own !== undefined && domains.some((name) => publicKeyOf(name) === own));
}

/** Those who had one key with it in the beginning: what is asked of one is asked of all. */
function matesOf({ scenario }: World, domain: string): readonly string[] {
	const { domains } = scenario.together;
	return domains.includes(domain) ? domains.filter((name) => name !== domain) : [];
}

function hasSeveralKeys({ scenario }: World, domain: string): boolean {
	return scenario.policies.some((policy) => policy.domain === domain && policy.keys !== undefined);
}

/** The record of an adopted key may go once somebody asks for it. */
function giveLeave(world: World, name: string): void {
	const adopted = world.foreign.adopted.get(name);
	if (adopted === undefined) return;
	world.ours.add(`${name} ${adopted}`);
	world.foreign.records = world.foreign.records.filter((record) => record.name !== name);
}

/** `keyturn add DOMAIN` */
export function addAgain(domains: readonly string[]): Extract<WishFor, { kind: "add" }> {
	return { kind: "add", domains, noSoak: false };
}

/** `keyturn rotate --now DOMAIN…` */
export function turnNow(domains: readonly string[]): Extract<WishFor, { kind: "rotate" }> {
	return { kind: "rotate", domains, noSoak: false };
}
