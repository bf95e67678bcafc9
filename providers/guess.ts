/** Guesses from the names of a zone's servers who hosts it, and with which settings its provider begins. */

/** A secret is named by the file that has to be made; `fillIn` stands in the place of what only the administrator knows. */
export interface ProviderGuess {
	readonly type: string;
	readonly settings: readonly (readonly [
		name: string,
		value: { readonly file: string } | { readonly fillIn: string },
	])[];
}

const secret = (name: string, file: string) => [name, { file: `/etc/keyturn/${file}` }] as const;
const toFillIn = (name: string, fillIn = "FILL-IN") => [name, { fillIn }] as const;

/** The first whose pattern a server's name matches. */
const HOSTS: readonly { readonly names: RegExp; readonly guess: ProviderGuess }[] = [
	{
		names: /\.ns\.cloudflare\.com$/,
		guess: { type: "cloudflare", settings: [secret("token", "cloudflare.token")] },
	},
	{
		names: /\.digitalocean\.com$/,
		guess: { type: "digitalocean", settings: [secret("token", "digitalocean.token")] },
	},
	{ names: /\.desec\.(?:io|org)$/, guess: { type: "desec", settings: [secret("token", "desec.token")] } },
	{ names: /\.linode\.com$/, guess: { type: "linode", settings: [secret("token", "linode.token")] } },
	{ names: /\.gandi\.net$/, guess: { type: "gandi", settings: [secret("token", "gandi.token")] } },
	{
		names: /(?:^|\.)(?:hydrogen|oxygen|helium)\.ns\.hetzner\.(?:com|de)$/,
		guess: { type: "hetzner", settings: [secret("token", "hetzner.token")] },
	},
	{
		names: /\.domaincontrol\.com$/,
		guess: {
			type: "godaddy",
			settings: [secret("key", "godaddy.key"), secret("secret", "godaddy.secret")],
		},
	},
	{
		names: /\.(?:ovh\.(?:net|ca|us)|anycast\.me)$/,
		guess: {
			type: "ovh",
			settings: [
				secret("application_key", "ovh.application-key"),
				secret("application_secret", "ovh.application-secret"),
				secret("consumer_key", "ovh.consumer-key"),
			],
		},
	},
	{
		names: /\.porkbun\.com$/,
		guess: {
			type: "porkbun",
			settings: [secret("api_key", "porkbun.key"), secret("secret_api_key", "porkbun.secret")],
		},
	},
	{ names: /\.dom\.scw\.cloud$/, guess: { type: "scaleway", settings: [secret("key", "scaleway.key")] } },
	{
		names: /\.awsdns-\d+\.(?:com|net|org|co\.uk)$/,
		guess: {
			type: "route53",
			settings: [
				toFillIn("access_key_id", "AKIAFILLMEINFILLMEIN"),
				secret("secret_access_key", "route53.secret"),
			],
		},
	},
	{
		names: /\.googledomains\.com$/,
		guess: {
			type: "google",
			settings: [toFillIn("project", "fill-in-project"), secret("key", "google.json")],
		},
	},
	{
		names: /\.azure-dns\.(?:com|net|org|info)$/,
		guess: {
			type: "azure",
			settings: [
				toFillIn("tenant", "00000000-0000-0000-0000-000000000000"),
				toFillIn("subscription", "00000000-0000-0000-0000-000000000000"),
				toFillIn("resource_group"),
				toFillIn("client_id", "00000000-0000-0000-0000-000000000000"),
				secret("client_secret", "azure.secret"),
			],
		},
	},
	{
		names: /(?:^|\.)ns\d*\.inwx\.(?:de|eu|com)$/,
		guess: { type: "inwx", settings: [toFillIn("user"), secret("password", "inwx.password")] },
	},
	{
		names: /-dns\.netcup\.net$/,
		guess: {
			type: "netcup",
			settings: [
				toFillIn("customer", "00000"),
				secret("api_key", "netcup.key"),
				secret("api_password", "netcup.password"),
			],
		},
	},
	{
		names: /\.registrar-servers\.com$/,
		guess: {
			type: "namecheap",
			settings: [toFillIn("user"), secret("api_key", "namecheap.key"), toFillIn("client_ip", "192.0.2.1")],
		},
	},
];

/** Null where nobody here is known by these names. */
export function guessProvider(servers: readonly string[]): ProviderGuess | null {
	return HOSTS.find(({ names }) => servers.some((server) => names.test(`.${server}`)))?.guess ?? null;
}

/** Every guess that can be made. */
export const GUESSES: readonly ProviderGuess[] = HOSTS.map(({ guess }) => guess);
