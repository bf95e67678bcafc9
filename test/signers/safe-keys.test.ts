import { expect, test } from "vitest";
import type { SignerReading } from "../../src/ports/signer.ts";
import { findAccount, groupsOf, readAccounts } from "../../src/signers/accounts.ts";
import { refusalBy } from "../../src/signers/safe-keys.ts";
import { SimDisk } from "../fakes/sim-disk.ts";
import { createSimProcess } from "../fakes/sim-process.ts";

const PATH = "/etc/opendkim/keys/k.private";

/** What cannot be tried on a machine whose accounts a test must not touch: who is in which group. */
async function judge(group: string, gid: number, passwd = "", isReadByRoot = false) {
	const sim = new SimDisk(() => new Date(0));
	sim.put("/etc/passwd", `root:x:0:0::/root:/bin/sh\nopendkim:x:107:113::/:/bin/false\n${passwd}`);
	sim.put("/etc/group", group);
	sim.put(PATH, "key", 0o640, { uid: 0, gid });
	const disk = sim.open({ process: createSimProcess() });
	const accounts = await readAccounts(disk);
	const account = findAccount(accounts, "opendkim");
	const question = { disk, accounts, account, requireSafe: true, isReadByRoot, directories: new Map() };
	const why = await refusalBy(() => Promise.resolve(question))(PATH, reading());
	return { why, groups: groupsOf(accounts, account) };
}

function reading(): SignerReading {
	const owner = { uid: 107, gid: 113, user: "opendkim" };
	return { lines: [], files: [], tableHash: "", owner, configuration: [], notes: [] };
}

test("what keys are held against is asked once a reading, and anew for the next", async () => {
	const disk = new SimDisk(() => new Date(0)).open({ process: createSimProcess() });
	let asked = 0;
	const refusal = refusalBy(async ({ owner }) => {
		asked += 1;
		const accounts = { users: [], groups: [] };
		return {
			disk,
			accounts,
			account: owner,
			requireSafe: true,
			isReadByRoot: false,
			directories: new Map<string, string | null>(),
		};
	});
	const one = reading();
	expect(await Promise.all(["/a", "/b"].map(async (path) => refusal(path, one)))).toEqual([
		"/a is absent",
		"/b is absent",
	]);
	expect(asked).toBe(1);
	await refusal("/a", reading());
	expect(asked).toBe(2);
});

test("0640 of its group is safe while nobody else is in it", async () => {
	expect((await judge("opendkim:x:113:\n", 113)).why).toBeNull();
	expect((await judge("opendkim:x:113:opendkim,root\n", 113)).why).toBeNull();
});

test("a listed member spoils it: people add postfix for the socket", async () => {
	expect((await judge("opendkim:x:113:opendkim,postfix\n", 113)).why).toBe(
		`${PATH} can be read by its group, in which postfix is`,
	);
});

test("so does somebody whose primary group it is, but not another name of root or of the signer", async () => {
	const { why } = await judge("opendkim:x:113:\n", 113, "agent:x:999:113::/:/bin/false\n");
	expect(why).toContain("in which agent is");
	const aliases = "toor:x:0:113::/:/bin/sh\ntwin:x:107:113::/:/bin/sh\n";
	expect((await judge("opendkim:x:113:\n", 113, aliases)).why).toBeNull();
});

test("a further group of the signer lets it read", async () => {
	const { why, groups } = await judge("opendkim:x:113:\nkeys:x:50:opendkim\n", 50);
	expect(why).toBeNull();
	expect(groups).toEqual([113, 50]);
	expect((await judge("opendkim:x:113:\nkeys:x:50:\n", 50)).why).toContain("cannot be read by opendkim");
});

test("what root reads at the start may be root's alone", async () => {
	expect((await judge("opendkim:x:113:\n", 0)).why).toBe(`${PATH} cannot be read by opendkim`);
	expect((await judge("opendkim:x:113:\n", 0, "", true)).why).toBeNull();
});
