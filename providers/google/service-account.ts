/** Asks for access tokens in the name of a service account (developers.google.com/identity/protocols/oauth2/service-account, RFC 7523). */

import { sign } from "node:crypto";
import * as z from "zod";
import { KeyturnError } from "../../src/errors.ts";
import type { Grant } from "../../src/publishing/api/access-token.ts";

const AUDIENCE = "https://oauth2.googleapis.com/token";
const SCOPE = "https://www.googleapis.com/auth/ndev.clouddns.readwrite";
const LIFE_SECONDS = 3_600;

const keyFile = z.object({
	client_email: z.string(),
	private_key: z.string(),
	private_key_id: z.string().optional(),
});

/** An assertion that Google takes for an hour. Fails with `provider.denied` where the text is no key of a service account. */
export function serviceAccountGrant({
	provider,
	text,
	at,
}: {
	readonly provider: string;
	readonly text: string;
	readonly at: Date;
}): Grant {
	const issuedAt = Math.floor(at.getTime() / 1000);
	try {
		const { client_email: iss, private_key: key, private_key_id: kid } = keyFile.parse(JSON.parse(text));
		const claims = { iss, scope: SCOPE, aud: AUDIENCE, iat: issuedAt, exp: issuedAt + LIFE_SECONDS };
		const head = { alg: "RS256", typ: "JWT", ...(kid === undefined ? {} : { kid }) };
		const signed = `${encode(head)}.${encode(claims)}`;
		const assertion = `${signed}.${sign("sha256", Buffer.from(signed), key).toString("base64url")}`;
		const fields = { grant_type: "urn:ietf:params:oauth:grant-type:jwt-bearer", assertion };
		return { fields, secrets: [assertion, key] };
	} catch {
		// What was thrown may tell of the key.
		throw new KeyturnError("provider.denied", `${provider}: its key is no key of a service account`, {
			hint: "it must be the JSON file that Google made, with client_email and private_key",
		});
	}
}

function encode(part: object): string {
	return Buffer.from(JSON.stringify(part)).toString("base64url");
}
