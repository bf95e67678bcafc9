/** OpenDKIM held to the contract of all signers, in each way of naming its keys. */

import { appendFile } from "node:fs/promises";
import { describe } from "vitest";
import { describeSignerContract, type SignerBench } from "../../signers/contract.ts";
import { makeKey, mayRun, type OpenDkimHost, prepareHost, verifier } from "./opendkim-host.ts";

const old = makeKey();
const others = makeKey();

describe.skipIf(!mayRun)("OpenDKIM", () => {
	const tools = { makeKey, verifier };
	for (const kind of ["", "refile:"])
		describeSignerContract(`with a key table ${kind}`, {
			...tools,
			start: async () => startTables(kind),
			unsigned: "example.net",
		});
	describeSignerContract("with one key in opendkim.conf", { ...tools, start: startOneKey, unsigned: null });
	describeSignerContract("with one key in an included file", {
		...tools,
		start: startIncluded,
		unsigned: null,
	});
});

async function startTables(keys: string): Promise<SignerBench> {
	const host = await prepareHost({ keys });
	const path = await host.writeKey("example", old);
	const otherPath = await host.writeKey("example_org", others);
	await host.write(
		"key.table",
		[
			"# one line per name in the signing table",
			`example\texample.com:202610:${path}  # the shop's`,
			"",
			`example_org example.org:202609:${otherPath}`,
			"# a line somebody added by hand\n",
		].join("\n"),
	);
	await host.write("signing.table", "*@example.com example\n*@example.org\texample_org # ours\n");
	return benchOf(host, { other: "example.org" });
}

async function startOneKey(): Promise<SignerBench> {
	const host = await prepareHost({
		naming: (directory) =>
			`#Selector 2020\nDomain\texample.com\nKeyFile ${directory}/keys/dkim.private # the only one\nSelector 202610`,
	});
	await host.writeKey("dkim", old);
	return benchOf(host, { other: null });
}

/** What comes later counts, so that the included Selector does. */
async function startIncluded(): Promise<SignerBench> {
	const host = await prepareHost({
		naming: (directory) => `Selector early\nInclude ${directory}/key.conf`,
	});
	const path = await host.writeKey("dkim", old);
	await host.write("key.conf", `Domain example.com\nKeyFile ${path}\nSelector 202610`);
	return benchOf(host, { other: null });
}

async function benchOf(host: OpenDkimHost, domains: Pick<SignerBench, "other">): Promise<SignerBench> {
	const program = await host.start();
	return {
		signer: host.signer("reload"),
		domain: "example.com",
		inUse: { selector: "202610", record: old.record },
		...domains,
		reload: async () => {
			process.kill(program.pid, "SIGUSR1");
			return Promise.resolve();
		},
		kill: async () => {
			program.signal("SIGKILL");
			await program.stop();
		},
		spoilConfiguration: async () => appendFile(host.configPath, "NoSuchOption yes\n"),
	};
}
