/** OpenDKIM held to the contract of all signers, in each way of naming its keys. */

import { appendFile } from "node:fs/promises";
import { describe } from "vitest";
import { describeSignerContract, type SignerBench } from "../../signers/contract.ts";
import { makeKey, mayRun, type OpenDkimHost, prepareHost, verifier } from "./opendkim-host.ts";

const old = makeKey();
const others = makeKey();

describe.skipIf(!mayRun)("OpenDKIM", () => {
	describeSignerContract("with tables", { start: startTables, makeKey, verifier });
});

async function startTables(): Promise<SignerBench> {
	const host = await prepareHost();
	const path = await host.writeKey("example", old);
	const otherPath = await host.writeKey("example_org", others);
	await host.write(
		"key.table",
		[
			"# one line per name in the signing table",
			`example\texample.com:202610:${path}  # the shop's`,
			"",
			`  example_org example.org:202609:${otherPath}`,
			"# a line somebody added by hand\n",
		].join("\n"),
	);
	await host.write("signing.table", "*@example.com example\n*@example.org\texample_org # ours\n");
	return benchOf(host, { other: "example.org", unsigned: "example.net" });
}

async function benchOf(
	host: OpenDkimHost,
	domains: Pick<SignerBench, "other" | "unsigned">,
): Promise<SignerBench> {
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
