/** Makes one policy a domain: what the domain says for itself over what the file says for all. */

import type { KeySpec } from "../dkim/key-material.ts";
import type { Policy, SelectorPattern, VerifyPolicy } from "../rotation/policy.ts";
import type { Configuration, ConfiguredDomain } from "./schema.ts";

export interface Surroundings {
	/** Short, lower case. */
	readonly host: string;
	readonly timezone: string;
	/** Where there is exactly one. */
	readonly onlySigner: string | null;
	readonly swapOf: (signer: string) => "restart" | "reload";
}

/** A domain's settings with what it leaves out filled in. */
export type Effective = ReturnType<typeof effective>;

export function effective(domain: ConfiguredDomain, file: Configuration) {
	return {
		schedule: domain.schedule ?? file.schedule,
		publishAhead: domain.publish_ahead ?? file.publish_ahead,
		window: domain.window ?? file.window ?? null,
		selector: domain.selector ?? file.selector,
		keys: [domain.key ?? file.key].flat(),
		signers: domain.signer === undefined ? [] : [domain.signer].flat(),
		record: over(file.record, domain.record),
		standby: domain.standby ?? file.standby,
		verify: over(file.verify, domain.verify),
		retire: over(file.retire, domain.retire),
		providers: [domain.provider].flat(),
	};
}

export function toPolicy(domain: ConfiguredDomain, file: Configuration, around: Surroundings): Policy {
	const own = effective(domain, file);
	const [signer = around.onlySigner ?? "", ...others] = own.signers;
	const { ttl, ...tags } = own.record;
	return {
		domain: domain.name,
		schedule: own.schedule.schedule,
		timezone: around.timezone,
		publishAheadMs: own.publishAhead,
		window: own.window,
		selector: toPattern(own.selector),
		host: around.host,
		...toKeys(own.keys),
		record: { ttlSeconds: Math.floor(ttl / 1000), ...defined(tags) },
		standby: own.standby,
		jitterMs: file.jitter,
		spreadMs: file.spread,
		verify: toVerify(own.verify),
		retire: {
			graceMs: own.retire.grace,
			tombstoneMs: own.retire.tombstone,
			adopted: own.retire.adopted,
			publishPrivate: own.retire.publish_private,
		},
		signer,
		swap: around.swapOf(signer),
		...(others.length === 0
			? {}
			: { signers: own.signers.map((name) => ({ signer: name, swap: around.swapOf(name) })) }),
		providers: own.providers,
		zone: domain.zone ?? null,
	};
}

export function toVerify(verify: Configuration["verify"]): VerifyPolicy {
	const { nameservers, quorum, resolvers, via, interval, soak, timeout } = verify;
	return {
		nameservers,
		quorum,
		resolvers,
		via: via.map((way) => (way === "servers" || way === "resolver" ? way : { url: way })),
		intervalMs: interval,
		soakMs: soak,
		timeoutMs: timeout,
	};
}

export function toPattern(selector: Configuration["selector"]): SelectorPattern {
	return typeof selector === "string"
		? { kind: "template", template: selector }
		: { kind: "ring", names: selector.ring };
}

function toKeys(keys: readonly KeySpec[]): Pick<Policy, "key" | "keys"> {
	const [first = { algorithm: "rsa", bits: 2048 }] = keys;
	return keys.length > 1 ? { key: first, keys } : { key: first };
}

/** What is undefined in `own` does not hide what stands in `base`. */
function over<Base extends object>(
	base: Base,
	own: { readonly [Key in keyof Base]?: Base[Key] | undefined } = {},
): Base {
	return { ...base, ...defined(own) };
}

type Defined<Value extends object> = { [Key in keyof Value]: Exclude<Value[Key], undefined> };

function defined<Value extends object>(value: Value): Partial<Defined<Value>> {
	return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== undefined)) as Partial<
		Defined<Value>
	>;
}
