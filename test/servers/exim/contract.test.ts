/** Exim held to the contract of all signers, and what it really sends. */

import { once } from "node:events";
import { appendFile, readFile, rename, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer, type Server } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { describeSignerContract, type SignerBench } from "../../signers/contract.ts";
import { makeKey } from "../opendkim/opendkim-host.ts";
import { mayRun, prepareExim, verifier } from "./exim-host.ts";

const old = makeKey();
const others = makeKey();
const next = makeKey();

describe.skipIf(!mayRun)("Exim", () => {
	describeSignerContract("with a lookup file", { start, makeKey, verifier, unsigned: "example.net" });

	test("signs the next delivery with the new key, without a reload", async () => {
		const sink = await startSink();
		const host = await prepareExim(sink.port);
		const first = await host.write("keys/first", old.pem);
		const second = await host.write("keys/second", next.pem);
		await host.write("table", `example.com: selector=202610 key=${first}\n`, 0o640);
		await host.deliver("a@example.com");
		expect(await host.signer.unsignedWays?.()).toEqual([
			"transport local of Exim's, which has no dkim_private_key",
		]);
		await host.write("table.new", `example.com: selector=202611 key=${second}\n`, 0o640);
		await rename(`${host.table}.new`, host.table);
		await host.deliver("a@example.com");
		const verdicts = await Promise.all(
			sink.messages.map((message) =>
				verifier.verify(message, async (name) =>
					Promise.resolve([name.startsWith("202610.") ? old.record : next.record]),
				),
			),
		);
		expect(verdicts).toMatchObject([
			[{ selector: "202610", outcome: "pass" }],
			[{ selector: "202611", outcome: "pass" }],
		]);
	});

	test("would send unsigned with a key that it cannot read, and that is refused beforehand", async () => {
		const sink = await startSink();
		const host = await prepareExim(sink.port);
		const path = await host.write("keys/first", old.pem, 0o000);
		await host.write("table", `example.com: selector=202610 key=${path}\n`, 0o640);
		await host.deliver("a@example.com");
		expect(sink.messages[0]).toContain("hello");
		expect(sink.messages[0]).not.toContain("DKIM-Signature");
		const reading = await host.signer.read();
		const expectation = { domain: "example.com", selector: "202610", record: old.record };
		await expect(host.signer.signOffline(new Map(), [expectation], reading)).rejects.toThrow(
			"mail would leave unsigned",
		);
		expect(await host.signer.unsafe(path, reading)).toContain("cannot be read by Debian-exim");
	});

	test("is refused where no transport looks into the table", async () => {
		const host = await prepareExim();
		const path = await host.write("keys/first", old.pem);
		await host.write("table", `example.com: selector=202610 key=${path}\n`, 0o640);
		const expectation = { domain: "example.com", selector: "202610", record: old.record };
		const [head = ""] = (await readFile(host.config, "utf8")).split("begin routers");
		await writeFile(host.config, `${head}begin transports\nlocal:\n  driver = smtp\n`);
		await expect(host.signer.signOffline(new Map(), [expectation], await host.signer.read())).rejects.toThrow(
			"no transport",
		);
	});
});

async function start(): Promise<SignerBench> {
	const host = await prepareExim();
	const first = await host.write("keys/first", old.pem);
	const second = await host.write("keys/second", others.pem);
	await host.write(
		"table",
		`# what signs\nexample.com:\tkey=${first}  selector=202610 note=ours\n\nexample.org selector=202609 key=${second}\n`,
		0o640,
	);
	return {
		signer: host.signer,
		domain: "example.com",
		inUse: { selector: "202610", record: old.record },
		other: "example.org",
		reload: async () => Promise.resolve(),
		kill: async () => rm(host.program),
		spoilConfiguration: async () => appendFile(host.config, "no_such_option = yes\n"),
	};
}

/** Takes mail by SMTP, as little of it as Exim needs (RFC 5321). */
async function startSink(): Promise<{ readonly port: number; readonly messages: readonly string[] }> {
	const messages: string[] = [];
	const server: Server = createServer((socket) => {
		let text = "";
		let isData = false;
		const say = (line: string) => socket.write(`${line}\r\n`);
		say("220 sink");
		socket.on("error", () => socket.destroy());
		socket.on("data", (chunk) => {
			text += chunk.toString("latin1");
			for (;;) {
				const end = text.indexOf(isData ? "\r\n.\r\n" : "\r\n");
				if (end === -1) return;
				const part = text.slice(0, end);
				text = text.slice(end + (isData ? 5 : 2));
				if (isData) messages.push(`${part}\r\n`);
				if (/^QUIT/i.test(part) && !isData) return void socket.end("221 bye\r\n");
				const wasData = isData;
				isData = !wasData && /^DATA/i.test(part);
				say(isData ? "354 go on" : "250 sink");
			}
		});
	});
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	onTestFinished(() => void server.close());
	return { port: (server.address() as AddressInfo).port, messages };
}
