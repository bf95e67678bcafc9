/** Whatever stands in rspamd's configuration: read soon, or refused by the code of a signer's configuration. */

import * as fc from "fast-check";
import { expect, test } from "vitest";
import { KeyturnError } from "../../../src/errors.ts";
import { parseUcl } from "../../../src/signers/rspamd/ucl.ts";
import { fuzzed, PATIENCE } from "../../fuzz/fuzzing.ts";
import { mutatedText } from "../../fuzz/mutations.ts";

const TEXT = `# a comment; { not read }
use_domain: "header"
path /a/b.key; /* one
  /* in another */ */
domain {
  example.com { path = "/k/a"; selector = "mail"; }
  "example.org" {
    selectors [ { path = /k/b\t# why
      selector = 'rsa' }, { selector = "ed", path = "/k/c" } ]
  }
}
worker "normal" { count = 1 }`;

test("whatever the text, it is read or refused by its code", PATIENCE, () => {
	let read = 0;
	fc.assert(
		fc.property(fc.oneof(mutatedText([TEXT], "latin1"), fc.string()), (text) => {
			try {
				read += parseUcl(text, "/f").length;
			} catch (thrown) {
				if (!(thrown instanceof KeyturnError)) throw thrown;
				expect(thrown.code).toBe("signer.config");
			}
		}),
		fuzzed(500),
	);
	expect(read).toBeGreaterThan(0);
});

test.each([" ", "\n", "#", "/*", ";", "a", "[", "a {}\n", '"'])(
	"half a megabyte of %j is over soon",
	PATIENCE,
	(text) => {
		try {
			parseUcl(text.repeat(500_000 / text.length), "/f");
		} catch (thrown) {
			expect(thrown).toMatchObject({ code: "signer.config" });
		}
	},
);
