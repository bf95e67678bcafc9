import { describe, expect, it } from "vitest";
import type { SignerReading } from "../../src/ports/signer.ts";
import type { SwapOptions } from "../../src/swap/swap.ts";
import type { DropAnswer, OtherReader } from "../../src/ports/door.ts";
import { drop as dropKeys } from "../../src/swap/dropping.ts";
import { readLedger } from "../../src/swap/ledger.ts";
import { simKey } from "../fakes/sim-signer.ts";
import { SIGNER_OWNER, type DoorOptions, SwapHost, type SwapHostOptions } from "../fakes/swap-host.ts";

const ID = "0123456789abcdef0123456789abcdef";
const ID2 = "fedcba9876543210fedcba9876543210";

async function drop(
	host: SwapHost,
	selector: string,
	staged: readonly string[] = [],
): Promise<DropAnswer["keys"][0]> {
	const keys = [{ signer: "main", domain: "a.example", selector }];
	const answer = await host.door().handle({ act: "drop", keys, staged });
	if (answer.act !== "drop" || answer.keys[0] === undefined) throw new Error(JSON.stringify(answer));
	return answer.keys[0];
}

const NOBODY: OtherReader = {
	program: "amavis",
	where: "/etc/amavisd.conf",
	domain: null,
	selector: null,
	keyPath: null,
	publicKey: null,
	problem: null,
};

/** a.example was switched from old to new, and from there to newer. */
async function switchedTwice(options: Omit<SwapHostOptions, "swap"> = {}): Promise<SwapHost> {
	const host = new SwapHost({ swap: "restart", ...options });
	await host.switchKeys(host.door(), ID, [host.change("a.example", "old", "new")]);
	await host.switchKeys(host.door(), ID2, [host.change("a.example", "new", "newer")]);
	return host;
}

/** Its table has a line for c.example besides. */
function naming(host: SwapHost, keyPath: string, options: DoorOptions = {}, unread?: string): SwapOptions {
	const context = host.context(options);
	const signers = [...context.signers].map(([name, given]) => {
		const read = async (): Promise<SignerReading> => {
			const reading = await given.signer.read();
			const line = {
				domain: "c.example",
				selector: "s",
				entry: "c",
				keyPath,
				publicKey: null,
				problem: null,
				signs: true,
			};
			return { ...reading, lines: [...reading.lines, unread === undefined ? line : { ...line, unread }] };
		};
		return [name, { ...given, signer: { ...given.signer, read } }] as const;
	});
	return { ...context, signers: new Map(signers) };
}

