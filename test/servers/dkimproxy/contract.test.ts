/** DKIMproxy's files held to the contract of all signers, with Perl's Mail::DKIM as what signs. */

import { writeFile } from "node:fs/promises";
import { describe } from "vitest";
import { describeSignerContract, type SignerBench } from "../../signers/contract.ts";
import { makeKey, verifier } from "../opendkim/opendkim-host.ts";
import { mayRun, prepareProxy } from "./proxy-host.ts";

const old = makeKey();
const others = makeKey();

describe.skipIf(!mayRun)("DKIMproxy", () => {
	const tools = { makeKey, verifier };
	describeSignerContract("with one key in dkimproxy_out.conf", {
		...tools,
		unsigned: null,
		start: async () => start(false),
	});
	describeSignerContract("with a sender_map", {
		...tools,
		unsigned: "example.net",
		start: async () => start(true),
	});
});

async function start(hasMap: boolean): Promise<SignerBench> {
	const host = await prepareProxy();
	const { listen, kill } = await host.listen();
	const first = await host.write("keys/private.key", old.pem);
	const second = await host.write("keys/other.key", others.pem);
	const map = await host.write(
		"senders",
		`# sign EXAMPLE.COM mail with both a domainkeys and dkim signature
example.com      dkim(c=relaxed,a=rsa-sha256,s=202610,key=${first}), domainkeys(c=nofws)
; and the shop's

example.org	dkim(d=example.org, selector=202609, keyfile=${second})
`,
	);
	const one = `# specify what domains DKIMproxy can sign for (comma-separated, no spaces)
domain    example.com

# specify what signatures to add
signature dkim(c=relaxed)
signature domainkeys(c=nofws)

# specify location of the private key
keyfile   ${first}   # ours

# specify the selector (i.e. the name of the key record put in DNS)
selector  202610
`;
	await host.write(
		"dkimproxy_out.conf",
		`listen    ${listen}\nrelay     127.0.0.1:10028\n${hasMap ? `sender_map ${map}\n` : one}`,
	);
	return {
		signer: host.signer,
		domain: "example.com",
		inUse: { selector: "202610", record: old.record },
		other: hasMap ? "example.org" : null,
		reload: async () => Promise.resolve(),
		kill,
		spoilConfiguration: async () => writeFile(host.config, "relay 127.0.0.1:10028\n"),
	};
}
