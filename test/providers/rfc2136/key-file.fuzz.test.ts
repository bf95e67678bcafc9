/** Whatever is in the file that should hold a TSIG key: a key, or a refusal that tells nothing of the file. */

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { parseKeyFile } from "../../../providers/rfc2136/key-file.ts";
import { signMessage } from "../../../src/dns/dns-wire/tsig.ts";
import { encodeQuery } from "../../../src/dns/dns-wire/update.ts";
import { KeyturnError } from "../../../src/errors.ts";
import { fuzzed, PATIENCE } from "../../fuzz/fuzzing.ts";
import { mutatedText } from "../../fuzz/mutations.ts";
import { anyText } from "../../fuzz/nasty-text.ts";

const SECRET = "c2VjcmV0IG9mIHRoZSB0ZXN0cyBmb3IgZnV6emluZw==";
const SEEDS = [
	`key "updater" {\n\talgorithm hmac-sha256;\n\tsecret "${SECRET}";\n};\n`,
	`key updater.example{algorithm "HMAC-SHA512.";secret ${SECRET};};`,
	`# c\n/* key "x" { */ // y\nkey "a" { secret "${SECRET}"; algorithm hmac-sha384; };`,
];

test("any text is a key that can sign, or is refused without a word of it", PATIENCE, () => {
	let read = 0;
	fc.assert(
		fc.property(fc.oneof({ weight: 4, arbitrary: mutatedText(SEEDS) }, anyText), (text) => {
			try {
				const key = parseKeyFile(text, "/k");
				read += 1;
				expect(key.name).toMatch(/^[a-z0-9_.-]{1,255}$/);
				expect(key.secret.length).toBeGreaterThan(0);
				signMessage(encodeQuery(1, "example.com", "TXT"), key, 0);
			} catch (thrown) {
				expect(thrown).toBeInstanceOf(KeyturnError);
				expect((thrown as KeyturnError).code).toBe("config.invalid");
				expect(`${String(thrown)} ${(thrown as KeyturnError).hint ?? ""}`).not.toMatch(
					/c2VjcmV0|IG9mIHRo|ZXN0cyBm/,
				);
			}
		}),
		fuzzed(500),
	);
	expect(read).toBeGreaterThan(0);
});

/** As long as a secret file may be. */
test.each([
	["open comments", "/* ".repeat(21_800)],
	["comments of three letters", "/*/ ".repeat(16_000)],
	["quotes", '"'.repeat(65_536)],
	["keys", "key ".repeat(16_384)],
	["blanks", " ".repeat(65_536)],
	["padding", `key "a" { algorithm hmac-sha256; secret "${"=".repeat(65_000)}A"; };`],
	["dots", `key "${"a.".repeat(32_000)}!" { algorithm hmac-sha256; secret "${SECRET}"; };`],
	["letters", `key "${"a".repeat(65_000)}" { algorithm hmac-sha256; secret "${SECRET}"; };`],
])("a file of 64 KiB of %s is refused", (_, text) => {
	expect(() => parseKeyFile(text, "/k")).toThrow(KeyturnError);
});
