/** Signs requests to Amazon's interfaces: Signature Version 4 (docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html). */

import { createHash, createHmac } from "node:crypto";
import type { UnsignedRequest } from "../../src/publishing/api/client.ts";

const ALGORITHM = "AWS4-HMAC-SHA256";
const SIGNED = "host;x-amz-date";

export interface AccessKey {
	readonly id: string;
	readonly secret: string;
}

/** The headers that prove the request for some minutes around `at`. */
export function signedHeaders(
	{ method, url, body }: UnsignedRequest,
	key: AccessKey,
	scope: { readonly region: string; readonly service: string; readonly at: Date },
): Readonly<Record<string, string>> {
	const { host, pathname, searchParams } = new URL(url);
	const moment = scope.at.toISOString().replace(/[-:]|\.\d+/g, "");
	const day = moment.slice(0, 8);
	const canonical = [
		method,
		pathname,
		canonicalQuery(searchParams),
		`host:${host}\nx-amz-date:${moment}\n`,
		SIGNED,
		sha256(body ?? ""),
	].join("\n");
	const where = [day, scope.region, scope.service, "aws4_request"];
	const signing = where.reduce<string | Buffer>((secret, part) => hmac(secret, part), `AWS4${key.secret}`);
	const text = [ALGORITHM, moment, where.join("/"), sha256(canonical)].join("\n");
	const signature = hmac(signing, text).toString("hex");
	const credential = `${key.id}/${where.join("/")}`;
	return {
		"x-amz-date": moment,
		authorization: `${ALGORITHM} Credential=${credential}, SignedHeaders=${SIGNED}, Signature=${signature}`,
	};
}

function canonicalQuery(query: URLSearchParams): string {
	return [...query]
		.map(([name, value]) => `${strict(name)}=${strict(value)}`)
		.toSorted()
		.join("&");
}

/** As RFC 3986 section 2.3 says, which leaves fewer characters alone than `encodeURIComponent`. */
function strict(text: string): string {
	return encodeURIComponent(text).replace(
		/[!'()*]/g,
		(character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
	);
}

function sha256(text: string): string {
	return createHash("sha256").update(text).digest("hex");
}

function hmac(secret: string | Buffer, text: string): Buffer {
	return createHmac("sha256", secret).update(text).digest();
}
