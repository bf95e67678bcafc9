/** Says why OpenDKIM would refuse a key file: whether its user can read it, and RequireSafeKeys (opendkim.c, dkimf_securefile). */

import type { Disk, DiskStat } from "../ports/disk.ts";
import type { Signer, SignerReading } from "../ports/signer.ts";
import { reasonOf } from "./key-file.ts";
import { type Account, type Accounts, groupsOf } from "./accounts.ts";

export interface SafetyQuestion {
	readonly disk: Disk;
	readonly accounts: Accounts;
	/** Who the signer runs as. */
	readonly account: Account;
	/** Whoever runs it reads the file as root, before it becomes the account. */
	readonly isReadByRoot: boolean;
	/** RequireSafeKeys. */
	readonly requireSafe: boolean;
	/** The directory that is the signer's root, if that is another: it sees none above it. */
	readonly root?: string;
	/** What was found against each directory: thousands of keys share those above them. */
	readonly directories: Map<string, string | null>;
}

const GROUP_READ = 0o040;
const GROUP_WRITE = 0o020;
const OTHER_READ = 0o004;
const OTHER_WRITE = 0o002;
const OWNER_WRITE = 0o200;

/**
 * A signer's `unsafe`. What its keys are held against is asked once a reading, not for each of its lines: there may be
 * thousands. Fails with what `ask` fails with.
 */
export function refusalBy(ask: (reading: SignerReading) => Promise<SafetyQuestion>): Signer["unsafe"] {
	const known = new WeakMap<SignerReading, Promise<SafetyQuestion>>();
	return async (keyPath, reading) => {
		const question = known.get(reading) ?? ask(reading);
		known.set(reading, question);
		return whyUnsafe(await question, keyPath);
	};
}

/** One sentence against the key file, or null. */
async function whyUnsafe(question: SafetyQuestion, keyPath: string): Promise<string | null> {
	try {
		const real = await question.disk.realpath(keyPath);
		return real === null ? `${keyPath} is absent` : await whyUnsafeAt(question, real);
	} catch (thrown) {
		return reasonOf(thrown);
	}
}

/** The same for a path without links. */
async function whyUnsafeAt(question: SafetyQuestion, real: string): Promise<string | null> {
	const { root } = question;
	const directories = ancestors(real).filter(
		(directory) => root === undefined || directory === root || directory.startsWith(`${root}/`),
	);
	for (const directory of directories) {
		const known = question.directories.get(directory);
		const why = known === undefined ? await whyNot(question, directory) : known;
		question.directories.set(directory, why);
		if (why !== null) return why;
	}
	const stat = await question.disk.stat(real);
	if (stat === null) return `${real} is absent`;
	if (stat.kind !== "file") return `${real} is not a regular file`;
	if (!mayAccess(question, stat, 4)) return `${real} cannot be read by ${question.account.user}`;
	return whyFile(question, real, stat);
}

function ancestors(path: string): readonly string[] {
	const parts = path.split("/").slice(1, -1);
	return ["/", ...parts.map((_, index) => `/${parts.slice(0, index + 1).join("/")}`)];
}

async function whyNot(question: SafetyQuestion, directory: string): Promise<string | null> {
	const stat = await question.disk.stat(directory);
	if (stat === null) return `${directory} is absent`;
	return whyUnreachable(question, directory, stat) ?? whyDirectory(question, directory, stat);
}

function whyUnreachable(question: SafetyQuestion, directory: string, stat: DiskStat): string | null {
	return mayAccess(question, stat, 1) ? null : `${directory} cannot be entered by ${question.account.user}`;
}

/** The kernel's rule: the first class that fits decides; root reads everything. */
function mayAccess(question: SafetyQuestion, stat: DiskStat, bit: 1 | 4): boolean {
	const { account, accounts, isReadByRoot } = question;
	if (account.uid === 0 || isReadByRoot) return true;
	if (stat.uid === account.uid) return (stat.mode & (bit << 6)) !== 0;
	if (groupsOf(accounts, account).includes(stat.gid)) return (stat.mode & (bit << 3)) !== 0;
	return (stat.mode & bit) !== 0;
}

function whyDirectory(question: SafetyQuestion, directory: string, stat: DiskStat): string | null {
	const { account, requireSafe } = question;
	if (!requireSafe) return null;
	if ((stat.mode & OTHER_WRITE) !== 0) return `${directory} can be written by everybody`;
	if ((stat.mode & GROUP_WRITE) !== 0) {
		const other = otherMember(question, stat.gid);
		if (other !== null) return `${directory} can be written by its group, in which ${other} is`;
	}
	if ((stat.mode & OWNER_WRITE) !== 0 && stat.uid !== 0 && stat.uid !== account.uid)
		return `${directory} belongs to uid ${stat.uid}, expected root or ${account.user}`;
	return null;
}

function whyFile(question: SafetyQuestion, path: string, stat: DiskStat): string | null {
	const { account, requireSafe } = question;
	if (!requireSafe) return null;
	if (stat.uid !== 0 && stat.uid !== account.uid)
		return `${path} belongs to uid ${stat.uid}, expected root or ${account.user}`;
	if ((stat.mode & (GROUP_READ | GROUP_WRITE)) !== 0) {
		const other = otherMember(question, stat.gid);
		if (other !== null) return `${path} can be read by its group, in which ${other} is`;
	}
	if ((stat.mode & (OTHER_READ | OTHER_WRITE)) !== 0) return `${path} can be read or written by everybody`;
	return null;
}

/** Somebody besides root and the signer who has the group as primary group or is listed in it. */
function otherMember(question: SafetyQuestion, gid: number): string | null {
	const { account, accounts } = question;
	const primary = accounts.users.find(
		(user) => user.gid === gid && user.uid !== 0 && user.uid !== account.uid,
	);
	if (primary !== undefined) return primary.user;
	const members = accounts.groups.find((group) => group.gid === gid)?.members ?? [];
	return members.find((member) => member !== account.user && member !== "root") ?? null;
}
