import { describe, expect, it } from "vitest";
import type { SigningLine } from "../../src/ports/signer.ts";
import { groupsOf } from "../../src/swap/groups.ts";
import { readLedger } from "../../src/swap/ledger.ts";
import { simKey } from "../fakes/sim-signer.ts";
import { SIGNER_OWNER, SwapHost } from "../fakes/swap-host.ts";

const ID = "0123456789abcdef0123456789abcdef";
const ID2 = "fedcba9876543210fedcba9876543210";
const BOTH = ["a.example", "b.example"];
const SHARED = "/etc/main/keys/shared.private";

/** Both domains sign with one key file. */
function sharingHost(): SwapHost {
	const host = new SwapHost({ swap: "restart" });
	const { key, record } = simKey("shared");
	host.disk.put(SHARED, key, 0o600, SIGNER_OWNER);
	host.disk.put(
		"/etc/main/key.table",
		BOTH.map((domain) => `label-${domain} ${domain}:old:${SHARED}\n`).join(""),
	);
	for (const domain of BOTH) host.records.set(`old ${domain}`, record);
	host.startAll();
	return host;
}

const changes = (host: SwapHost, from: string, selector: string) =>
	BOTH.map((domain) => {
		const { key, record } = simKey(selector);
		host.records.set(`${selector} ${domain}`, record);
		return { signer: "main", domain, from, to: { selector, record, key } };
	});

function line(changed: Partial<SigningLine>): SigningLine {
	const keyPath = `/k/${changed.domain}`;
	return {
		domain: "",
		selector: "s",
		entry: "e",
		keyPath,
		publicKey: null,
		problem: null,
		signs: true,
		...changed,
	};
}

describe("lines that turn together", () => {
	const context = sharingHost().context();
	const named = (lines: readonly SigningLine[]) => {
		const groups = groupsOf(context, "main", { lines });
		return lines.map(({ domain, selector }) => groups.nameOf(domain, selector));
	};

	it("share a key file, or are one line of the configuration", () => {
		const own = BOTH.map((domain) => line({ domain, entry: domain }));
		expect(named(own)).toEqual([null, null]);
		expect(named(own.map((one) => ({ ...one, keyPath: "/k" })))).toEqual(["/k", "/k"]);
		expect(named(BOTH.map((domain) => line({ domain, entry: "all", keyPath: "/k" })))).toEqual(["/k", "/k"]);
		expect(named(BOTH.map((domain) => line({ domain, entry: "all" })))).toEqual(["entry all", "entry all"]);
	});

	it("cannot be turned where one has a signer for each of its keys: its next key is never that of the others", () => {
		const [first = "", second = ""] = BOTH;
		const domains = new Map([...context.domains, [second, ["main", "other"]] as const]);
		const lines = BOTH.map((domain) => line({ domain, entry: "all", keyPath: "/k" }));
		const problems = (own: readonly SigningLine[]) => {
			const groups = groupsOf({ ...context, domains }, "main", { lines: own });
			return own.map((one) => groups.problemOf(one));
		};
		const why = `its line all signs for ${first}, ${second}, and keyturn.yaml gives ${second} a signer for each of its keys: it needs a line of its own`;
		expect(problems(lines)).toEqual([why, why]);
		expect(problems(lines.map((one) => ({ ...one, entry: one.domain })))).toEqual([null, null]);
	});

	it("are not those that sign nothing, or cannot be turned", () => {
		expect(
			named([
				line({ domain: "a.example", entry: "a", keyPath: "/k" }),
				line({ domain: "b.example", entry: "b", keyPath: "/k", signs: false }),
			]),
		).toEqual([null, null]);
	});

	it("leave the line of a domain alone that keyturn.yaml does not name, unless it is the same line", () => {
		const own = line({ domain: "a.example", entry: "a", keyPath: "/k" });
		const foreign = line({ domain: "stranger.example", entry: "s", keyPath: "/k" });
		expect(named([own, foreign])).toEqual([null, null]);
		expect(groupsOf(context, "main", { lines: [own, foreign] }).problemOf(own)).toBeNull();
		const one = { ...foreign, entry: "a" };
		expect(groupsOf(context, "main", { lines: [own, one] }).problemOf(own)).toBe(
			"its line a also signs for stranger.example, which keyturn.yaml does not give to signer main: the record of the next key would be missing there",
		);
	});
});

