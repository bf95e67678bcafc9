/** rspamd held to the contract of all signers, with a block for each domain as its own example and guides have them. */

import { appendFile } from "node:fs/promises";
import { describe } from "vitest";
import { describeSignerContract, type SignerBench } from "../../signers/contract.ts";
import { makeKey, verifier } from "../opendkim/opendkim-host.ts";
import { mayRun, prepareHost } from "./rspamd-host.ts";

const old = makeKey();
const others = makeKey();

describe.skipIf(!mayRun)("rspamd", () => {
	const tools = { makeKey, verifier, unsigned: "example.net" };
	describeSignerContract("with one key a domain", {
		...tools,
		start: async () => start((path) => `path = "${path}";\n\t\tselector = "202610";`),
	});
	describeSignerContract("with a list of keys", {
		...tools,
		start: async () =>
			start((path) => `selectors [\n{ path = ${path}\n selector '202610' }, # the first\n\t\t]`),
	});
});

async function start(block: (path: string) => string): Promise<SignerBench> {
	const host = await prepareHost();
	const path = await host.write("keys/mail.private", old.pem);
	const otherPath = await host.write("keys/other.private", others.pem);
	await host.write(
		"dkim_signing.conf",
		`# documentation: https://rspamd.com/doc/modules/dkim_signing.html
enabled = true;
sign_local = true;
use_domain = "header";
use_redis = false; # don't change unless Redis also provides the DKIM keys
use_esld = true;
domain {
	example.com {
		${block(path)}
	}
	"example.org" { selector = "202609"; path = "${otherPath}" } /* by hand */
}
`,
	);
	const running = await host.start();
	return {
		signer: host.signer,
		domain: "example.com",
		inUse: { selector: "202610", record: old.record },
		other: "example.org",
		...running,
		spoilConfiguration: async () => appendFile(host.mainPath, "} }\n"),
	};
}