describe("a key file", () => {
	it("goes, and the ledger forgets it and no other", async () => {
		const host = await switchedTwice();
		expect(await drop(host, "new")).toEqual({
			domain: "a.example",
			selector: "new",
			gone: true,
			reason: null,
		});
		expect((await readLedger(host.context())).map(({ selector }) => selector).toSorted()).toEqual([
			"newer",
			"old",
		]);
	});

	it("goes also when keyturn.yaml has its signer no more, and is gone where it was", async () => {
		const host = await switchedTwice();
		const path = host.keyPath("a.example", "new");
		const context = { ...host.context(), signers: new Map() };
		const keys = [{ signer: "main", domain: "a.example", selector: "new" }];
		for (const time of ["the first time", "again"]) {
			const answer = await dropKeys(context, { keys, staged: [] });
			expect(answer.keys, time).toMatchObject([{ gone: true }]);
			expect(await context.disk.stat(path), time).toBeNull();
		}
	});

	it("stays as long as a live table names it", async () => {
		const host = await switchedTwice();
		const path = host.keyPath("a.example", "newer");
		expect(await drop(host, "newer")).toMatchObject({
			gone: false,
			reason: `${path}: a live table names it`,
		});
	});

	it("stays as long as a live table names a link to it", async () => {
		const host = await switchedTwice();
		const path = host.keyPath("a.example", "new");
		host.disk.putSymlink("/etc/main/alias.private", path);
		const table = host.disk.text("/etc/main/key.table") ?? "";
		host.disk.put(
			"/etc/main/key.table",
			table.replace(host.keyPath("b.example", "old"), "/etc/main/alias.private"),
		);
		expect(await drop(host, "new")).toMatchObject({ gone: false, reason: `${path}: a live table names it` });
	});

	it("stays as long as a live table names it by way of a link to its directory", async () => {
		const host = await switchedTwice();
		const path = host.keyPath("a.example", "new");
		host.disk.putSymlink("/keys", "/etc/main/keys");
		const table = host.disk.text("/etc/main/key.table") ?? "";
		host.disk.put(
			"/etc/main/key.table",
			table.replace(host.keyPath("b.example", "old"), "/keys/a.example/new.private"),
		);
		expect(await drop(host, "new")).toMatchObject({ gone: false, reason: `${path}: a live table names it` });
	});

	it("goes though a domain to which somebody gave it by hand signed with it as well", async () => {
		const host = new SwapHost({ swap: "restart" });
		await host.switchKeys(host.door(), ID, [host.change("a.example", "old", "new")]);
		const path = host.keyPath("a.example", "new");
		const table = host.disk.text("/etc/main/key.table") ?? "";
		host.disk.put("/etc/main/key.table", table.replace(host.keyPath("b.example", "old"), path));
		await host.switchKeys(host.door(), ID2, [
			host.change("a.example", "new", "newer"),
			host.change("b.example", "old", "newer"),
		]);
		expect((await readLedger(host.context())).filter((key) => key.path === path)).toMatchObject([
			{ domain: "a.example", origin: "made" },
			{ domain: "b.example", origin: "found" },
		]);
		expect(await drop(host, "new")).toMatchObject({ gone: true, reason: null });
		expect(host.disk.text(path)).toBeNull();
	});

	it("stays as long as a staged switch waits for it, and goes with that", async () => {
		const host = await switchedTwice();
		const path = host.keyPath("a.example", "new");
		const back = host.change("a.example", "newer", "new");
		const away = host.change("b.example", "old", null);
		const staged = "1".repeat(32);
		await host.door().handle({ act: "stage", id: staged, changes: [away, back] });
		expect(await drop(host, "new")).toMatchObject({
			gone: false,
			reason: `${path}: a staged switch waits for it`,
		});
		expect(await drop(host, "new", [staged])).toMatchObject({ gone: true, reason: null });
	});

	it.each([
		["by its path", { keyPath: "/etc/main/keys/a.example/new.private" }],
		["by its name", { domain: "a.example", selector: "new" }],
		["by its selector, for any domain", { selector: "new" }],
		["or may", { problem: "EIO" }],
	])("stays as long as something else reads it %s", async (_, says) => {
		const host = await switchedTwice({ otherReaders: [{ ...NOBODY, ...says }] });
		const path = host.keyPath("a.example", "new");
		const reason =
			"problem" in says
				? `${path}: whether amavis reads it cannot be told: /etc/amavisd.conf: EIO`
				: `${path}: amavis reads it (/etc/amavisd.conf)`;
		expect(await drop(host, "new")).toMatchObject({ gone: false, reason });
		expect(host.disk.text(path)).not.toBeNull();
	});

	it("goes though something else reads another key", async () => {
		const host = await switchedTwice({
			otherReaders: [{ ...NOBODY, domain: "b.example", selector: "new", keyPath: "/k" }],
		});
		expect(await drop(host, "new")).toMatchObject({ gone: true });
	});

	it("of somebody else stays, whether the door replaced it or never heard of it", async () => {
		const host = await switchedTwice();
		const old = host.keyPath("a.example", "old");
		const reason = `${old}: keyturn did not make it`;
		expect(await drop(host, "old")).toMatchObject({ gone: false, reason, isForeign: true });
		const foreign = host.keyPath("a.example", "foreign");
		host.disk.put(foreign, "theirs");
		expect(await drop(host, "foreign")).toMatchObject({
			gone: false,
			reason: `${foreign}: keyturn did not make it`,
			isForeign: true,
		});
		expect(await drop(host, "never")).toMatchObject({ gone: true, reason: null });
	});

	it("of a ring's name goes, and the key that was found under that name before ours stays", async () => {
		const host = new SwapHost({ swap: "restart" });
		await host.switchKeys(host.door(), ID, [host.change("a.example", "old", "new")]);
		const { key, record } = simKey("a.example old, once more");
		host.records.set("old a.example", record);
		const again = { signer: "main", domain: "a.example", from: "new", to: { selector: "old", record, key } };
		await host.switchKeys(host.door(), ID2, [again]);
		const [found, placed] = ["old", "old-2"].map((name) => host.keyPath("a.example", name));
		expect(host.disk.text(placed ?? "")).toBe(key);
		await host.switchKeys(host.door(), "1".repeat(32), [host.change("a.example", "old", "newer")]);
		// The one that the record is of is gone back to.
		const back = { ...again, from: "newer", to: { ...again.to, key: null } };
		await host.switchKeys(host.door(), "2".repeat(32), [back]);
		expect(host.disk.text("/etc/main/key.table")).toContain(placed);
		await host.switchKeys(host.door(), "3".repeat(32), [host.change("a.example", "old", "newest")]);
		expect(await drop(host, "old")).toMatchObject({ gone: true });
		expect(host.disk.text(placed ?? "")).toBeNull();
		expect(host.disk.text(found ?? "")).not.toBeNull();
	});

	it("stays if it is not the one that was placed", async () => {
		const host = await switchedTwice();
		const path = host.keyPath("a.example", "new");
		host.disk.put(path, "theirs");
		expect(await drop(host, "new")).toMatchObject({
			gone: false,
			reason: `${path}: it is not the file that keyturn placed`,
		});
		expect(host.disk.text(path)).toBe("theirs");
		expect((await readLedger(host.context())).map(({ selector }) => selector)).toContain("new");
	});

	it("goes though a line of somebody else's leads to no file", async () => {
		const host = await switchedTwice();
		const context = naming(host, `${host.keyPath("a.example", "newer")}/x`);
		const keys = [{ signer: "main", domain: "a.example", selector: "new" }];
		expect((await dropKeys(context, { keys, staged: [] })).keys).toMatchObject([
			{ gone: true, reason: null },
		]);
		expect(host.disk.text(host.keyPath("a.example", "new"))).toBeNull();
	});

	it("stays while a line cannot be followed, which may lead to it; what was only staged is given up", async () => {
		const host = await switchedTwice();
		const staged = "1".repeat(32);
		await host.door().handle({ act: "stage", id: staged, changes: [host.change("b.example", "old", "new")] });
		const fault = (_call: string, path: string) => (path === "/etc/main/alias" ? "EIO" : null);
		const context = naming(host, "/etc/main/alias", { fault });
		const keys = [{ signer: "main", domain: "a.example", selector: "new" }];
		const path = host.keyPath("a.example", "new");
		expect((await dropKeys(context, { keys, staged: [staged] })).keys).toMatchObject([
			{
				gone: false,
				reason: expect.stringMatching(
					`^${path}: whether a live table names it cannot be told: c.example: .*/etc/main/alias: EIO$`,
				) as string,
			},
		]);
		expect(host.disk.text(path)).not.toBeNull();
		expect(host.disk.text(host.keyPath("b.example", "new"))).toBeNull();
	});

	it("of any signer stays while one signer's table cannot be read", async () => {
		const host = new SwapHost({ swap: "restart", signers: ["main", "other"] });
		await host.switchKeys(host.door(), ID, [host.change("a.example", "old", "new")]);
		await host.switchKeys(host.door(), ID2, [host.change("a.example", "new", "newer")]);
		host.disk.put("/etc/other/key.table", "nonsense\n");
		const keys = [{ signer: "main", domain: "a.example", selector: "new" }];
		expect(await host.door().handle({ act: "drop", keys, staged: [] })).toMatchObject({
			act: "refused",
			why: "failed",
			message:
				'signer other: nothing is deleted while its table cannot be read: the key table does not parse at "nonsense"',
		});
		expect(host.disk.text(host.keyPath("a.example", "new"))).not.toBeNull();
	});
});

