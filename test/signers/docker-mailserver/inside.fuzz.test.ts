/** Whatever the programs in the container say: a signed message, or an error of the probe. */

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { KeyturnError } from "../../../src/errors.ts";
import { type Inside, signInside, whyNotRunning } from "../../../src/signers/docker-mailserver/inside.ts";
import { settingsSchema } from "../../../src/signers/docker-mailserver/settings.ts";
import { fuzzed, PATIENCE } from "../../fuzz/fuzzing.ts";
import { mutatedText } from "../../fuzz/mutations.ts";

const PRINTED =
	"Reading...\r\nDKIM-Signature: v=1; a=rsa-sha256;\r\n\td=example.com; s=202611;\r\n\tb=x\r\nrest\n";
const TOLD =
	'Results for file: stdin\n{"is_skipped":false,"dkim-signature":["v=1; a=rsa-sha256;\\r\\n b=x","v=1"]}\n';

function inside(signs: "opendkim" | "rspamd", stdout: string, status: number): Inside {
	return {
		settings: settingsSchema.parse({ volume: "/srv/dms/config", signs }),
		outside: {
			run: async () => Promise.resolve({ status, signal: null, stdout, stderr: stdout.slice(0, 40) }),
		},
	};
}

test.each([
	["opendkim", PRINTED],
	["rspamd", TOLD],
] as const)("%s", PATIENCE, async (signs, seed) => {
	const seen = { signed: 0, refused: 0 };
	const said = fc.oneof(mutatedText([seed]), fc.string(), fc.json(), fc.constantFrom("", "{", "null", "[]"));
	await fc.assert(
		fc.asyncProperty(said, fc.constantFrom(0, 0, 0, 1), async (stdout, status) => {
			const given = inside(signs, stdout, status);
			expect(typeof (await whyNotRunning(given))).toBe(status === 0 ? "object" : "string");
			try {
				const message = await signInside(given, "postmaster@example.com");
				seen.signed += 1;
				expect(message).toContain("From: <postmaster@example.com>");
				expect(message.replaceAll("\r\n", "")).not.toMatch(/^DKIM-Signature:[^]*[\r\n]/);
			} catch (thrown) {
				if (!(thrown instanceof KeyturnError)) throw thrown;
				seen.refused += 1;
				expect(thrown.code).toBe("signer.probe");
			}
		}),
		fuzzed(300),
	);
	expect(Math.min(seen.signed, seen.refused)).toBeGreaterThan(0);
});
