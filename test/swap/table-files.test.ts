import { describe, expect, it } from "vitest";
import { hashOf, temporaryPath } from "../../src/durable.ts";
import type { JournalSigner } from "../../src/swap/journal.ts";
import {
	keptPath,
	lookAtFiles,
	putBack,
	putInPlace,
	putPartInPlace,
	repairFiles,
	stagedPath,
	tidy,
} from "../../src/swap/table-files.ts";
import { type DiskViewOptions, SimDisk } from "../fakes/sim-disk.ts";
import { createSimProcess } from "../fakes/sim-process.ts";

const KEYS = "/etc/keys/key.table";
const SIGNING = "/etc/signing/signing.table";

/** What stands in the two tables, one letter each: the one before (b), after (a), in part (p), or of others (x). */
type Standing = `${"b" | "a" | "p" | "x"}${"b" | "a" | "p" | "x"}`;

const bytes = (text: string) => new TextEncoder().encode(text);
const content = (path: string, version: string) => `${path} ${version}\n`;
const hash = (path: string, version: string) => hashOf(bytes(content(path, version)));

const entry: JournalSigner = {
	signer: "main",
	swap: "restart",
	ran: { service: "main", units: ["main.service"] },
	files: [KEYS, SIGNING].map((path) => ({
		path,
		hashBefore: hash(path, "b"),
		hashAfter: hash(path, "a"),
		kept: keptPath(path),
	})),
	expectations: [],
	changes: [],
	partial: null,
	rollBack: null,
};
const parted: JournalSigner = {
	...entry,
	partial: { hashes: [hash(KEYS, "p"), hash(SIGNING, "p")], leftOut: [] },
};
const rendered = [KEYS, SIGNING].map((path) => ({
	path,
	hashBefore: hash(path, "b"),
	bytes: bytes(content(path, "a")),
}));

function setUp(standing: Standing, options: Partial<DiskViewOptions> = {}) {
	const sim = new SimDisk(() => new Date("2026-11-01T03:00:00Z"));
	for (const [index, path] of [KEYS, SIGNING].entries())
		sim.put(path, content(path, standing.charAt(index)), 0o640, { uid: 0, gid: 110 });
	return { sim, disk: sim.open({ process: createSimProcess(), ...options }) };
}

function keep(sim: SimDisk): void {
	for (const path of [KEYS, SIGNING]) sim.put(keptPath(path), content(path, "b"));
}

/** What stands now, and what would if the power went. */
function standing(sim: SimDisk): string {
	const tell = (disk: SimDisk) =>
		[KEYS, SIGNING].map((path) => disk.text(path)?.trim().slice(-1) ?? "-").join("");
	return `${tell(sim)} ${tell(sim.powerLoss(() => 0))}`;
}

describe("what stands in the tables", () => {
	it.each([
		["bb", "before"],
		["aa", "after"],
		["ab", "mixed"],
		["ba", "mixed"],
		["xb", "conflict"],
		["ax", "conflict"],
		["pp", "conflict"],
	] as const)("%s is told by the hashes of the journal: %s", async (found, told) => {
		expect(await lookAtFiles(setUp(found).disk, entry)).toBe(told);
	});

	it.each([
		["pp", "partial"],
		["pa", "mixed"],
		["bp", "mixed"],
		["aa", "after"],
		["bb", "before"],
		["px", "conflict"],
	] as const)("%s is told once keys were left out: %s", async (found, told) => {
		expect(await lookAtFiles(setUp(found).disk, parted)).toBe(told);
	});

	it("is a conflict where a table is gone", async () => {
		const { sim, disk } = setUp("aa");
		sim.remove(SIGNING);
		expect(await lookAtFiles(disk, entry)).toBe("conflict");
	});
});

describe("the new tables", () => {
	it("come in their order, durably, and leave the ones before beside them", async () => {
		const order: string[] = [];
		const { sim, disk } = setUp("bb", {
			onChange: (call, path) => {
				if (call === "rename") order.push(path);
			},
		});
		expect(await putInPlace(disk, entry, rendered)).toBe("replaced");
		expect(order).toEqual([KEYS, SIGNING]);
		expect(standing(sim)).toBe("aa aa");
		for (const path of [KEYS, SIGNING])
			expect(sim.powerLoss(() => 0).text(keptPath(path))).toBe(content(path, "b"));
	});

	it("stop at one that others changed, and go back where they had come", async () => {
		const { sim, disk } = setUp("xb");
		expect(await putInPlace(disk, entry, rendered)).toBe("changed");
		expect(standing(sim)).toBe("xb xb");
		const second = setUp("bx");
		expect(await putInPlace(second.disk, entry, rendered)).toBe("changed");
		expect(standing(second.sim)).toBe("bx bx");
	});
});