describe("a private half", () => {
	async function reveal(host: SwapHost, selector: string) {
		const key = { signer: "main", domain: "a.example", selector };
		const answer = await host.door().handle({ act: "drop", keys: [], staged: [], reveal: [key] });
		if (answer.act !== "drop") throw new Error(JSON.stringify(answer));
		return answer.revealed;
	}
	const whose = { domain: "a.example", selector: "new" };

	it("is given back as it was placed, as often as it is asked for, and its file stays", async () => {
		const host = await switchedTwice({ mayReveal: true });
		const { key } = simKey("a.example new");
		for (const time of [1, 2])
			expect(await reveal(host, "new"), `${time}`).toEqual([{ ...whose, key, reason: null }]);
		expect(await drop(host, "new")).toMatchObject({ gone: true });
		expect(await reveal(host, "new")).toEqual([{ ...whose, key: null, reason: "the door has no such key" }]);
	});

	it("is not given back unless keyturn.yaml says so", async () => {
		const host = await switchedTwice();
		expect(await reveal(host, "new")).toEqual([
			{ ...whose, key: null, reason: "keyturn.yaml does not say retire.publish_private" },
		]);
	});

	it.each([
		["newer", "a live table names it"],
		["old", "keyturn did not make it"],
	])("of %s is not given back: %s", async (selector, why) => {
		const host = await switchedTwice({ mayReveal: true });
		const path = host.keyPath("a.example", selector);
		expect(await reveal(host, selector)).toMatchObject([{ key: null, reason: `${path}: ${why}` }]);
	});

	it("is not given back while something else reads it, a table names a copy or may, or it was changed", async () => {
		const read = await switchedTwice({ mayReveal: true, otherReaders: [{ ...NOBODY, selector: "new" }] });
		const path = read.keyPath("a.example", "new");
		expect(await reveal(read, "new")).toMatchObject([
			{ key: null, reason: `${path}: amavis reads it (/etc/amavisd.conf)` },
		]);
		const shared = await switchedTwice({ mayReveal: true });
		shared.disk.put(shared.keyPath("b.example", "old"), simKey("a.example new").key, 0o600, SIGNER_OWNER);
		expect(await reveal(shared, "new")).toMatchObject([
			{ key: null, reason: `${path}: a live table names a copy of it` },
		]);
		const unread = await switchedTwice({ mayReveal: true });
		const wanted = [{ signer: "main", domain: "a.example", selector: "new" }];
		const context = naming(unread, unread.keyPath("b.example", "old"), {}, "EIO");
		expect((await dropKeys(context, { keys: [], staged: [], reveal: wanted })).revealed).toMatchObject([
			{
				key: null,
				reason: `${path}: whether a live table names a copy of it cannot be told: c.example: EIO`,
			},
		]);
		const changed = await switchedTwice({ mayReveal: true });
		changed.disk.put(path, simKey("b.example old").key, 0o600, SIGNER_OWNER);
		expect(await reveal(changed, "new")).toMatchObject([
			{ key: null, reason: `${path}: it is not the file that keyturn placed` },
		]);
	});
});

