import { execFile, execFileSync, spawn } from "node:child_process";
import { chmod, chown, cp, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { makeDirectory, removeDirectory, waitUntil } from "../program.ts";

const ROOT = join(import.meta.dirname, "../../..");
const NOBODY = 65_534;
const ZONE = "example.test";

interface Host {
	readonly url: string;
	readonly token: string;
	readonly records: { readonly name: string }[];
	isOpen: boolean;
	stop(): void;
}

const TSC =
	"--noEmit --ignoreConfig --allowJs --strict --skipLibCheck --module nodenext --target es2023 --types zod".split(
		" ",
	);

/** keyturn as it is installed from its package, and a directory for keyturn.yaml beside it. */
let top: string;
let installed: string;
let etc: string;
let host: Host;

beforeAll(async () => {
	top = await makeDirectory("plug-in");
	installed = join(top, "opt/keyturn");
	await mkdir(installed, { recursive: true });
	execFileSync("npm", ["pack", "--ignore-scripts", "--pack-destination", top], { cwd: ROOT, stdio: "pipe" });
	execFileSync("sh", ["-c", `tar -xzf ${top}/keyturn-*.tgz -C ${installed} --strip-components 1`]);
	const { startFakeHost } = (await import(join(installed, "docs/plug-in/fake-host.js"))) as {
		readonly startFakeHost: (zones: readonly string[]) => Promise<Host>;
	};
	host = await startFakeHost([ZONE]);
});
afterAll(async () => {
	host.stop();
	await removeDirectory(top);
});
beforeEach(async () => {
	etc = await makeDirectory("plug-in-etc");
	await chmod(etc, 0o755);
	await mkdir(join(etc, "node_modules"));
	await symlink(installed, join(etc, "node_modules/keyturn"));
	await cp(join(installed, "docs/plug-in"), etc, { recursive: true });
	await writeFile(join(etc, "package.json"), '{ "type": "module" }');
	await writeFile(join(etc, "token"), host.token, { mode: 0o600 });
	return async () => removeDirectory(etc);
});

describe("a provider of one's own, with keyturn as it is packed", () => {
	test("keeps the contract under Node's own test runner", () => {
		const { NODE_TEST_CONTEXT: _, ...env } = process.env;
		const said = execFileSync(process.execPath, ["--test", "--test-reporter=tap", "contract.test.js"], {
			cwd: etc,
			encoding: "utf8",
			env,
		});
		expect(said).toMatch(/^# fail 0$/m);
		expect(Number(/^# pass (\d+)$/m.exec(said)?.[1])).toBeGreaterThan(20);
	});

	test("is checked against the types of keyturn/provider", async () => {
		await mkdir(join(top, "opt/node_modules"), { recursive: true });
		await symlink(join(ROOT, "node_modules/zod"), join(top, "opt/node_modules/zod"));
		const wrong = `import { createProvider } from "./my-provider.js";\ncreateProvider({ name: 3 });\n`;
		await writeFile(join(etc, "wrong.mts"), wrong);
		const tsc = (file: string) => ended(join(ROOT, "node_modules/.bin/tsc"), [...TSC, file]);
		expect(await tsc(join(etc, "my-provider.js"))).toMatchObject({ status: 0, output: "" });
		expect((await tsc(join(etc, "wrong.mts"))).output).toContain("wrong.mts(2,");
	});

	test.each(["./my-provider.js", "keyturn-provider-mine"])(
		"%s is written through, and what was written is taken away again",
		async (type) => {
			await asPackage();
			await configure(type);
			const { output } = await keyturn(
				"provider",
				"check",
				"mine",
				"--zone",
				ZONE,
				"--wait-max",
				"1s",
				"--json",
			);
			const report = JSON.parse(output.slice(output.indexOf("{\n"), output.lastIndexOf("}") + 1)) as object;
			expect(report).toMatchObject({
				provider: "mine",
				outcome: "waiting",
				zone: ZONE,
				octets: 754,
				form: { quoted: false, strings: [754] },
				left: [],
			});
			expect(host.records).toEqual([]);
			// The account was locked against other processes.
			expect(await readdir(join(etc, "state/accounts"))).toEqual([
				expect.stringMatching(/^[0-9a-f]{16}\.lock$/),
			]);
		},
	);

	test.each([
		["SIGINT", 130],
		["SIGTERM", 143],
	] as const)("a check that %s ends takes its record back", async (signal, status) => {
		await configure("./my-provider.js");
		const going = started("provider", "check", "mine", "--zone", ZONE);
		await waitUntil("the record to be written", () => host.records.length === 1);
		await waitUntil("the check to wait", () => going.said().includes("waiting for every name server"));
		going.kill(signal);
		expect(await going.ended).toMatchObject({ status, output: expect.stringContaining("interrupted") });
		expect(host.records).toEqual([]);
	});

	test("a check that is ended and cannot take its record back names it, and the next one removes it", async () => {
		await configure("./my-provider.js");
		const going = started("provider", "check", "mine", "--zone", ZONE);
		await waitUntil("the check to wait", () => going.said().includes("waiting for every name server"));
		host.isOpen = false;
		going.kill("SIGTERM");
		const { output } = await going.ended;
		host.isOpen = true;
		const [left] = host.records;
		expect(output.replace(/\s+/g, " ")).toContain(`LEFT ${left?.name}: the next check removes it`);
		const next = await keyturn("provider", "check", "mine", "--zone", ZONE, "--wait-max", "1s");
		expect(next.output.replace(/\s+/g, " ")).toContain(`swept ${left?.name}`);
		expect(host.records).toEqual([]);
	});

	test("says what the credential may not, in the provider's own words", async () => {
		await configure("./my-provider.js");
		await writeFile(join(etc, "token"), "another");
		const { status, output } = await keyturn("provider", "check", "mine", "--zone", ZONE);
		expect(status).toBe(1);
		expect(output.replace(/\s+/g, " ")).toContain("who are you");
		expect(output.replace(/\s+/g, " ")).toContain("what to do: the token needs the right to write records");
	});

	test("publishes nothing before it was checked", async () => {
		await configure("./my-provider.js");
		const { output } = await keyturn("status");
		expect(output).toContain("keyturn provider check mine");
	});

	test("has its settings checked as those of any other", async () => {
		await configure("./my-provider.js", "tokn: { file: /x }");
		const { status, output } = await keyturn("status");
		expect(status).toBe(2);
		expect(output).toContain("providers.mine.tokn");
		expect(output).toContain("did you mean `token`");
	});
});

describe("a provider of one's own is not run", () => {
	const RAN = "export const settingsSchema = 1; import { writeFileSync } from 'node:fs'; writeFileSync(";
	let ran: string;
	beforeEach(async () => {
		ran = join(etc, "ran");
		await asPackage();
		await writeFile(join(etc, "my-provider.js"), `${RAN}${JSON.stringify(ran)}, "");`);
		await writeFile(
			join(etc, "node_modules/keyturn-provider-mine/index.js"),
			`${RAN}${JSON.stringify(ran)}, "");`,
		);
	});
	const file = () => join(etc, "my-provider.js");
	const own = async () => chown(file(), NOBODY, 0);
	const open = async () => chmod(file(), 0o666);
	const openDirectory = async () => chmod(etc, 0o777);
	const besides = async () => {
		await writeFile(join(etc, "helper.js"), "");
		await chown(join(etc, "helper.js"), NOBODY, 0);
	};
	const inPackage = async () => {
		await mkdir(join(etc, "node_modules/dependency"));
		await writeFile(join(etc, "node_modules/dependency/index.js"), "");
		await chown(join(etc, "node_modules/dependency/index.js"), NOBODY, 0);
	};

	test.each<[string, string, () => Promise<void>, string]>([
		["that belongs to somebody else", "./my-provider.js", own, "got user 65534"],
		["that others can write", "./my-provider.js", open, "got mode 0666"],
		["in a directory that others can write", "./my-provider.js", openDirectory, "got mode 0777"],
		["beside code of somebody else", "./my-provider.js", besides, "helper.js: expected root"],
		[
			"installed with code of somebody else",
			"keyturn-provider-mine",
			inPackage,
			"dependency/index.js: expected root",
		],
	])("%s", async (_, type, set, why) => {
		await configure(type);
		await set();
		const { status, output } = await keyturn("status");
		expect(status).toBe(2);
		expect(output.replace(/\s+/g, " ")).toContain(why);
		await expect(readFile(ran)).rejects.toThrow("ENOENT");
	});

	test("without what a provider is made of, where there is none, or that cannot be loaded, it says so", async () => {
		await configure("./my-provider.js");
		expect((await keyturn("status")).output).toContain("settingsSchema");
		await configure("./gone.js");
		expect((await keyturn("status")).output).toContain(
			"provider type ./gone.js: expected a module, found none",
		);
		await writeFile(file(), "await 1; export const settingsSchema = 1;");
		await configure("./my-provider.js");
		expect((await keyturn("status")).output.replace(/\s+/g, " ")).toContain("may not await at its top level");
		await configure("cloudflair");
		expect((await keyturn("status")).output).toContain("did you mean `cloudflare`");
	});
});

async function asPackage(): Promise<void> {
	const directory = join(etc, "node_modules/keyturn-provider-mine");
	await mkdir(directory);
	await writeFile(join(directory, "package.json"), '{ "type": "module", "main": "index.js" }');
	await cp(join(etc, "my-provider.js"), join(directory, "index.js"));
}

async function configure(type: string, token = `token: { file: ${join(etc, "token")} }`): Promise<void> {
	await writeFile(
		join(etc, "keyturn.yaml"),
		`state: ${join(etc, "state")}
verify: { nameservers: ["127.0.0.1:9"], resolvers: [] }
signer: { type: opendkim, config: ${join(etc, "opendkim.conf")}, keys: ${join(etc, "keys")} }
providers: { mine: { type: ${type}, url: "${host.url}", ${token} } }
domains: [{ name: ${ZONE}, provider: mine }]
`,
	);
}

function started(...argv: readonly string[]) {
	const child = spawn(process.execPath, [
		join(installed, "dist/src/main.js"),
		...argv,
		"--config",
		join(etc, "keyturn.yaml"),
	]);
	let output = "";
	for (const stream of [child.stdout, child.stderr])
		stream.setEncoding("utf8").on("data", (text: string) => (output += text));
	return {
		said: () => output,
		kill: (signal: "SIGINT" | "SIGTERM") => child.kill(signal),
		ended: new Promise<{ status: number | null; output: string }>((resolve) =>
			child.once("close", (status) => resolve({ status, output })),
		),
	};
}

async function keyturn(...argv: readonly string[]): Promise<{ status: number; output: string }> {
	const config = ["--config", join(etc, "keyturn.yaml")];
	return ended(process.execPath, [join(installed, "dist/src/main.js"), ...argv, ...config]);
}

async function ended(file: string, argv: readonly string[]): Promise<{ status: number; output: string }> {
	return new Promise((resolve) => {
		const child = execFile(file, argv, { encoding: "utf8" }, (_, stdout, stderr) =>
			resolve({ status: child.exitCode ?? -1, output: `${stdout}${stderr}` }),
		);
	});
}
