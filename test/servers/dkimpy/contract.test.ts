/** dkimpy-milter held to the contract of all signers. */

import { rm } from "node:fs/promises";
import { describe } from "vitest";
import { describeSignerContract, type SignerBench } from "../../signers/contract.ts";
import { makeKey } from "../opendkim/opendkim-host.ts";
import { mayRun, prepareHost, verifier } from "./dkimpy-host.ts";

const old = makeKey();
const others = makeKey();

describe.skipIf(!mayRun)("dkimpy-milter", () => {
	describeSignerContract("with a KeyTable", { start, makeKey, verifier, unsigned: "example.net" });
});

async function start(): Promise<SignerBench> {
	const host = await prepareHost();
	const first = await host.write("keys/first", old.pem);
	const second = await host.write("keys/second", others.pem);
	const keyTable = await host.write(
		"keytable",
		`# what signs\nshop\texample.com:202610:${first}\n\nother example.org:202609:${second}\n`,
	);
	const signingTable = await host.write("signingtable", "*@example.com shop\n*@example.org other\n");
	const running = await host.start([`KeyTable file:${keyTable}`, `SigningTable refile:${signingTable}`]);
	return {
		signer: host.signer,
		domain: "example.com",
		inUse: { selector: "202610", record: old.record },
		other: "example.org",
		reload: async () => running.restart(),
		kill: async () => running.kill(),
		spoilConfiguration: async () => rm(signingTable),
	};
}
