/** What keyturn.yaml says about a server that takes dynamic updates. */

import * as z from "zod";
import { TSIG_ALGORITHMS } from "../../src/dns/dns-wire/tsig-algorithms.ts";
import { secretReference } from "../../src/settings/secret-reference.ts";
import type { ProviderAbout } from "../../src/publishing/about.ts";

const server = z
	.string()
	.refine((text) => parseServer(text) !== null, {
		error:
			'must be ADDRESS:PORT, such as "127.0.0.1:53" or "[2001:db8::53]:53"; a name would need DNS to be right before we can set it right',
	})
	.describe("The zone's primary name server, as ADDRESS:PORT; updates go to it over TCP.");

const withKeyFile = z.strictObject({
	server,
	keyfile: z
		.string()
		.regex(/^\//, { error: "must be an absolute path" })
		.describe("The TSIG key as BIND writes it (`tsig-keygen NAME > FILE`), readable by keyturn alone."),
});

const withSecret = z.strictObject({
	server,
	name: z
		.string()
		.regex(/^(?:[A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}\.?$/, { error: "must be the name of a TSIG key" })
		.describe("The TSIG key's name, as the server's configuration has it."),
	algorithm: z
		.enum(TSIG_ALGORITHMS, { error: `must be ${TSIG_ALGORITHMS.join(" or ")}` })
		.describe("The TSIG key's algorithm."),
	secret: secretReference.describe("The TSIG key's secret in base64, by reference."),
});

export const settingsSchema = z.union([withKeyFile, withSecret], {
	error: "must be { server, keyfile } or { server, name, algorithm, secret }",
});

export type Rfc2136Settings = z.infer<typeof settingsSchema>;

/** Null if it is no ADDRESS:PORT; an IPv6 address stands in brackets. */
export function parseServer(text: string): { readonly address: string; readonly port: number } | null {
	const match = /^(?:\[([0-9A-Fa-f]*:[0-9A-Fa-f:.]*)\]|(\d{1,3}(?:\.\d{1,3}){3})):(\d{1,5})$/.exec(text);
	const address = match?.[1] ?? match?.[2];
	const port = Number(match?.[3]);
	return address === undefined || !(port >= 1 && port <= 65_535) ? null : { address, port };
}

export const about: ProviderAbout = {
	title: "Dynamic updates: BIND, Knot, PowerDNS and others",
	evidence: "server",
	permission: "the TSIG key needs to be allowed to change TXT records below _domainkey",
	credential:
		"`tsig-keygen -a hmac-sha256 keyturn > /etc/keyturn/tsig.key`; the server gets the same statement.",
	remarks: [
		"`server` is the zone's primary; updates and the questions that go with them are signed, over TCP.",
	],
};