describe("a part of the new tables", () => {
	const part = new Map([KEYS, SIGNING].map((path) => [path, bytes(content(path, "p"))]));

	it("comes last file first, so that no line names what is gone", async () => {
		const order: string[] = [];
		const { sim, disk } = setUp("aa", {
			onChange: (call, path) => {
				if (call === "rename") order.push(path);
			},
		});
		keep(sim);
		expect(await putPartInPlace(disk, entry, part)).toBe("replaced");
		expect(order).toEqual([SIGNING, KEYS]);
		expect(standing(sim)).toBe("pp pp");
		expect(sim.text(keptPath(KEYS))).toBe(content(KEYS, "b"));
	});

	it("leaves a file alone that it does not touch, and stops at one that others changed", async () => {
		const { sim, disk } = setUp("aa");
		expect(await putPartInPlace(disk, entry, new Map([...part].slice(0, 1)))).toBe("replaced");
		expect(standing(sim)).toBe("pa pa");
		const changed = setUp("ax");
		expect(await putPartInPlace(changed.disk, entry, part)).toBe("changed");
		expect(standing(changed.sim)).toBe("ax ax");
	});
});

describe("the old tables", () => {
	it.each(["bb", "aa", "ab", "ba"] as const)(
		"come back durably, the very files, where %s stands",
		async (found) => {
			const { sim, disk } = setUp(found);
			keep(sim);
			expect(await putBack(disk, entry)).toBe("before");
			expect(standing(sim)).toBe("bb bb");
		},
	);

	it("come back last file first", async () => {
		const order: string[] = [];
		const { sim, disk } = setUp("aa", {
			onChange: (call, path) => {
				if (call === "rename") order.push(path);
			},
		});
		keep(sim);
		await putBack(disk, entry);
		expect(order).toEqual([SIGNING, KEYS]);
	});

	it("come back from a part, too", async () => {
		for (const found of ["pp", "pa", "ap"] as const) {
			const { sim, disk } = setUp(found);
			keep(sim);
			expect(await putBack(disk, parted)).toBe("before");
			expect(standing(sim)).toBe("bb bb");
		}
	});

	it("do not come back over what others wrote, nor without a trace of them", async () => {
		const { sim, disk } = setUp("ax");
		keep(sim);
		expect(await putBack(disk, entry)).toBe("conflict");
		expect(standing(sim)).toBe("ax ax");
		const lost = setUp("aa");
		expect(await putBack(lost.disk, entry)).toBe("conflict");
		expect(standing(lost.sim)).toBe("aa aa");
	});
});

describe("after a crash", () => {
	it("half a rename is ended by going back, and anything else stays", async () => {
		const repaired = async (found: Standing, journal = entry) => {
			const { sim, disk } = setUp(found);
			keep(sim);
			return [await repairFiles(disk, journal), standing(sim)];
		};
		expect(await repaired("ab")).toEqual(["before", "bb bb"]);
		expect(await repaired("aa")).toEqual(["after", "aa aa"]);
		expect(await repaired("bb")).toEqual(["before", "bb bb"]);
		expect(await repaired("pp", parted)).toEqual(["partial", "pp pp"]);
		expect(await repaired("xb")).toEqual(["conflict", "xb xb"]);
	});

	it("what had come before a table of others goes back, if theirs came before ours", async () => {
		const beforeOurs = setUp("ax");
		keep(beforeOurs.sim);
		beforeOurs.sim.put(temporaryPath(SIGNING), content(SIGNING, "a"));
		expect(await repairFiles(beforeOurs.disk, entry)).toBe("conflict");
		expect(standing(beforeOurs.sim)).toBe("bx bx");
		const notBegun = setUp("ax");
		notBegun.sim.put(keptPath(KEYS), content(KEYS, "b"));
		expect(await repairFiles(notBegun.disk, entry)).toBe("conflict");
		expect(standing(notBegun.sim)).toBe("bx bx");
		const afterOurs = setUp("ax");
		keep(afterOurs.sim);
		expect(await repairFiles(afterOurs.disk, entry)).toBe("conflict");
		expect(standing(afterOurs.sim)).toBe("ax ax");
		const inPart = setUp("ax");
		keep(inPart.sim);
		inPart.sim.put(temporaryPath(SIGNING), content(SIGNING, "p"));
		expect(await repairFiles(inPart.disk, parted)).toBe("conflict");
		expect(standing(inPart.sim)).toBe("ax ax");
	});

	it("what is seen is made durable before anything is decided on it", async () => {
		const synced: string[] = [];
		const { disk } = setUp("aa", {
			fault: (call, path) => {
				if (call === "syncDirectory") synced.push(path.replace(/^.* /, ""));
				return null;
			},
		});
		await repairFiles(disk, entry);
		expect(synced).toEqual(["/etc/keys", "/etc/signing"]);
	});

	it("nothing stays beside the tables once it is over", async () => {
		const { sim, disk } = setUp("aa");
		keep(sim);
		for (const path of [KEYS, SIGNING]) sim.put(path.replace(/([^/]+)$/, ".$1.keyturn-new"), "half");
		await tidy(disk, entry);
		const left = sim.powerLoss(() => 0).all();
		expect(left.filter(({ path }) => path.includes("keyturn")).map(({ path }) => path)).toEqual([]);
		expect(standing(sim)).toBe("aa aa");
	});

	it("the file before and the staged one have hidden names of their own beside the table", () => {
		expect(keptPath(KEYS)).toBe("/etc/keys/.key.table.keyturn-before");
		expect(stagedPath(KEYS)).toBe("/etc/keys/.key.table.keyturn-staged");
	});
});
