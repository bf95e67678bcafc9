import { rename } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import type { RenderedFile, SignerChange } from "../../../src/ports/signer.ts";
import { makeKey, mayRun, type OpenDkimHost, prepareHost, signWith, verifier } from "./opendkim-host.ts";

const NEW = "example.org";
const old = makeKey();
const fresh = makeKey();
const expectation = { domain: NEW, selector: "202611", record: fresh.record };
const gone = { domain: NEW, selector: "202611", record: null };

/** A host that signs for one domain, and the change that gives another its first key. */
async function hostWithOne(signing: "file:" | "refile:", lines: string) {
	const host = await prepareHost({ signing });
	const oldPath = await host.writeKey("example", old);
	await host.write("signing.table", lines);
	await host.write("key.table", `example example.com:202610:${oldPath}\n`);
	const keyPath = await host.writeKey("202611", fresh);
	const first: SignerChange = { domain: NEW, from: null, to: { selector: "202611", keyPath } };
	return { host, first };
}

async function writeBeside(host: OpenDkimHost, rendered: readonly RenderedFile[]) {
	const staged = new Map<string, string>();
	for (const { path, bytes } of rendered) {
		const name = `${path.slice(path.lastIndexOf("/") + 1)}.staged`;
		staged.set(path, await host.write(name, Buffer.from(bytes).toString("latin1")));
	}
	return staged;
}

async function putInPlace(host: OpenDkimHost, rendered: readonly RenderedFile[]): Promise<void> {
	for (const [path, staged] of await writeBeside(host, rendered)) await rename(staged, path);
}

const TABLES = [
	["refile:", "*@example.com example\n"],
	["refile:", "news@example.com example\n* example\n"],
	["file:", "example.com example\n* example\n"],
	["file:", "example.com example"],
] as const;

describe.skipIf(!mayRun)("a first key in OpenDKIM's tables", () => {
	test.each(TABLES)("is signed with offline, and nothing live is changed: %s %j", async (kind, lines) => {
		const { host, first } = await hostWithOne(kind, lines);
		const signer = host.signer();
		const reading = await signer.read();
		const before = await signWith(host, `somebody@${NEW}`);
		const staged = await writeBeside(host, signer.render(reading, [first]));
		const [message] = await signer.signOffline(staged, [expectation], reading);
		const verdicts = await verifier.verify(message ?? "", async () => [fresh.record]);
		expect(verdicts).toEqual([{ domain: NEW, selector: "202611", outcome: "pass", reason: null }]);
		expect(await signWith(host, `somebody@${NEW}`)).toBe(before);
		expect(before).toBe(lines.includes("* example") ? "202610" : null);
	});

	test.each(TABLES)("signs once it is in place, and no more once it is out: %s %j", async (kind, lines) => {
		const { host, first } = await hostWithOne(kind, lines);
		const signer = host.signer();
		const reading = await signer.read();
		const before = await signWith(host, `somebody@${NEW}`);
		await putInPlace(host, signer.render(reading, [first]));
		expect(await signWith(host, `somebody@${NEW}`)).toBe("202611");
		expect(await signWith(host, "news@example.com")).toBe("202610");
		const out = signer.render(await signer.read(), [{ domain: NEW, from: "202611", to: null }]);
		await putInPlace(host, out);
		expect(await signWith(host, `somebody@${NEW}`)).toBe(before);
		expect((await signer.read()).tableHash === reading.tableHash).toBe(lines.endsWith("\n"));
	});

	test("between the two renames, either way, mail of both domains goes as before", async () => {
		const { host, first } = await hostWithOne("refile:", "*@example.com example\n");
		const signer = host.signer();
		const added = signer.render(await signer.read(), [first]);
		await putInPlace(host, added.slice(0, 1));
		expect(await signWith(host, "a@example.com")).toBe("202610");
		expect(await signWith(host, `a@${NEW}`)).toBeNull();
		await putInPlace(host, added);
		const out = signer.render(await signer.read(), [{ domain: NEW, from: "202611", to: null }]);
		await putInPlace(host, out.slice(0, 1));
		expect(await signWith(host, "a@example.com")).toBe("202610");
		expect(await signWith(host, `a@${NEW}`)).toBeNull();
	});

	test("a running one takes it up at a reload, and lets go of it at the next", async () => {
		const { host, first } = await hostWithOne("refile:", "*@example.com example\n");
		const program = await host.start();
		const signer = host.signer("reload");
		const reading = await signer.read();
		await putInPlace(host, signer.render(reading, [first]));
		expect(await host.signer("restart").probe([expectation], reading)).toMatchObject([{ outcome: "failed" }]);
		process.kill(program.pid, "SIGUSR1");
		expect(await signer.probe([expectation], reading)).toMatchObject([{ outcome: "signed" }]);

		expect(await host.signer("restart").probe([gone], reading)).toMatchObject([
			{ outcome: "failed", reason: "the live key table has its line example.org" },
		]);
		const out = signer.render(await signer.read(), [{ domain: NEW, from: "202611", to: null }]);
		await putInPlace(host, out);
		expect(await host.signer("restart").probe([gone], reading)).toMatchObject([
			{ outcome: "failed", reason: "still signed with 202611" },
		]);
		process.kill(program.pid, "SIGUSR1");
		expect(await signer.probe([gone], reading)).toMatchObject([{ outcome: "unsigned", reason: null }]);
	});

	test("it runs with empty tables, and signs for the first domain of all after a reload", async () => {
		const host = await prepareHost();
		await host.write("signing.table", "");
		await host.write("key.table", "");
		const program = await host.start();
		const signer = host.signer("reload");
		expect(await signer.preflight()).toBeNull();
		const keyPath = await host.writeKey("202611", fresh);
		const first: SignerChange = { domain: NEW, from: null, to: { selector: "202611", keyPath } };
		await putInPlace(host, signer.render(await signer.read(), [first]));
		process.kill(program.pid, "SIGUSR1");
		expect(await signer.probe([expectation], await signer.read())).toMatchObject([{ outcome: "signed" }]);
		await putInPlace(host, signer.render(await signer.read(), [{ domain: NEW, from: "202611", to: null }]));
		process.kill(program.pid, "SIGUSR1");
		expect(await signer.probe([gone], await signer.read())).toMatchObject([{ outcome: "unsigned" }]);
		expect(await signer.preflight()).toBeNull();
	});

	test("mail whose line names what the key table lacks is deferred, which is why no such line is left", async () => {
		const { host } = await hostWithOne("refile:", `*@${NEW} none\n* example\n`);
		await host.start();
		const signer = host.signer();
		const [verdict] = await signer.probe([gone], await signer.read());
		expect(verdict).toMatchObject({ outcome: "failed" });
		expect(verdict?.reason).toContain("a temporary failure");
	});
});
