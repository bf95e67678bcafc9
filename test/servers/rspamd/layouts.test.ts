/** rspamd held to the contract of all signers where its keys are named in maps, OpenDKIM's tables, or Redis. */

import { appendFile, writeFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { describeSignerContract, type SignerBench } from "../../signers/contract.ts";
import { makeKey, verifier } from "../opendkim/opendkim-host.ts";
import { mayRun, prepareHost, type RspamdHost } from "./rspamd-host.ts";

const old = makeKey();
const others = makeKey();
const next = makeKey();
const TWO = { "202609": others, "202610": old };

describe.skipIf(!mayRun)("rspamd", () => {
	const tools = { makeKey, verifier, unsigned: "example.net" };
	describeSignerContract("with maps of selectors and paths", { ...tools, start: startWithMaps });
	describeSignerContract("with OpenDKIM's tables", { ...tools, start: async () => startWithTables() });

	test("a key that the key table has by two names is turned under both", async () => {
		const bench = await startWithTables("news example.com:202610:FIRST\n", "*@news.example.com news\n");
		const { signer } = bench;
		const reading = await signer.read();
		const own = ({ lines }: typeof reading) => lines.filter(({ domain }) => domain === "example.com");
		expect(own(reading)).toMatchObject([
			{ entry: "mail", problem: null, signs: true },
			{ entry: "news", problem: null, signs: true },
		]);
		const to = { selector: "202611", keyPath: await bench.place("example.com/202611.private", next.pem) };
		const rendered = signer.render(reading, [{ domain: "example.com", from: "202610", to }]);
		const staged = new Map(
			await Promise.all(
				rendered.map(async ({ path, bytes }) => [path, await bench.place("staged", bytes)] as const),
			),
		);
		const [message = ""] = await signer.signOffline(
			staged,
			[{ domain: "example.com", selector: "202611", record: next.record }],
			reading,
		);
		expect(message).toContain("s=202611");
		for (const { path, bytes } of rendered) await writeFile(path, bytes);
		expect(own(await signer.read()).map(({ selector }) => selector)).toEqual(["202611", "202611"]);
	});

	test("of lines with one name, and of keys for single addresses, those that keyturn turns are those that sign", async () => {
		const host = await prepareHost();
		const paths = await Promise.all(
			["boss", "all", "late"].map(async (name) => host.write(`keys/${name}`, makeKey().pem)),
		);
		const own = await host.write("keys/own", old.pem);
		const keys = await host.write(
			"key.table",
			`boss example.com:boss:${paths[0]}\nall example.com:202610:${own}\nall example.com:late:${paths[2]}\n`,
		);
		const signing = await host.write("signing.table", "boss@example.com boss\n*@example.com all\n");
		await host.write("dkim_signing.conf", `key_table = "${keys}";\nsigning_table = "${signing}";\n`);
		await host.start();
		const reading = await host.signer.read();
		expect(reading.lines.map(({ selector, problem }) => [selector, problem])).toEqual([
			["boss", expect.stringContaining("202610 signs the ordinary mail of example.com")],
			["202610", null],
			["late", "an earlier line stands for the same, so this one is never used"],
		]);
		const expectation = { domain: "example.com", selector: "202610", record: old.record };
		expect(await host.signer.probe([expectation], reading)).toMatchObject([{ outcome: "signed" }]);
	});

	test("of several lines of a domain in a map, the one that signs is the one that keyturn turns", async () => {
		const host = await prepareHost({ keys: "keys/$domain/$selector.private" });
		for (const [selector, key] of Object.entries(TWO))
			await host.write(`keys/example.com/${selector}.private`, key.pem);
		const map = await host.write("selectors.map", "example.com 202609\nEXAMPLE.com 202610\n");
		const path = host.signer.keyPath("$domain", "$selector");
		await host.write(
			"dkim_signing.conf",
			`sign_local = true;\nselector_map = "${map}";\npath = "${path}";\n`,
		);
		await host.start();
		const reading = await host.signer.read();
		const probed = Object.entries(TWO).map(([selector, { record }]) => ({
			domain: "example.com",
			selector,
			record,
		}));
		const verdicts = await host.signer.probe(probed, reading);
		const signing = verdicts.filter(({ outcome }) => outcome === "signed").map(({ selector }) => selector);
		expect(signing).toHaveLength(1);
		expect(reading.lines.filter(({ signs }) => signs).map(({ selector }) => selector)).toEqual(signing);
		expect(reading.lines.filter(({ problem }) => problem === null)).toHaveLength(1);
	});
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

async function startWithTables(
	moreKeys = "",
	moreSigning = "",
): Promise<SignerBench & { readonly place: (name: string, text: string | Uint8Array) => Promise<string> }> {
	const host = await prepareHost();
	const first = await host.write("keys/mail.private", old.pem);
	const second = await host.write("keys/other.private", others.pem);
	const keys = await host.write(
		"key.table",
		`# name domain:selector:file\nmail example.com:202610:${first} # ours\n\nother\texample.org:202609:${second}\n${moreKeys.replace("FIRST", first)}`,
	);
	const signing = await host.write(
		"signing.table",
		`*@example.com mail\n*@example.org other\n${moreSigning}`,
	);
	await host.write(
		"dkim_signing.conf",
		`sign_local = true;\nkey_table = "${keys}";\nsigning_table = "file://${signing}";\n`,
	);
	const place = async (name: string, text: string | Uint8Array) =>
		host.write(`keys/${name}`, Buffer.from(text).toString());
	return { ...(await benchOf(host)), place };
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