describe("one key of several domains", () => {
	it("is told as such, lies in one file, and goes with the last of them", async () => {
		const host = sharingHost();
		const inspected = await host.door().handle({ act: "inspect", ids: [] });
		if (inspected.act !== "inspect") throw new Error(inspected.act);
		expect(inspected.signers[0]?.lines.map(({ group }) => group)).toEqual([SHARED, SHARED]);
		await host.switchKeys(host.door(), ID, changes(host, "old", "new"));
		expect(host.selectors()).toEqual({ "a.example": "new", "b.example": "new" });
		const path = host.keyPath("a.example", "new");
		expect(host.disk.text("/etc/main/key.table")?.split(path)).toHaveLength(3);
		expect(host.disk.text(host.keyPath("b.example", "new"))).toBeNull();
		await host.switchKeys(host.door(), ID2, changes(host, "new", "newer"));
		for (const [domain, isThere] of [
			["b.example", true],
			["a.example", false],
		] as const) {
			const keys = [{ signer: "main", domain, selector: "new" }];
			const answer = await host.door().handle({ act: "drop", keys, staged: [] });
			expect(answer).toMatchObject({ keys: [{ gone: true }] });
			expect(host.disk.text(path) !== null, domain).toBe(isThere);
		}
		expect((await readLedger(host.context())).filter(({ selector }) => selector === "new")).toEqual([]);
		expect(host.violations).toEqual(new Set());
	});

	it("stays for the others when one has dropped it, whose next key of that name lies beside it", async () => {
		const host = sharingHost();
		await host.switchKeys(host.door(), ID, changes(host, "old", "new"));
		await host.switchKeys(host.door(), ID2, changes(host, "new", "newer"));
		const before = host.disk.text(host.keyPath("a.example", "new"));
		const keys = [{ signer: "main", domain: "a.example", selector: "new" }];
		for (const time of ["first", "again"])
			expect(await host.door().handle({ act: "drop", keys, staged: [] }), time).toMatchObject({
				keys: [{ gone: true }],
			});
		const { key, record } = simKey("another");
		host.records.set("new a.example", record);
		const another = {
			signer: "main",
			domain: "a.example",
			from: "newer",
			to: { selector: "new", record, key },
		};
		await host.switchKeys(host.door(), "1".repeat(32), [another]);
		expect(host.selectors()).toMatchObject({ "a.example": "new" });
		expect(host.disk.text(host.keyPath("a.example", "new-2"))).toBe(key);
		expect(host.disk.text(host.keyPath("a.example", "new"))).toBe(before);
		expect(host.mailFault("a.example")).toBeNull();
		expect(host.violations).toEqual(new Set());
	});

	it("lies beside one of before that only some have dropped, for all alike, and --dry-run says so", async () => {
		const host = sharingHost();
		await host.switchKeys(host.door(), ID, changes(host, "old", "new"));
		await host.switchKeys(host.door(), ID2, changes(host, "new", "newer"));
		const keys = [{ signer: "main", domain: "a.example", selector: "new" }];
		await host.door().handle({ act: "drop", keys, staged: [] });
		const path = host.keyPath("a.example", "new-2");
		const foretell = [{ signer: "main", domain: "a.example", from: "newer", selector: "new" }];
		const told = await host.door().handle({ act: "inspect", ids: [], foretell });
		const { key, record } = simKey("another");
		const next = BOTH.map((domain) => {
			host.records.set(`new ${domain}`, record);
			return { signer: "main", domain, from: "newer", to: { selector: "new", record, key } };
		});
		await host.switchKeys(host.door(), "1".repeat(32), next);
		expect(host.selectors()).toEqual({ "a.example": "new", "b.example": "new" });
		expect(host.disk.text("/etc/main/key.table")?.split(`${path}\n`)).toHaveLength(3);
		expect(JSON.stringify(told).split(path)).toHaveLength(3);
		expect(host.violations).toEqual(new Set());
	});

	it("goes back for all of them when the signer does not sign with it for one", async () => {
		const host = sharingHost();
		host.program().spoils.add("b.example new");
		const answer = await host.switchKeys(host.door(), ID, changes(host, "old", "new"));
		expect(host.selectors()).toEqual({ "a.example": "old", "b.example": "old" });
		expect(answer).toMatchObject({
			result: {
				keys: [
					{
						domain: "a.example",
						outcome: "rolled_back",
						reason: expect.stringContaining("b.example") as string,
					},
					{ domain: "b.example", outcome: "rolled_back" },
				],
			},
		});
		for (const domain of BOTH) expect(host.mailFault(domain)).toBeNull();
	});

	it("is not taken for the key of a domain that comes with a key of its own", async () => {
		const host = sharingHost();
		const both = changes(host, "old", "new");
		const own = simKey("own");
		host.records.set("new b.example", own.record);
		const differing = both.map((change) =>
			change.domain === "b.example" ? { ...change, to: { ...change.to, ...own } } : change,
		);
		await host.switchKeys(host.door(), ID, differing);
		expect(host.disk.text(host.keyPath("a.example", "new"))).toBe(both[0]?.to.key);
		expect(host.disk.text(host.keyPath("b.example", "new"))).toBe(own.key);
		for (const domain of BOTH) expect(host.mailFault(domain)).toBeNull();
	});

	it("is given up without a file that another switch still needs", async () => {
		const host = sharingHost();
		const both = changes(host, "old", "new");
		await host.door().handle({ act: "stage", id: ID, changes: both });
		await host.door().handle({ act: "stage", id: ID2, changes: both.slice(1) });
		await host.door().handle({ act: "drop", keys: [], staged: [ID] });
		expect(host.disk.text(host.keyPath("a.example", "new"))).toBe(both[0]?.to.key);
		await host.door().handle({ act: "drop", keys: [], staged: [ID2] });
		expect(host.disk.text(host.keyPath("a.example", "new"))).toBeNull();
	});

	it("is not given back to be published: the others' mail was signed with it, too", async () => {
		const host = new SwapHost({ swap: "restart", mayReveal: true });
		host.disk.put("/etc/main/key.table", sharingHost().disk.text("/etc/main/key.table") ?? "");
		host.disk.put(SHARED, simKey("shared").key, 0o600, SIGNER_OWNER);
		await host.switchKeys(host.door(), ID, changes(host, "old", "new"));
		await host.switchKeys(host.door(), ID2, changes(host, "new", "newer"));
		const reveal = [{ signer: "main", domain: "a.example", selector: "new" }];
		expect(await host.door().handle({ act: "drop", keys: [], staged: [], reveal })).toMatchObject({
			revealed: [{ key: null, reason: expect.stringContaining("another domain signed with it") as string }],
		});
	});
});
