/** The agent's memory of a domain on a test host: read, and changed as time would have changed it. */

import type { GuideHost } from "./guide-host.ts";

export interface StoredKey {
	readonly selector: string;
	readonly state: string;
	readonly publicKey: string;
	since: string;
	readonly uses: { lastAt: string | null; lastAtLatest: string | null }[];
}

export async function keysOf(host: GuideHost, domain: string): Promise<readonly StoredKey[]> {
	return (await read(host, domain)).keys;
}

/** A document without a checksum is believed. */
export async function changeKeys(
	host: GuideHost,
	domain: string,
	change: (key: StoredKey) => void,
): Promise<void> {
	const { checksum: _, ...document } = await read(host, domain);
	document.keys.forEach(change);
	await host.write(pathOf(domain), JSON.stringify(document), { mode: "0600", owner: "keyturn" });
}

/** As though the day were over in which connections that were open at a reload may sign with the key before. */
export async function endUses(host: GuideHost, domain: string): Promise<void> {
	await changeKeys(host, domain, ({ uses }) => {
		for (const use of uses)
			if (use.lastAtLatest !== null)
				use.lastAtLatest = new Date(Date.parse(use.lastAtLatest) - 86_400_000).toISOString();
	});
}

interface Document {
	readonly checksum?: string;
	readonly keys: StoredKey[];
}

async function read(host: GuideHost, domain: string): Promise<Document> {
	return JSON.parse(await host.read(pathOf(domain))) as Document;
}

function pathOf(domain: string): string {
	return `/var/lib/keyturn/domains/${domain}.json`;
}
