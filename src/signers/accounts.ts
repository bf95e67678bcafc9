/** Tells who a signer runs as, and who else shares its groups, from the host's passwd and group files. */

import { KeyturnError } from "../errors.ts";
import type { Disk } from "../ports/disk.ts";

export interface Account {
	readonly user: string;
	readonly uid: number;
	/** Its primary group. */
	readonly gid: number;
}

export interface Group {
	readonly group: string;
	readonly gid: number;
	readonly members: readonly string[];
}

/** The host's accounts in the order of their files. */
export interface Accounts {
	readonly users: readonly Account[];
	readonly groups: readonly Group[];
}

const LIMIT_BYTES = 16 * 1024 * 1024;

/** Reads /etc/passwd and /etc/group; a line that is none of theirs is passed over. */
export async function readAccounts(disk: Disk): Promise<Accounts> {
	const users = (await readRows(disk, "/etc/passwd")).flatMap(([user = "", , uid = "", gid = ""]) =>
		isId(uid) && isId(gid) ? [{ user, uid: Number(uid), gid: Number(gid) }] : [],
	);
	const groups = (await readRows(disk, "/etc/group")).flatMap(([group = "", , gid = "", members = ""]) =>
		isId(gid) ? [{ group, gid: Number(gid), members: members.split(",").filter((name) => name !== "") }] : [],
	);
	return { users, groups };
}

/** The account named `user`, `user:group`, or by numbers; fails with `signer.config` when there is none. */
export function findAccount(accounts: Accounts, name: string): Account {
	const [user = "", group] = name.split(":");
	const account =
		accounts.users.find((account) => account.user === user) ??
		(isId(user) ? accounts.users.find((account) => account.uid === Number(user)) : undefined);
	if (account === undefined)
		throw new KeyturnError("signer.config", `the signer runs as "${user}", who is not in /etc/passwd`, {
			hint: "Accounts from LDAP or other directories are not read; give the signer a local account.",
		});
	return group === undefined || group === "" ? account : { ...account, gid: findGroup(accounts, group).gid };
}

/** The ids of all groups of an account, its primary group first. */
export function groupsOf(accounts: Accounts, account: Account): readonly number[] {
	const further = accounts.groups.filter((group) => group.members.includes(account.user));
	return [account.gid, ...further.map((group) => group.gid)];
}

function findGroup(accounts: Accounts, name: string): Group {
	const group =
		accounts.groups.find((group) => group.group === name) ??
		(isId(name) ? accounts.groups.find((group) => group.gid === Number(name)) : undefined);
	if (group === undefined)
		throw new KeyturnError("signer.config", `the signer's group "${name}" is not in /etc/group`);
	return group;
}

async function readRows(disk: Disk, path: string): Promise<readonly (readonly string[])[]> {
	const bytes = await disk.read(path, LIMIT_BYTES);
	if (bytes === null) throw new KeyturnError("signer.config", `${path} is absent: nobody can be looked up`);
	return Buffer.from(bytes)
		.toString("utf8")
		.split("\n")
		.filter((line) => line !== "")
		.map((line) => line.split(":"));
}

function isId(text: string): boolean {
	return /^\d{1,10}$/.test(text);
}
