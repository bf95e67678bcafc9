/** Signs requests as OVH wants it (help.ovhcloud.com, First Steps with the OVHcloud APIs, "Signing requests"). */

import { createHash } from "node:crypto";
import type { UnsignedRequest } from "../../src/publishing/api/client.ts";

export interface OvhKeys {
	readonly applicationKey: string;
	readonly applicationSecret: string;
	readonly consumerKey: string;
}

/** The headers; `seconds` since 1970 on the server's clock. */
export function signedHeaders(
	keys: OvhKeys,
	{ method, url, body }: UnsignedRequest,
	seconds: number,
): Readonly<Record<string, string>> {
	const parts = [keys.applicationSecret, keys.consumerKey, method, url, body ?? "", String(seconds)];
	return {
		"x-ovh-application": keys.applicationKey,
		"x-ovh-consumer": keys.consumerKey,
		"x-ovh-timestamp": String(seconds),
		"x-ovh-signature": `$1$${createHash("sha1").update(parts.join("+")).digest("hex")}`,
	};
}
