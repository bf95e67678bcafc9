import { describe, expect, it } from "vitest";
import { KeyturnError } from "../../src/errors.ts";
import type { DoorAnswer, StageAnswer, StageChange } from "../../src/ports/door.ts";
import type { Signer } from "../../src/ports/signer.ts";
import { readLedger, writeLedger } from "../../src/swap/ledger.ts";
import { readStaged } from "../../src/swap/staged-switch.ts";
import { createSwap } from "../../src/swap/swap.ts";
import { type DoorOptions, DOOR_DIRECTORY, SIGNER_OWNER, SwapHost } from "../fakes/swap-host.ts";

const ID = "0123456789abcdef0123456789abcdef";
const ID2 = "fedcba9876543210fedcba9876543210";

function stage(host: SwapHost, changes: readonly StageChange[], options: DoorOptions = {}, id = ID) {
	return host.door(options).handle({ act: "stage", id, changes });
}

/** A door whose signer does one thing otherwise. */
function doorWith(host: SwapHost, change: (signer: Signer) => Partial<Signer>) {
	const context = host.context();
	const signers = new Map(
		[...context.signers].map(([name, given]) => [
			name,
			{ ...given, signer: { ...given.signer, ...change(given.signer) } },
		]),
	);
	return createSwap({ ...context, signers });
}

function staged(answer: DoorAnswer): StageAnswer {
	if (answer.act === "stage") return answer;
	throw new Error(JSON.stringify(answer));
}

/** Everything on the disk that is not the door's own, with what it holds. */
function outside(host: SwapHost): readonly string[] {
	return host.disk
		.all()
		.filter(({ path, stat }) => !path.startsWith(DOOR_DIRECTORY) && stat.kind === "file")
		.map(({ path, stat }) => `${path} ${stat.inode} ${host.disk.text(path)}`);
}

