/** rspamd held to the contract of all signers where its keys are named in maps, OpenDKIM's tables, or Redis. */

import { appendFile } from "node:fs/promises";
import { describe } from "vitest";
import { describeSignerContract, type SignerBench } from "../../signers/contract.ts";
import { makeKey, verifier } from "../opendkim/opendkim-host.ts";
import { mayRun, prepareHost, type RspamdHost } from "./rspamd-host.ts";

const old = makeKey();
const others = makeKey();

describe.skipIf(!mayRun)("rspamd", () => {
	const tools = { makeKey, verifier, unsigned: "example.net" };
	describeSignerContract("with maps of selectors and paths", { ...tools, start: startWithMaps });
	describeSignerContract("with OpenDKIM's tables", { ...tools, start: startWithTables });
});

/** A domain's selector stands in a map, and its key where the other map, or `path`, says. */
async function startWithMaps(): Promise<SignerBench> {
	const host = await prepareHost({ keys: "keys/$domain/$selector.private" });
	const at = (domain: string, selector: string) => host.signer.keyPath(domain, selector);
	const below = (path: string) => path.slice(host.directory.length + 1);
	await host.write(below(at("example.com", "202610")), old.pem);
	await host.write(below(at("example.org", "202609")), others.pem);
	const map = await host.write(
		"selectors.map",
		"# who signs\nexample.com\t202610 # ours\nExample.org 202609\n",
	);
	const path = at("$domain", "$selector");
	const paths = await host.write("paths.map", `example.com ${path}\n`);
	const options = [`selector_map = "${map}";`, `path_map = "${paths}";`, `path = "${path}";`];
	await host.write("dkim_signing.conf", `sign_local = true;\n${options.join("\n")}\n`);
	return benchOf(host);
}

async function startWithTables(): Promise<SignerBench> {
	const host = await prepareHost();
	const first = await host.write("keys/mail.private", old.pem);
	const second = await host.write("keys/other.private", others.pem);
	const keys = await host.write(
		"key.table",
		`# name domain:selector:file\nmail example.com:202610:${first} # ours\n\nother\texample.org:202609:${second}\n`,
	);
	const signing = await host.write("signing.table", "*@example.com mail\n*@example.org other\n");
	await host.write(
		"dkim_signing.conf",
		`sign_local = true;\nkey_table = "${keys}";\nsigning_table = "file://${signing}";\n`,
	);
	return benchOf(host);
}

async function benchOf(host: RspamdHost): Promise<SignerBench> {
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
