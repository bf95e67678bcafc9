/** What operators asked to be revoked, and from when on nothing signed with it may verify. */

import type { DnsHost } from "./sim-dns.ts";

export interface Revocations {
	/** From the asking on, whatever becomes of the wish. */
	asked(domain: string, selector: string): void;
	isAsked(domain: string, selector: string): boolean;
	/** Its record was taken away at one of the DNS hosts of its zone; each is asked on its own, and one may refuse. */
	emptied(domain: string, selector: string, dnsHost: DnsHost): void;
	/** Whether its record was taken away after somebody had asked for it: it has to be so for good. */
	isRevoked(domain: string, selector: string): boolean;
	/** A ring's name stands for another key now: what was asked for the one before is over. */
	renewed(domain: string, selector: string): void;
	/** All that are revoked, and where. */
	all(): readonly Revoked[];
}

interface Revoked {
	readonly domain: string;
	readonly selector: string;
	readonly dnsHosts: ReadonlySet<DnsHost>;
}

export function createRevocations(): Revocations {
	const asked = new Set<string>();
	const revoked = new Map<string, Revoked>();
	const name = (domain: string, selector: string) => `${domain} ${selector}`;
	return {
		asked: (domain, selector) => void asked.add(name(domain, selector)),
		isAsked: (domain, selector) => asked.has(name(domain, selector)),
		emptied: (domain, selector, dnsHost) => {
			const key = name(domain, selector);
			if (!asked.has(key)) return;
			const dnsHosts = new Set([...(revoked.get(key)?.dnsHosts ?? []), dnsHost]);
			revoked.set(key, { domain, selector, dnsHosts });
		},
		isRevoked: (domain, selector) => revoked.has(name(domain, selector)),
		renewed: (domain, selector) => {
			asked.delete(name(domain, selector));
			revoked.delete(name(domain, selector));
		},
		all: () => [...revoked.values()],
	};
}