describe("a staging is refused, and nothing outside the door's directory changes,", () => {
	const long = "x".repeat(99);

	it.each<[string, (host: SwapHost) => readonly StageChange[], string]>([
		["without changes", () => [], "nothing to stage: the list of changes is empty"],
		[
			"for a domain that is none",
			(host) => [host.change("A.example", "old", "new")],
			"A.example: no domain name",
		],
		[
			"for a domain that is not configured",
			(host) => [host.change("evil.example", null, "new")],
			"evil.example: keyturn.yaml does not give it to signer main",
		],
		[
			"for a signer that is not the domain's",
			(host) => [host.change("a.example", "old", "new", "other")],
			"a.example: keyturn.yaml does not give it to signer other",
		],
		[
			"for a change that is none",
			(host) => [host.change("a.example", null, null)],
			"a.example: it changes nothing",
		],
		[
			"for a selector in use that is none",
			(host) => [host.change("a.example", `${long}/`, null)],
			`a.example: ${JSON.stringify("x".repeat(80))} is no selector`,
		],
		[
			"for a new selector that is none",
			(host) => [host.change("a.example", "old", `${long}_`)],
			`a.example: ${JSON.stringify("x".repeat(80))} is no selector`,
		],
		[
			"for two changes of one key",
			(host) => [host.change("a.example", "old", "new"), host.change("a.example", "old", "newer")],
			"a.example: selector old stands twice",
		],
		[
			"for two changes to one key",
			(host) => [host.change("a.example", "old", "new"), host.change("a.example", null, "new")],
			"a.example: selector new stands twice",
		],
		[
			"for a change of a key to itself",
			(host) => [host.change("a.example", "old", "old")],
			"a.example: selector old stands twice",
		],
		[
			"for a key that is another than its record's",
			(host) => {
				const change = host.change("a.example", "old", "new");
				const { record } = host.change("b.example", "old", "new").to ?? { record: "" };
				return [{ ...change, to: change.to && { ...change.to, record } }];
			},
			"a.example: the private key does not match the record",
		],
	])("%s", async (_what, changes, message) => {
		const host = new SwapHost({ swap: "restart" });
		const before = outside(host);
		const given = changes(host);
		const domains = given.slice(0, 1).map(({ domain }) => domain);
		expect(await stage(host, given)).toEqual({
			act: "refused",
			why: "invalid",
			domains,
			message,
			hint: null,
		});
		expect(outside(host)).toEqual(before);
	});

	it("for a domain whose signer is not configured any more", async () => {
		const host = new SwapHost({ swap: "restart" });
		const swap = createSwap({ ...host.context(), signers: new Map() });
		expect(
			await swap.handle({ act: "stage", id: ID, changes: [host.change("a.example", "old", "new")] }),
		).toMatchObject({ message: "a.example: keyturn.yaml does not give it to signer main" });
	});

	it("for a key whose place somebody has taken", async () => {
		const host = new SwapHost({ swap: "restart" });
		const path = host.keyPath("a.example", "new");
		host.disk.put(path, "theirs");
		expect(await stage(host, [host.change("a.example", "old", "new")])).toEqual({
			act: "refused",
			why: "unsafe",
			domains: ["a.example"],
			message: `${path}: expected no file, found one that this key did not make`,
			hint: "move it away, or choose another selector",
		});
	});

	it("for a key that is neither given nor here", async () => {
		const host = new SwapHost({ swap: "restart" });
		const change = host.change("a.example", "old", "new");
		const without = { ...change, to: change.to && { ...change.to, key: null } };
		const refusal = {
			act: "refused",
			why: "invalid",
			domains: ["a.example"],
			message: "new of a.example: no key was given and none is here",
			hint: "give the key",
		};
		expect(await stage(host, [without])).toEqual(refusal);
		const gone = { ...change, from: "new", to: change.to && { ...change.to, selector: "old", key: null } };
		host.disk.remove(host.keyPath("a.example", "old"));
		expect(await stage(host, [gone])).toMatchObject({
			message: "old of a.example: no key was given and none is here",
		});
	});

	it("for a key here that is another than the record's", async () => {
		const host = new SwapHost({ swap: "restart" });
		await host.switchKeys(host.door(), ID2, [host.change("a.example", "old", "new")]);
		const { record } = host.change("b.example", null, "old").to ?? { record: "" };
		const change = {
			signer: "main",
			domain: "a.example",
			from: "new",
			to: { selector: "old", record, key: null },
		};
		expect(await stage(host, [change])).toEqual({
			act: "refused",
			why: "invalid",
			domains: ["a.example"],
			message: `${host.keyPath("a.example", "old")}: the private key does not match the record`,
			hint: null,
		});
	});

	it("for a table that stands as asked already", async () => {
		const host = new SwapHost({ swap: "restart" });
		const swap = doorWith(host, () => ({ render: () => [] }));
		const changes = [host.change("a.example", "old", "new"), host.change("b.example", "old", "new")];
		expect(await swap.handle({ act: "stage", id: ID, changes })).toEqual({
			act: "refused",
			why: "table_changed",
			domains: ["a.example", "b.example"],
			message: "signer main: the table stands as asked already",
			hint: null,
		});
	});

	it("for a table that cannot be read, naming every domain that it holds up", async () => {
		const host = new SwapHost({ swap: "restart" });
		host.disk.put("/etc/main/key.table", "nonsense\n");
		const changes = [host.change("a.example", "old", "new"), host.change("b.example", "old", "new")];
		expect(await stage(host, changes)).toMatchObject({
			why: "failed",
			domains: ["a.example", "b.example"],
			message: expect.stringContaining("the key table does not parse") as string,
		});
	});

	it("for a domain whose lines cannot be changed, alone, so that the others can go on", async () => {
		const host = new SwapHost({ swap: "restart" });
		const swap = doorWith(host, (signer) => ({
			render: (reading, changes) => {
				if (changes.some(({ domain }) => domain === "b.example")) throw new Error("two lines of b.example");
				return signer.render(reading, changes);
			},
		}));
		const changes = [host.change("a.example", "old", "new"), host.change("b.example", "old", "new")];
		expect(await swap.handle({ act: "stage", id: ID, changes })).toMatchObject({
			act: "refused",
			why: "failed",
			domains: ["b.example"],
			message: expect.stringContaining("two lines of b.example") as string,
		});
	});

	it("for a domain whose line nothing uses, alone", async () => {
		const host = new SwapHost({ swap: "restart" });
		const swap = doorWith(host, (signer) => ({
			read: async () => {
				const reading = await signer.read();
				const lines = reading.lines.map((line) => ({ ...line, signs: line.domain !== "b.example" }));
				return { ...reading, lines };
			},
		}));
		const changes = [host.change("a.example", "old", "new"), host.change("b.example", "old", "new")];
		expect(await swap.handle({ act: "stage", id: ID, changes })).toMatchObject({
			act: "refused",
			why: "failed",
			domains: ["b.example"],
			message: "b.example: its line with old signs nothing",
		});
		expect(host.disk.text(host.keyPath("a.example", "new"))).toBeNull();
	});

	it("for another switch under the same id", async () => {
		const host = new SwapHost({ swap: "restart" });
		staged(await stage(host, [host.change("a.example", "old", "new")]));
		expect(await stage(host, [host.change("a.example", "old", "newer")])).toEqual({
			act: "refused",
			why: "invalid",
			domains: [],
			message: `${ID}: another switch was staged under this id`,
			hint: "use a new id",
		});
		expect(host.disk.text(host.keyPath("a.example", "newer"))).toBeNull();
	});

	it.each(["EXDEV", "EPERM"])("for a table that cannot be linked to: %s", async (errno) => {
		const host = new SwapHost({ swap: "restart" });
		const before = outside(host);
		const fault = (call: string, path: string) =>
			call === "link" && path.includes("key.table") ? errno : null;
		expect(await stage(host, [host.change("a.example", "old", "new")], { fault })).toEqual({
			act: "refused",
			why: "invalid",
			domains: ["a.example"],
			message: `/etc/main/key.table: ${errno} at a hard link to it: it is a mount of its own, is immutable or append-only (lsattr), or its file system has no hard links; it cannot be replaced safely`,
			hint: null,
		});
		expect(outside(host)).toEqual(before);
	});

	it("for a disk that fails at it, which is no mount", async () => {
		const host = new SwapHost({ swap: "restart" });
		const before = outside(host);
		const fault = (call: string) => (call === "link" ? "EIO" : null);
		expect(await stage(host, [host.change("a.example", "old", "new")], { fault })).toMatchObject({
			why: "failed",
			message: expect.stringContaining("EIO") as string,
		});
		expect(outside(host)).toEqual(before);
	});

	it("for a key file that the disk fails at, and the other domains may turn without it", async () => {
		const host = new SwapHost({ swap: "restart" });
		const path = host.keyPath("a.example", "new");
		const fault = (call: string, at: string) => (call === "lstat" && at === path ? "EIO" : null);
		const changes = ["b.example", "a.example"].map((domain) => host.change(domain, "old", "new"));
		expect(await stage(host, changes, { fault })).toMatchObject({
			why: "failed",
			domains: ["a.example"],
			message: `lstat ${path}: EIO`,
		});
	});

	it("for a key file that the signer would refuse", async () => {
		const host = new SwapHost({ swap: "restart" });
		const before = outside(host);
		const path = host.keyPath("a.example", "new");
		const swap = doorWith(host, () => ({
			unsafe: async (given) => (given === path ? "group may read" : null),
		}));
		const changes = [host.change("b.example", "old", "new"), host.change("a.example", "old", "new")];
		expect(await swap.handle({ act: "stage", id: ID, changes })).toEqual({
			act: "refused",
			why: "unsafe",
			domains: ["a.example"],
			message: `${path}: group may read`,
			hint: null,
		});
		expect(outside(host)).toEqual(before);
	});

	it("for a domain whose message the signer does not sign, alone, so that the others can go on", async () => {
		const host = new SwapHost({ swap: "restart" });
		const swap = doorWith(host, (signer) => ({
			signOffline: async (files, expectations, reading) => {
				if (expectations.some(({ domain }) => domain === "b.example"))
					throw new KeyturnError("signer.config", "b.example: an earlier line catches its mail");
				return signer.signOffline(files, expectations, reading);
			},
		}));
		const before = outside(host);
		const changes = ["a.example", "b.example"].map((domain) => host.change(domain, "old", "new"));
		expect(await swap.handle({ act: "stage", id: ID, changes })).toMatchObject({
			act: "refused",
			why: "failed",
			domains: ["b.example"],
			message: "b.example: an earlier line catches its mail",
		});
		expect(outside(host)).toEqual(before);
	});

	it("for a signer that signs nothing at all, naming nobody, and asks it once where it hangs", async () => {
		const host = new SwapHost({ swap: "restart" });
		const changes = ["a.example", "b.example"].map((domain) => host.change(domain, "old", "new"));
		const asked = async (code: "signer.probe" | "program.timeout") => {
			let times = 0;
			const swap = doorWith(host, () => ({
				signOffline: async () => {
					times += 1;
					throw new KeyturnError(code, "it does not sign");
				},
			}));
			const answer = await swap.handle({ act: "stage", id: ID, changes });
			expect(answer).toMatchObject({ act: "refused", message: "it does not sign" });
			return { times, domains: answer.act === "refused" ? answer.domains : null };
		};
		expect(await asked("signer.probe")).toEqual({ times: 3, domains: [] });
		expect(await asked("program.timeout")).toEqual({ times: 1, domains: [] });
	});

	it("for a signer that signs less than it was asked for", async () => {
		const host = new SwapHost({ swap: "restart" });
		const before = outside(host);
		const swap = doorWith(host, () => ({ signOffline: async () => ["one"] }));
		const changes = [host.change("a.example", "old", "new"), host.change("b.example", "old", "new")];
		expect(await swap.handle({ act: "stage", id: ID, changes })).toMatchObject({
			why: "failed",
			message: "signer main: expected 2 signed messages, got 1",
		});
		expect(outside(host)).toEqual(before);
	});

	it("where somebody else makes the staged table first", async () => {
		const host = new SwapHost({ swap: "restart" });
		const disk = (given: import("../../src/ports/disk.ts").Disk) => ({
			...given,
			create: async (path: string, mode: number) =>
				path.endsWith("keyturn-staged") ? ("exists" as const) : given.create(path, mode),
		});
		expect(await stage(host, [host.change("a.example", "old", "new")], { wrapDisk: disk })).toMatchObject({
			why: "failed",
			message: "/etc/main/.key.table.keyturn-staged: somebody else changes this directory",
		});
	});
});

