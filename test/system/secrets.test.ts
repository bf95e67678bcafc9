import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { SecretReference } from "../../src/ports/secrets.ts";
import { createSystemDisk } from "../../src/system/disk.ts";
import { createSecrets, holdCredentials, type OutsideTheUnit } from "../../src/system/secrets.ts";

let directory: string;
beforeEach(async () => {
	directory = await mkdtemp(join(tmpdir(), "keyturn-secrets-"));
});
afterEach(async () => {
	await rm(directory, { recursive: true, force: true });
});

async function read(
	reference: SecretReference,
	env: Readonly<Record<string, string>> = {},
	outside: OutsideTheUnit | null = null,
): Promise<string> {
	return createSecrets({ disk: createSystemDisk(), env, held: new Map(), outside }).read(reference);
}

async function fileWith(content: string, mode: number): Promise<string> {
	const path = join(directory, "token");
	await writeFile(path, content);
	await chmod(path, mode);
	return path;
}

test.each([0o600, 0o400, 0o640, 0o440])(
	"reads a file of mode %o, without white space at its ends",
	async (mode) => {
		expect(await read({ file: await fileWith("\n  to ken\n", mode) })).toBe("to ken");
	},
);

test.each([0o644, 0o604, 0o660, 0o602])("declines a file of mode %o", async (mode) => {
	const failed = read({ file: await fileWith("hush-hush", mode) });
	await expect(failed).rejects.toMatchObject({ code: "config.unsafe" });
	await expect(failed).rejects.not.toThrow("hush");
});

test("reads the environment and a credential", async () => {
	await writeFile(join(directory, "tsig"), "of the unit\n");
	const env = { TOKEN: " of the environment ", CREDENTIALS_DIRECTORY: directory };
	await chmod(join(directory, "tsig"), 0o400);
	expect(await read({ env: "TOKEN" }, env)).toBe("of the environment");
	expect(await read({ credential: "tsig" }, env)).toBe("of the unit");
});

test("names the reference when there is nothing to read", async () => {
	await mkdir(join(directory, "folder"), { mode: 0o700 });
	const cases: readonly [SecretReference, string][] = [
		[{ file: join(directory, "none") }, "none is not there"],
		[{ file: join(directory, "folder") }, "is no file"],
		[{ env: "NOT_THERE" }, "NOT_THERE is not set"],
		[{ env: "BLANK" }, "BLANK is empty"],
		[{ credential: "tsig" }, "exists inside keyturn.service only"],
	];
	for (const [reference, words] of cases)
		await expect(read(reference, { BLANK: " " })).rejects.toMatchObject({
			code: "config.unreadable",
			message: expect.stringContaining(words),
		});
});

test.each(["ghp_R4nd0mCh4r4ct3rs0fAT0k3n", "JBSWY3DPEHPK3PXPJBSWY3DP"])(
	"does not tell %s, which is rather the secret than its variable",
	async (env) => {
		const failed = read({ env });
		await expect(failed).rejects.toMatchObject({
			code: "config.unreadable",
			message: `the environment variable ${env.slice(0, 4)}… is not set`,
			hint: expect.not.stringContaining(env),
		});
	},
);

test.each(["KEYTURN_CLOUDFLARE_TOKEN_2", "RFC2136_TSIG_SECRET", "GANDIV5_PERSONAL_ACCESS_TOKEN", "cf_token"])(
	"tells %s, a name",
	async (env) => {
		await expect(read({ env })).rejects.toMatchObject({
			message: `the environment variable ${env} is not set`,
		});
	},
);

test.each([
	["an empty file", " \n", "is empty"],
	["a file that is far too long", "hush".repeat(20_000), "cannot be read"],
])("declines %s", async (_, content, words) => {
	const failed = read({ file: await fileWith(content, 0o600) });
	await expect(failed).rejects.toMatchObject({
		code: "config.unreadable",
		message: expect.stringContaining(words),
	});
	await expect(failed).rejects.not.toThrow("hush");
});

test.each(["../shadow", "/etc/shadow", ".."])("%j is no credential", async (credential) => {
	await expect(read({ credential }, { CREDENTIALS_DIRECTORY: directory })).rejects.toMatchObject({
		code: "config.unreadable",
	});
});

test("says why there is no credential outside of the unit, and what gives it", async () => {
	const unloaded = { why: "that unit does not load it", hint: null };
	await expect(read({ credential: "cf" }, {}, unloaded)).rejects.toMatchObject({
		code: "config.unreadable",
		message: "the credential cf exists inside keyturn.service only, and that unit does not load it",
		hint: "add LoadCredential=cf:PATH to the unit: `systemctl edit keyturn.service`, and restart it",
	});
	const other = { why: "only root can run a command with it", hint: "run the command as root" };
	await expect(read({ credential: "cf" }, {}, other)).rejects.toMatchObject({
		message: expect.stringContaining("only root can run a command with it"),
		hint: "run the command as root",
	});
});

test("says what gives a credential that a unit lacks", async () => {
	await expect(read({ credential: "cf" }, { CREDENTIALS_DIRECTORY: directory })).rejects.toMatchObject({
		message: "the credential cf is not there",
		hint: expect.stringContaining("LoadCredential=cf:PATH"),
	});
});

test("says to whom a variable has to be given", async () => {
	const hintOf = async (env: Readonly<Record<string, string>>): Promise<unknown> =>
		read({ env: "TOKEN" }, env).then(
			() => null,
			(thrown: { readonly hint: unknown }) => thrown.hint,
		);
	expect(await hintOf({})).toMatch(/EnvironmentFile=.*`export TOKEN`.*name a file/);
	expect(await hintOf({ KEYTURN_RUN_AGAIN: "1" })).toMatch(/also needs credentials.*name TOKEN as a file/);
});

test("holds the credentials that are there, for when they can be read no more", async () => {
	await writeFile(join(directory, "cf"), "of the unit\n", { mode: 0o400 });
	const given = { disk: createSystemDisk(), env: { CREDENTIALS_DIRECTORY: directory } };
	const held = await holdCredentials(given, ["cf", "none"]);
	expect([...held]).toEqual([["cf", "of the unit"]]);
	await rm(join(directory, "cf"));
	const secrets = createSecrets({ ...given, held, outside: null });
	expect(await secrets.read({ credential: "cf" })).toBe("of the unit");
	await expect(secrets.read({ credential: "none" })).rejects.toThrow("none is not there");
});
