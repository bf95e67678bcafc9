/**
 * What lexicon's adapters do with a value of several hundred octets: tried, or read in its source (dns-lexicon 3.11.7, as
 * Debian 12 has it, and 3.25.1). Whatever is not here cuts, splits or doubles such a value, never takes it away again,
 * rewrites a whole zone, speaks to an interface that is no more, or was not looked at.
 */

export interface KnownAdapter {
	/** plain: it takes the value as it is; parted: it puts the outer quotes around strings that we have parted already. */
	readonly form: "plain" | "parted";
	/** The first version that works, where Debian 12 has an older one. */
	readonly since?: string;
}

export const KNOWN = {
	cloudns: { form: "plain" },
	digitalocean: { form: "plain" },
	googleclouddns: { form: "parted" },
	hetzner: { form: "plain", since: "3.25.1" },
	inwx: { form: "plain" },
	linode4: { form: "plain" },
	namecom: { form: "plain" },
	netcup: { form: "plain" },
	nsone: { form: "plain" },
	porkbun: { form: "plain", since: "3.25.1" },
	powerdns: { form: "plain" },
	transip: { form: "plain" },
	vultr: { form: "plain" },
} as const satisfies Readonly<Record<string, KnownAdapter>>;

/** Why not, for those that many would try first. */
export const UNFIT = {
	cloudflare:
		"it does not find a value again that Cloudflare has parted, and says success, so that no record of an RSA key would ever be removed: use `cloudflare`",
	desec:
		"it does not find a value again that deSEC has parted, and says success, so that no record of an RSA key would ever be removed: use `desec`",
	route53:
		"it takes a record away only by the very TTL that it has, and says success where that failed, so that none would ever be removed: use `route53`",
} as const satisfies Readonly<Record<string, string>>;
