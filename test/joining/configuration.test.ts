import { chmod, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { KeyturnError } from "../../src/errors.ts";
import { createConfiguration } from "../../src/joining/configuration.ts";
import { SimDisk } from "../fakes/sim-disk.ts";
import { createSystemClock } from "../../src/system/clock.ts";
import { createSystemDisk } from "../../src/system/disk.ts";
import { createTakeLock } from "../../src/system/lock.ts";
import { createSimProcess } from "../fakes/sim-process.ts";
import { temporaryDirectory } from "../system/temporary-directory.ts";

const PATH = "/etc/keyturn/keyturn.yaml";

const takeLock = createTakeLock(createSystemClock());

/** Why a configuration is not read, with `fault` as the errno of its reading. */
async function refused(text: string | null, fault: string | null = null): Promise<KeyturnError> {
	const disk = new SimDisk(() => new Date("2026-11-27T00:00:00Z"));
	if (text !== null) disk.put(PATH, text);
	else disk.put(`${PATH}/inner`, "");
	const view = disk.open({
		process: createSimProcess(),
		fault: (call, path) => (call === "read" && path === PATH ? fault : null),
	});
	const read = createConfiguration({ disk: view, takeLock }, "/opt/keyturn").read(PATH);
	const thrown = await read.then(
		() => null,
		(error: unknown) => error,
	);
	if (!(thrown instanceof KeyturnError)) throw new Error("expected a refusal");
	return thrown;
}

test("a misspelt type of signer, provider or alert is told with the one that was meant", async () => {
	const { code, message } = await refused(
		[
			"signer: { type: opendkin, keys: /k }",
			"providers: { home: { type: acmesch } }",
			"domains: [{ name: example.com, provider: home }]",
			"alerts: [{ type: webhok }, { type: sms }]",
		].join("\n"),
	);
	const words = message.replaceAll(/\s+/g, " ");
	expect(code).toBe("config.invalid");
	expect(words).toContain('is no type of signer, got "opendkin" (did you mean `opendkim`?)');
	expect(words).toContain('is no type of provider, got "acmesch" (did you mean `acmesh`?)');
	expect(words).toContain("did you mean `webhook`?");
	expect(words).toContain('got "sms" (known here: webhook, email, command, heartbeat)');
});

test.each([
	[null, null, /keyturn\.yaml: expected the configuration: it is a directory$/],
	["signer: {}", "EACCES", /keyturn\.yaml: expected the configuration: .*EACCES/],
	["signer: {}", "EIO", /keyturn\.yaml: expected the configuration: .*EIO/],
])("one that cannot be read is a fault of the configuration, and no other", async (text, fault, words) => {
	const { code, message, hint } = await refused(text, fault);
	expect({ code, hint: typeof hint }).toEqual({ code: "config.unreadable", hint: "string" });
	expect(message).toMatch(words);
});

test("domains that are added at one time are all in it, and each is told of its own line", async () => {
	const path = join(await temporaryDirectory(), "keyturn.yaml");
	await writeFile(
		path,
		[
			"signer: { type: opendkim, keys: /etc/dkimkeys }",
			"providers: { home: { type: manual } }",
			"domains:",
			"  - { name: a.example, provider: home }",
			"",
		].join("\n"),
	);
	const names = ["b", "c", "d", "e", "f"].map((name) => `${name}.example`);
	const added = await Promise.all(
		names.map(async (domain) =>
			createConfiguration({ disk: createSystemDisk(), takeLock }, "/opt/keyturn").addDomain(
				path,
				{ domain, provider: null, signer: null },
				false,
			),
		),
	);
	expect(added.map(({ line }, index) => line?.includes(names[index] ?? ""))).toEqual(names.map(() => true));
	const { policies } = await createConfiguration({ disk: createSystemDisk(), takeLock }, "/opt/keyturn").read(
		path,
	);
	expect(policies.map(({ domain }) => domain).toSorted()).toEqual(["a.example", ...names]);
});

test("a domain that is only tried is in what it would be, and not in the file", async () => {
	const path = join(await temporaryDirectory(), "keyturn.yaml");
	const text =
		"signer: { type: opendkim, keys: /k }\nproviders: { home: { type: manual } }\ndomains: [{ name: a.example, provider: home }]\n";
	await writeFile(path, text);
	await chmod(path, 0o640);
	const configuration = createConfiguration({ disk: createSystemDisk(), takeLock }, "/opt/keyturn");
	const asked = { domain: "b.example", provider: null, signer: null };
	const tried = await configuration.addDomain(path, asked, true);
	expect(tried.settings.policies.map(({ domain }) => domain)).toEqual(["a.example", "b.example"]);
	expect(tried.line).toBe("{ name: b.example, provider: home }");
	expect(await readFile(path, "utf8")).toBe(text);
	expect(await readdir(dirname(path))).toEqual(["keyturn.yaml"]);
	expect((await configuration.addDomain(path, asked, false)).line).toBe(tried.line);
	expect(await readFile(path, "utf8")).toBe(text.replace(" }]", ` }, ${tried.line}]`));
	expect((await stat(path)).mode & 0o7777).toBe(0o640);
});

test.each([
	["ENOSPC", "free space", /^free space, or add the domain to it by hand$/],
	["EBUSY", null, /^add the domain to it by hand$/],
	["EACCES", "give keyturn's user access to it", /^the file belongs to root: run the command as root/],
	[
		"EPERM",
		"give keyturn's user access to it",
		/^see lsattr \S+\/keyturn\.yaml: .*, or add the domain to it by hand$/,
	],
])("what is to be done about %s is said, and root is not sent to be root", async (errno, hint, expected) => {
	const path = join(await temporaryDirectory(), "keyturn.yaml");
	const text = [
		"signer: { type: opendkim, keys: /etc/dkimkeys }",
		"providers: { home: { type: manual } }",
		"domains: [{ name: a.example, provider: home }]",
		"",
	].join("\n");
	await writeFile(path, text);
	const disk = {
		...createSystemDisk(),
		rename: async () =>
			Promise.reject(
				new KeyturnError("disk.failed", `cannot rename: ${errno}`, {
					errno,
					...(hint === null ? {} : { hint }),
				}),
			),
	};
	const asked = { domain: "b.example", provider: null, signer: null };
	const failed = createConfiguration({ disk, takeLock }, "/opt/keyturn").addDomain(path, asked, false);
	await expect(failed).rejects.toMatchObject({ message: expect.stringContaining(errno) });
	await expect(failed).rejects.toMatchObject({ hint: expect.stringMatching(expected) });
	expect(await readFile(path, "utf8")).toBe(text);
});

test("a domain that stands there with another provider or signer than asked for is told, and stays", async () => {
	const path = join(await temporaryDirectory(), "keyturn.yaml");
	const text = [
		"signers:",
		"  one: { type: opendkim, config: /etc/one.conf, keys: /k, services: { stop: [one], start: [one] } }",
		"  two: { type: opendkim, config: /etc/two.conf, keys: /k, services: { stop: [two], start: [two] } }",
		"providers: { home: { type: manual }, away: { type: manual } }",
		"domains: [{ name: a.example, provider: [home, away], signer: one }, { name: b.example, provider: home, signer: two }]",
		"",
	].join("\n");
	await writeFile(path, text);
	const configuration = createConfiguration({ disk: createSystemDisk(), takeLock }, "/opt/keyturn");
	const add = async (domain: string, provider: string | null, signer: string | null) =>
		configuration.addDomain(path, { domain, provider, signer }, false);
	expect(await add("a.example", "away", "one")).toMatchObject({ line: null });
	expect(await add("b.example", null, null)).toMatchObject({ line: null });
	await expect(add("b.example", "away", null)).rejects.toMatchObject({
		code: "usage",
		message: `b.example stands in ${path} already, with provider home: expected no --provider, or that, got away`,
	});
	await expect(add("b.example", "home", "one")).rejects.toMatchObject({
		message: `b.example stands in ${path} already, with signer two: expected no --signer, or that, got one`,
	});
	expect(await readFile(path, "utf8")).toBe(text);
});
