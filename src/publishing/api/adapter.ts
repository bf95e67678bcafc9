/** What every adapter to an HTTP interface is made of. */

import type { Clock } from "../../ports/clock.ts";
import type { Http } from "../../ports/http.ts";
import type { SecretReference, Secrets } from "../../ports/secrets.ts";
import type { ProviderAbout } from "../about.ts";
import type { ApiOptions } from "./client.ts";

export interface AdapterOptions<Settings> {
	/** As keyturn.yaml names the provider. */
	readonly name: string;
	readonly settings: Settings;
	readonly secrets: Secrets;
	readonly http: Http;
	readonly clock: Clock;
}

/** What all tell the client alike. */
export function commonOf(
	{ name, http, clock }: AdapterOptions<unknown>,
	{ permission }: ProviderAbout,
): Pick<ApiOptions, "provider" | "http" | "clock" | "permission"> {
	return { provider: name, http, clock, permission };
}

/** The same for interfaces that take a bearer token (RFC 6750) with each call. */
export function bearerOf(
	options: AdapterOptions<{ readonly token: SecretReference }>,
	about: ProviderAbout,
): ReturnType<typeof commonOf> & Pick<ApiOptions, "authorize"> {
	const { secrets, settings } = options;
	return {
		...commonOf(options, about),
		authorize: async () => ({ headers: { authorization: `Bearer ${await secrets.read(settings.token)}` } }),
	};
}
