/** Writes records by posting them to a server (go-acme.github.io/lego/dns/httpreq). */

import type { Authorities } from "../../src/ports/authorities.ts";
import type { DnsProvider } from "../../src/ports/dns-provider.ts";
import type { AdapterOptions } from "../../src/publishing/api/adapter.ts";
import { createApi } from "../../src/publishing/api/client.ts";
import { createHookProvider } from "../../src/publishing/hook/hook-provider.ts";
import { about, type HttpreqSettings } from "./settings.ts";

export function createProvider(
	options: AdapterOptions<HttpreqSettings> & { readonly authorities: Authorities },
): DnsProvider {
	const { name, settings, secrets, http, clock, authorities } = options;
	const { endpoint, username, password } = settings;
	const api = createApi({
		provider: name,
		base: endpoint,
		http,
		clock,
		async authorize() {
			if (username === undefined && password === undefined) return { headers: {} };
			const secret = password === undefined ? "" : await secrets.read(password);
			const pair = Buffer.from(`${username ?? ""}:${secret}`).toString("base64");
			return { headers: { authorization: `Basic ${pair}` }, secrets: [secret] };
		},
		permission: about.permission,
		gapMs: 0,
	});
	return createHookProvider({
		name,
		account: `httpreq ${endpoint}`,
		authorities,
		clock,
		async tell({ act, name: at, value }, signal) {
			const body = { fqdn: `${at}.`, value };
			await api.call({ method: "POST", path: `/${act}`, body, read: () => null }, signal);
		},
	});
}