describe("a staged switch that is given up", () => {
	it("takes its own keys with it, and no key of another", async () => {
		const host = new SwapHost({ swap: "restart" });
		await host.door().handle({ act: "stage", id: ID, changes: [host.change("a.example", "old", "new")] });
		await host.door().handle({ act: "stage", id: ID2, changes: [host.change("b.example", "old", "new")] });
		await host.door().handle({ act: "drop", keys: [], staged: [ID] });
		expect(host.disk.text(host.keyPath("a.example", "new"))).toBeNull();
		expect(host.disk.text(host.keyPath("b.example", "new"))).not.toBeNull();
		expect((await readLedger(host.context())).map(({ domain }) => domain)).toEqual(["b.example"]);
	});

	it("leaves a key file that a live table names by now, since an administrator wrote it in", async () => {
		const host = new SwapHost({ swap: "restart" });
		await host.door().handle({ act: "stage", id: ID, changes: [host.change("a.example", "old", "new")] });
		const table = host.disk.text("/etc/main/key.table") ?? "";
		host.disk.put(
			"/etc/main/key.table",
			table.replace("a.example:old:", "a.example:new:").replace("a.example/old.", "a.example/new."),
		);
		await host.door().handle({ act: "drop", keys: [], staged: [ID] });
		expect(host.disk.text(host.keyPath("a.example", "new"))).not.toBeNull();
	});

	it("may be unknown", async () => {
		const host = new SwapHost({ swap: "restart" });
		expect(await host.door().handle({ act: "drop", keys: [], staged: [ID] })).toEqual({
			act: "drop",
			keys: [],
		});
	});
});
