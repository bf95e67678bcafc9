/** OpenDKIM held to the contract of all signers, in each way of naming its keys. */

import { appendFile, copyFile, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { describeSignerContract, type SignerBench } from "../../signers/contract.ts";
import { makeKey, mayRun, type OpenDkimHost, prepareHost, verifier } from "./opendkim-host.ts";
import type { Program } from "../program.ts";

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
	describeSignerContract("with another root directory", {
		...tools,
		start: startBelowRoot,
		unsigned: "example.net",
	});

	test("after the change of its root is not reloaded, and has its socket below it", async () => {
		const host = await prepareHost({
			naming: (directory) => `${rootOf(directory)}\nSocket local:/opendkim.sock`,
		});
		await host.write("key.table", "");
		await host.write("signing.table", "");
		await expect(host.signer("reload").read()).rejects.toThrow("expected swap: restart, got reload");
		expect((await host.signer("restart").read()).lines).toEqual([]);
	});
});

/** The tables are named as this host names them, the keys as they are called below the new root. */
function rootOf(directory: string): string {
	return `ChangeRootDirectory ${directory}\nKeyTable ${directory}/key.table\nSigningTable refile:${directory}/signing.table`;
}

async function startBelowRoot(): Promise<SignerBench> {
	const host = await prepareHost({ naming: rootOf });
	// RequireSafeKeys looks up who is in a group, in the files below the root.
	await mkdir(join(host.directory, "etc"), { mode: 0o755 });
	for (const name of ["passwd", "group"]) await copyFile(`/etc/${name}`, join(host.directory, "etc", name));
	await host.writeKey("example", old);
	await host.writeKey("example_org", others);
	await host.write(
		"key.table",
		"example\texample.com:202610:/keys/example.private\nexample_org example.org:202609:/keys/example_org.private\n",
	);
	await host.write("signing.table", "*@example.com example\n*@example.org\texample_org\n");
	let program = await host.start();
	const kill = async (): Promise<void> => {
		program.signal("SIGKILL");
		await program.stop();
	};
	return {
		...(await benchOf(host, { other: "example.org" }, program)),
		signer: host.signer("restart"),
		reload: async () => {
			await kill();
			program = await host.start();
		},
		kill,
	};
}

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

async function benchOf(
	host: OpenDkimHost,
	domains: Pick<SignerBench, "other">,
	started?: Program,
): Promise<SignerBench> {
	const program = started ?? (await host.start());
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
