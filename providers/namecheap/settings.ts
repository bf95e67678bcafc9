/** What keyturn.yaml says about an account of Namecheap. */

import * as z from "zod";
import { secretReference } from "../../src/settings/secret-reference.ts";
import type { ProviderAbout } from "../../src/publishing/about.ts";

export const settingsSchema = z.strictObject({
	user: z.string().min(1).describe("The name of the account."),
	api_key: secretReference.describe("Its API key."),
	client_ip: z
		.ipv4({ error: "must be an IPv4 address" })
		.describe("The public IPv4 address of this host, which the account's list of addresses has to have."),
});

export type NamecheapSettings = z.infer<typeof settingsSchema>;

export const about: ProviderAbout = {
	title: "Namecheap",
	evidence: "recorded",
	permission:
		"the account needs API access switched on, the key has to be its own, and `client_ip` has to be on its list of addresses",
	credential:
		"ap.www.namecheap.com, Profile, Tools, API Access: switch it on and put the host's public IPv4 address on the list. The key opens all that the account has: delegating `_domainkey` to another provider is much safer.",
	remarks: [
		"The interface has but one way to write: the whole zone anew. keyturn sends every host again as it was read, writes only where the number of hosts that was read is the one that Namecheap tells, and looks afterwards whether all are there: with the next list that it gets, where a call was not answered. A host that is missing then is told, and nothing more is written into the zone until it is back, or for three hours.",
		"It does not write a zone that has what the interface cannot give back: dynamic DNS, hosts that are switched off, types of records it does not name.",
		"SRV records, which can be made in its console, are no hosts, and `setHosts` cannot give them back. keyturn reads them before a write, by a command that is not documented (dnscontrol uses it, too), and looks afterwards whether they are there: one that is missing is told like a host, and stands in the copy. For a zone that lost some, delegate `_domainkey` to another provider.",
		"Zones are the registered domains of the account. A FreeDNS zone of a sub-domain is not on their list, and the zone above it may be taken in its place: `keyturn provider check NAME` says whether the world looks where keyturn would write.",
		"What stood in the zone before is kept in `zone-copies` of the state directory, the last twenty; where it cannot be kept, nothing is written.",
		"20 calls a minute, 700 an hour and 8,000 a day: keyturn makes one every five seconds at most.",
	],
};