describe("what concerns one of two signers", () => {
	const changes = (host: SwapHost) => [
		host.change("a.example", "old", "new"),
		host.change("c.example", "old", "new", "other"),
	];
	const failing = async (): Promise<never> =>
		Promise.reject(new KeyturnError("signer.probe", "it did not sign"));

	it.each<[string, Partial<Signer>]>([
		["at the making of its key's path", { read: failing }],
		["at its signing offline", { signOffline: failing }],
		["for its unsafe key", { unsafe: async () => "everybody can read it" }],
	])("is refused %s with its name", async (_, change) => {
		const host = new SwapHost({ swap: "restart", signers: ["main", "other"] });
		const door = doorWith(host, ({ name }) => (name === "other" ? change : {}));
		const answer = await door.handle({ act: "stage", id: ID, changes: changes(host) });
		expect(answer).toMatchObject({ act: "refused", signer: "other" });
	});

	it("is refused with its name where the other has the same table, which it is switched after", async () => {
		const host = new SwapHost({ swap: "restart", signers: ["main", "other"] });
		const door = doorWith(host, (signer) => ({
			read: async () => {
				const reading = await signer.read();
				const files = reading.files.map((file) => ({
					...file,
					path: file.path.replace(`/${signer.name}/`, "/main/"),
				}));
				return { ...reading, files };
			},
		}));
		expect(await door.handle({ act: "stage", id: ID, changes: changes(host) })).toMatchObject({
			act: "refused",
			why: "table_changed",
			signer: "other",
			message: "/etc/main/key.table is a table of main, too, which is switched first",
		});
		expect(host.leftovers()).toEqual([]);
	});

	it("is refused at the commit with its name, and what concerns the host without", async () => {
		const host = new SwapHost({ swap: "restart", signers: ["main", "other"] });
		const { tableHashes } = staged(await stage(host, changes(host)));
		const commit = { act: "commit", id: ID, tableHashes, evidence: host.evidence(changes(host)) } as const;
		const complaining = doorWith(host, ({ name }) =>
			name === "other" ? { preflight: async () => "line 3: bad" } : {},
		);
		expect(await complaining.handle(commit)).toMatchObject({ act: "refused", signer: "other" });
		const stale = await host.door().handle({ ...commit, evidence: [] });
		expect(stale).toMatchObject({ act: "refused", why: "stale_evidence" });
		expect(stale).not.toHaveProperty("signer");
	});
});

