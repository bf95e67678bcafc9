import { chmod, chown, mkdir, rename, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { makeKey, mayRun, type OpenDkimHost, prepareHost, signWith } from "./opendkim-host.ts";

const key = makeKey();

interface Place {
	readonly uid: number;
	readonly gid: number;
	readonly mode: number;
}

/** Ids of Debian's base accounts: users with a primary group each, and groups nobody is in. */
const GAMES = { uid: 5, gid: 60 };
const MAIL_GID = 8;
const SHADOW_GID = 42;
const NO_SUCH_GID = 54_321;

type Own = { readonly uid: number; readonly gid: number };
type Case = readonly [
	what: string,
	file: (own: Own) => Place,
	directory: (own: Own) => Place,
	isSafe: boolean,
];

const privateDirectory = (own: Own): Place => ({ ...own, mode: 0o700 });
const privateFile = (own: Own): Place => ({ ...own, mode: 0o600 });

const cases: readonly Case[] = [
	["0600 of its own", privateFile, privateDirectory, true],
	["0400 of its own", (own) => ({ ...own, mode: 0o400 }), privateDirectory, true],
	["0640 of its own and its own group", (own) => ({ ...own, mode: 0o640 }), privateDirectory, true],
	["0640 of root and its group", ({ gid }) => ({ uid: 0, gid, mode: 0o640 }), privateDirectory, true],
	["0600 of root, unreadable", ({ gid }) => ({ uid: 0, gid, mode: 0o600 }), privateDirectory, false],
	[
		"0640 of a group with others",
		({ uid }) => ({ uid, gid: MAIL_GID, mode: 0o640 }),
		privateDirectory,
		false,
	],
	["0600 of a group with others", ({ uid }) => ({ uid, gid: MAIL_GID, mode: 0o600 }), privateDirectory, true],
	["0640 of an empty group", ({ uid }) => ({ uid, gid: SHADOW_GID, mode: 0o640 }), privateDirectory, true],
	["0640 of no known group", ({ uid }) => ({ uid, gid: NO_SUCH_GID, mode: 0o640 }), privateDirectory, true],
	["0604, read by everybody", (own) => ({ ...own, mode: 0o604 }), privateDirectory, false],
	["0602, written by everybody", (own) => ({ ...own, mode: 0o602 }), privateDirectory, false],
	["0711, executed by everybody", (own) => ({ ...own, mode: 0o711 }), privateDirectory, true],
	["0644 of a third user", () => ({ ...GAMES, mode: 0o644 }), privateDirectory, false],
	["0640 of a third user, its group", ({ gid }) => ({ uid: 5, gid, mode: 0o640 }), privateDirectory, false],
	["0040, the group may but not the owner", (own) => ({ ...own, mode: 0o040 }), privateDirectory, false],
	["directory 0755 of root", privateFile, () => ({ uid: 0, gid: 0, mode: 0o755 }), true],
	["directory 0775 of root's group", privateFile, () => ({ uid: 0, gid: 0, mode: 0o775 }), true],
	[
		"directory 0775 of a group with others",
		privateFile,
		() => ({ uid: 0, gid: MAIL_GID, mode: 0o775 }),
		false,
	],
	["directory 0770 of its own group", privateFile, (own) => ({ ...own, mode: 0o770 }), true],
	["directory 1777", privateFile, () => ({ uid: 0, gid: 0, mode: 0o1777 }), false],
	["directory of a third user", privateFile, () => ({ ...GAMES, mode: 0o755 }), false],
	["directory of a third user, not writable", privateFile, () => ({ ...GAMES, mode: 0o555 }), true],
	["directory that it cannot enter", privateFile, () => ({ uid: 0, gid: 0, mode: 0o700 }), false],
];

async function place(path: string, { uid, gid, mode }: Place): Promise<void> {
	await chown(path, uid, gid);
	await chmod(path, mode);
}

async function hostWithKey(extra = ""): Promise<{ readonly host: OpenDkimHost; readonly path: string }> {
	const host = await prepareHost({ extra });
	const path = await host.writeKey("k", key);
	await host.write("signing.table", "*@example.com example\n");
	await host.write("key.table", `example example.com:s1:${path}\n`);
	return { host, path };
}

async function judgements(host: OpenDkimHost, path: string) {
	const signer = host.signer();
	const why = await signer.unsafe(path, await signer.read());
	const selector = await signWith(host, "a@example.com");
	return { ours: why === null, theirs: selector === "s1", why };
}

describe.skipIf(!mayRun)("safe keys, as OpenDKIM itself decides", () => {
	test.each(cases)("%s", async (_, file, directory, isSafe) => {
		const { host, path } = await hostWithKey();
		await place(path, file(host));
		await place(join(host.directory, "keys"), directory(host));
		const { ours, theirs, why } = await judgements(host, path);
		expect({ ours, theirs }, why ?? "safe").toEqual({ ours: isSafe, theirs: isSafe });
	});

	test("a link is judged by what it leads to", async () => {
		const { host, path } = await hostWithKey();
		const elsewhere = join(host.directory, "elsewhere");
		await mkdir(elsewhere);
		await place(elsewhere, { uid: host.uid, gid: host.gid, mode: 0o700 });
		await rename(path, join(elsewhere, "k"));
		await symlink(join(elsewhere, "k"), path);
		expect(await judgements(host, path)).toEqual({ ours: true, theirs: true, why: null });
		await place(elsewhere, { uid: 0, gid: 0, mode: 0o777 });
		expect(await judgements(host, path)).toMatchObject({ ours: false, theirs: false });
	});

	test("an absent file and a directory are refused", async () => {
		const { host, path } = await hostWithKey();
		await rm(path);
		expect(await judgements(host, path)).toMatchObject({ ours: false, theirs: false });
		await mkdir(path);
		await place(path, { uid: host.uid, gid: host.gid, mode: 0o700 });
		expect(await judgements(host, path)).toMatchObject({ ours: false, theirs: false });
	});

	test("without RequireSafeKeys only what cannot be read is refused", async () => {
		const { host, path } = await hostWithKey("RequireSafeKeys no");
		await place(path, { ...GAMES, mode: 0o644 });
		expect(await judgements(host, path)).toEqual({ ours: true, theirs: true, why: null });
		await place(path, { ...GAMES, mode: 0o600 });
		expect(await judgements(host, path)).toMatchObject({ ours: false, theirs: false });
	});
});
