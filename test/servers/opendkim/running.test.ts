import { chmod } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { makeKey, mayRun, prepareHost } from "./opendkim-host.ts";

const DOMAIN = "example.com";
const old = makeKey();
const fresh = makeKey();

describe.skipIf(!mayRun).each(["inet", "unix"] as const)("a running OpenDKIM on %s", (socket) => {
	async function startHost(extra = "") {
		const host = await prepareHost({ socket, extra });
		const oldPath = await host.writeKey("example", old);
		await host.write("signing.table", `*@${DOMAIN} example\n`);
		await host.write("key.table", `example ${DOMAIN}:202610:${oldPath}\n`);
		return { host, program: await host.start() };
	}

	test("signs with the old key before, with the new one after rename and SIGUSR1", async () => {
		const { host, program } = await startHost();
		const signer = host.signer("reload");
		const before = { domain: DOMAIN, selector: "202610", record: old.record };
		const after = { domain: DOMAIN, selector: "202611", record: fresh.record };
		const reading = await signer.read();
		expect(await signer.probe([before], reading)).toEqual([
			{ domain: DOMAIN, selector: "202610", outcome: "signed", reason: null },
		]);

		const newPath = await host.writeKey("202611", fresh);
		const [rendered] = signer.render(reading, [
			{ domain: DOMAIN, from: "202610", to: { selector: "202611", keyPath: newPath } },
		]);
		await host.replaceKeyTable(Buffer.from(rendered?.bytes ?? []).toString("latin1"));
		expect(await host.signer("restart").probe([after], reading)).toEqual([
			{
				domain: DOMAIN,
				selector: "202611",
				outcome: "failed",
				reason: "signed with 202610 of example.com, expected 202611",
			},
		]);

		process.kill(program.pid, "SIGUSR1");
		expect(await signer.probe([after], reading)).toMatchObject([{ outcome: "signed" }]);
		expect(await host.signer("restart").probe([before], reading)).toEqual([
			{
				domain: DOMAIN,
				selector: "202610",
				outcome: "failed",
				reason: "the live key table has no line of this key",
			},
		]);
	});

	test("fails the probe when the record is of another key, or when the key file is not safe", async () => {
		const { host } = await startHost();
		const signer = host.signer();
		const reading = await signer.read();
		const wrong = await signer.probe([{ domain: DOMAIN, selector: "202610", record: fresh.record }], reading);
		expect(wrong).toMatchObject([{ outcome: "failed" }]);
		expect(wrong[0]?.reason).toContain("does not verify against the record");

		const path = reading.lines[0]?.keyPath ?? "";
		await chmod(path, 0o644);
		expect(await signer.unsafe(path, reading)).toContain("can be read or written by everybody");
		const unsafe = await signer.probe([{ domain: DOMAIN, selector: "202610", record: old.record }], reading);
		expect(unsafe).toMatchObject([{ outcome: "failed" }]);
		expect(unsafe[0]?.reason).toContain("a temporary failure");
	});

	test("is ready, and is not once it is gone", async () => {
		const { host, program } = await startHost();
		const signer = host.signer();
		const reading = await signer.read();
		await signer.ready(5_000, reading);
		program.signal("SIGKILL");
		await program.stop();
		await expect(signer.ready(300, reading)).rejects.toMatchObject({ code: "signer.probe" });
	});
});

describe.skipIf(!mayRun)("what an unsigned probe proves", () => {
	async function probed(extra: string, entryOf = (path: string) => `${DOMAIN}:202610:${path}`) {
		const host = await prepareHost({ extra });
		const path = await host.writeKey("Example.COM", old);
		await host.write("signing.table", `*@${DOMAIN} example\n`);
		await host.write("key.table", `example ${entryOf(path)}\n`);
		await host.start();
		const signer = host.signer();
		const reading = await signer.read();
		return signer.probe([{ domain: DOMAIN, selector: "202610", record: old.record }], reading);
	}

	test("all where the table has the domain in capitals, and its path by it", async () => {
		const entryOf = (path: string) => `Example.COM:202610:${path.replace("Example.COM", "%")}`;
		expect(await probed("", entryOf)).toMatchObject([{ outcome: "signed" }]);
	});

	test("nothing where loopback is not internal", async () => {
		expect(await probed("InternalHosts 192.0.2.7")).toEqual([
			{
				domain: DOMAIN,
				selector: "202610",
				outcome: "unproven",
				reason: "the message came back unsigned: 127.0.0.1 is not among its InternalHosts",
			},
		]);
	});

	test("nothing by a mask in dots, which OpenDKIM does not know", async () => {
		expect(await probed("InternalHosts 127.0.0.0/255.0.0.0")).toMatchObject([{ outcome: "unproven" }]);
	});

	test("nothing where loopback is a peer that is let through", async () => {
		const [verdict] = await probed("PeerList 127.0.0.1");
		expect(verdict).toMatchObject({ outcome: "unproven" });
		expect(verdict?.reason).toContain("without looking at it");
	});

	test("a failure where loopback is internal but the daemon only verifies", async () => {
		expect(await probed("Mode v")).toMatchObject([
			{ outcome: "failed", reason: "the message came back unsigned" },
		]);
	});

	test.each(["127.0.0.0/8", "10.0.0.0/8,localhost", "127.0.0.1"])(
		"loopback is internal by InternalHosts %s",
		async (hosts) => {
			expect(await probed(`InternalHosts ${hosts}`)).toMatchObject([{ outcome: "signed" }]);
		},
	);
});