describe("a staging", () => {
	it("signs each new key's message in the order asked, by each signer for its own", async () => {
		const host = new SwapHost({ swap: "restart", signers: ["main", "other"] });
		const changes = [
			host.change("c.example", "old", "new", "other"),
			host.change("b.example", "old", "new"),
			host.change("a.example", "old", null),
		];
		const answer = staged(await stage(host, changes));
		expect(answer.id).toBe(ID);
		expect(answer.messages.map(({ signer, domain, selector }) => [signer, domain, selector])).toEqual([
			["other", "c.example", "new"],
			["main", "b.example", "new"],
		]);
		expect(answer.messages.map(({ message }) => /d=([^;]*); s=([^;]*)/.exec(message)?.slice(1))).toEqual([
			["c.example", "new"],
			["b.example", "new"],
		]);
		expect(Object.keys(answer.tableHashes)).toEqual(["other", "main"]);
	});

	it("asks for no signature where lines are only taken out", async () => {
		const host = new SwapHost({ swap: "restart" });
		const swap = doorWith(host, () => ({
			signOffline: async () => {
				throw new Error("nothing to sign");
			},
		}));
		const changes = [host.change("a.example", "old", null)];
		expect(staged(await swap.handle({ act: "stage", id: ID, changes })).messages).toEqual([]);
	});

	it("gives the signer the rendered table as readable as the live one, and only while it signs", async () => {
		const host = new SwapHost({ swap: "restart" });
		const owner = { uid: 0, gid: 110 };
		host.disk.put("/etc/main/key.table", `${host.disk.text("/etc/main/key.table")}`, 0o640, owner);
		const path = "/etc/main/.key.table.keyturn-staged";
		host.disk.put(path, "left by a crash");
		const seen: unknown[] = [];
		const swap = doorWith(host, (signer) => ({
			signOffline: async (...given) => {
				const stat = host.disk.all().find((entry) => entry.path === path)?.stat;
				seen.push(stat?.mode, stat?.uid, stat?.gid, host.disk.text(path));
				return signer.signOffline(...given);
			},
		}));
		staged(await swap.handle({ act: "stage", id: ID, changes: [host.change("a.example", "old", "new")] }));
		const live = host.disk.text("/etc/main/key.table") ?? "";
		expect(seen).toEqual([
			0o640,
			0,
			110,
			live.replace("a.example:old:", "a.example:new:").replace("a.example/old.", "a.example/new."),
		]);
		expect(host.leftovers()).toEqual([]);
	});

	it("is written down before any file is made, and as complete when all is signed", async () => {
		const host = new SwapHost({ swap: "restart" });
		const known: unknown[] = [];
		const swap = doorWith(host, (signer) => ({
			unsafe: async (...given) => {
				const context = host.context();
				known.push((await readStaged(context, ID))?.isComplete, (await readLedger(context)).length);
				return signer.unsafe(...given);
			},
		}));
		await swap.handle({ act: "stage", id: ID, changes: [host.change("a.example", "old", "new")] });
		expect(known).toEqual([false, 1]);
		const context = host.context();
		const path = host.keyPath("a.example", "new");
		expect(await readStaged(context, ID)).toMatchObject({
			schema: 1,
			id: ID,
			isComplete: true,
			signers: [
				{
					signer: "main",
					changes: [{ domain: "a.example", from: "old", to: { selector: "new", keyPath: path } }],
					files: [{ path: "/etc/main/key.table" }],
				},
			],
		});
		expect(await readLedger(context)).toEqual([
			expect.objectContaining({ signer: "main", domain: "a.example", selector: "new", path, origin: "made" }),
		]);
		expect((await readLedger(context))[0]).toMatchObject({ id: ID, wasLive: false });
	});

	it("takes over the key of a staging that was not dropped, under its own id", async () => {
		const host = new SwapHost({ swap: "restart" });
		const changes = [host.change("a.example", "old", "new")];
		staged(await stage(host, changes));
		staged(await stage(host, changes, {}, ID2));
		expect((await readLedger(host.context())).map(({ id, wasLive }) => [id, wasLive])).toEqual([
			[ID2, false],
		]);
		await host.door().handle({ act: "drop", keys: [], staged: [ID] });
		expect(host.disk.text(host.keyPath("a.example", "new"))).not.toBeNull();
	});

	it("does not forget that a key has been live", async () => {
		const host = new SwapHost({ swap: "restart" });
		await host.switchKeys(host.door(), ID2, [host.change("a.example", "old", "new")]);
		await host.switchKeys(host.door(), "0".repeat(32), [host.change("a.example", "new", "newer")]);
		staged(await stage(host, [host.change("a.example", "newer", "new")]));
		await host.door().handle({ act: "drop", keys: [], staged: [ID] });
		expect(host.disk.text(host.keyPath("a.example", "new"))).not.toBeNull();
	});

	it("of a key that others placed and a live table names needs no key", async () => {
		const host = new SwapHost({ swap: "restart" });
		const { record } = host.change("b.example", null, "old").to ?? { record: "" };
		const change = {
			signer: "main",
			domain: "b.example",
			from: null,
			to: { selector: "old", record, key: null },
		};
		const swap = doorWith(host, (signer) => ({
			render: (reading) =>
				signer
					.render(reading, [])
					.slice(0, 1)
					.map((file) => ({ ...file, bytes: new Uint8Array([...file.bytes, 0x23, 0x0a]) })),
		}));
		expect(staged(await swap.handle({ act: "stage", id: ID, changes: [change] })).messages).toHaveLength(1);
		expect((await readLedger(host.context())).map(({ selector }) => selector)).toEqual([]);
	});

	it("that fails is given up with its keys; if even that fails, the log says who will", async () => {
		const host = new SwapHost({ swap: "restart" });
		let isBroken = false;
		const fault = (call: string, path: string) => {
			if (call === "file.sync" && path.endsWith(".private")) isBroken = true;
			return isBroken && call !== "lstat" ? "EIO" : null;
		};
		expect(await stage(host, [host.change("a.example", "old", "new")], { fault })).toMatchObject({
			why: "failed",
		});
		expect(host.said.find(({ level }) => level === "warn")).toMatchObject({
			message: "a refused staging could not be removed; the next one with this id or drop does it",
			fields: { id: ID, error: expect.stringContaining("EIO") as string },
		});
		staged(await stage(host, [host.change("a.example", "old", "new")]));
	});

	it("gives new keys to the signer's user", async () => {
		const host = new SwapHost({ swap: "restart" });
		staged(await stage(host, [host.change("new.main.example", null, "new")]));
		const path = host.keyPath("new.main.example", "new");
		expect(host.disk.all().find((entry) => entry.path === path)?.stat).toMatchObject(SIGNER_OWNER);
	});
});

describe("a key that signed before", () => {
	it("is found though its signer had another name then", async () => {
		const host = new SwapHost({ swap: "restart" });
		await host.switchKeys(host.door(), ID2, [host.change("a.example", "old", "new")]);
		const context = host.context();
		const ledger = await readLedger(context);
		await writeLedger(
			context,
			ledger.map((key) => ({ ...key, signer: "before" })),
		);
		const { to } = host.change("a.example", "new", "old");
		const back = { signer: "main", domain: "a.example", from: "new", to: to && { ...to, key: null } };
		expect(await stage(host, [back])).toMatchObject({ act: "stage" });
	});
});
