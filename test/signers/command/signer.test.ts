import { expect, test } from "vitest";
import type { ProgramResult } from "../../../src/ports/programs.ts";
import { settingsSchema } from "../../../src/signers/command/settings.ts";
import { createCommandSigner } from "../../../src/signers/command/signer.ts";
import { SimDisk } from "../../fakes/sim-disk.ts";
import { createSimProcess } from "../../fakes/sim-process.ts";
import { simKey } from "../../fakes/sim-signer.ts";

/** A host whose table says this, with the readable keys /keys/a and /keys/b; `given` is what its program was given, `by` whom. */
function commandHost(table: string, result: Partial<ProgramResult> = {}) {
	const sim = new SimDisk(() => new Date(0));
	sim.put("/etc/passwd", "root:x:0:0::/root:/bin/sh\nsigner:x:107:113::/:/bin/false\n");
	sim.put("/etc/group", "root:x:0:\nsigner:x:113:\n");
	sim.put("/t/in-use", table);
	sim.put("/apply", "", 0o755);
	for (const name of ["a", "b"]) sim.put(`/keys/${name}`, simKey(`${name}.example s`).key, 0o600);
	sim.put("/keys/no-key", "hello\n", 0o600);
	const given: string[] = [];
	const by: unknown[] = [];
	const signer = createCommandSigner({
		name: "main",
		service: "signer",
		swap: "reload",
		disk: sim.open({ process: createSimProcess() }),
		outside: {
			run: async ({ input = "", owner }) => {
				given.push(String(input));
				by.push(owner);
				return Promise.resolve({ status: 0, signal: null, stdout: "", stderr: "", ...result });
			},
		},
		runProbe: async () => Promise.reject(new Error("nothing is proven here")),
		settings: settingsSchema.parse({ table: "/t/in-use", keys: "/keys", apply: ["/apply"], user: "signer" }),
	});
	return { sim, signer, given, by };
}

test.each([
	["b.example s /keys/gone", "s of b.example: no private key can be read from /keys/gone"],
	["b.example s /keys/no-key", "s of b.example: no private key can be read from /keys/no-key"],
	["b.example s keys/b", "s of b.example: its key has a relative path"],
	["b.example s", 'it is not "domain selector /path/of/key": b.example s'],
	["a.example s /keys/b", "s of a.example: an earlier line stands for the same"],
])("the program is given no list that would lack a key: %s", async (line, why) => {
	const { signer, given } = commandHost(`a.example s /keys/a\n${line}\n`);
	expect(await signer.preflight()).toContain(`/t/in-use: ${why}`);
	await expect(signer.apply?.(await signer.read())).rejects.toMatchObject({
		code: "signer.probe",
		message: expect.stringContaining(why) as string,
	});
	expect(given).toEqual([]);
});

test("nor one that lacks a key whose file was spoilt meanwhile", async () => {
	const { sim, signer, given } = commandHost("a.example s /keys/a\nb.example s /keys/b\n");
	const reading = await signer.read();
	sim.put("/keys/b", "hello\n", 0o600);
	await expect(signer.apply?.(reading)).rejects.toMatchObject({
		code: "signer.probe",
		message: expect.stringContaining("s of b.example: no private key can be read from /keys/b") as string,
	});
	expect(given).toEqual([]);
});

test("a line that stands twice lacks nothing", async () => {
	const { signer, given } = commandHost(
		"a.example s /keys/a\nb.example s /keys/b\na.example s /keys/a # again\n",
	);
	expect(await signer.preflight()).toBeNull();
	await signer.apply?.(await signer.read());
	const [input = ""] = given;
	expect(JSON.parse(input)).toMatchObject({
		keys: [
			{ domain: "a.example", selector: "s", keyFile: "/keys/a" },
			{ domain: "b.example", selector: "s", keyFile: "/keys/b" },
		],
	});
});

test("a table that names no key is given as such", async () => {
	const { signer, given } = commandHost("# nothing signs yet\n");
	expect(await signer.preflight()).toBeNull();
	await signer.apply?.(await signer.read());
	expect(given).toEqual(['{"schema":1,"act":"apply","signer":"main","keys":[]}\n']);
});

const IN_USE = "a.example s /keys/a\n";
const ATTACKER = { uid: 4711, gid: 4711 };

/** The program lies in a directory like that. */
function linked(sim: SimDisk, mode: number, owner?: typeof ATTACKER): void {
	sim.putDirectory("/srv/a", mode, owner);
	sim.put("/srv/a/apply", "", 0o755);
	sim.putSymlink("/apply", "/srv/a/apply");
}

test.each<readonly [string, (sim: SimDisk) => void, string]>([
	["it", (sim) => sim.put("/apply", "", 0o775), "/apply can be written by others than its owner"],
	["it, being its owner", (sim) => sim.put("/apply", "", 0o755, ATTACKER), "/apply belongs to uid 4711"],
	["where a link leads", (sim) => linked(sim, 0o757), "/srv/a can be written by others than its owner"],
	[
		"where a link leads, being its owner",
		(sim) => linked(sim, 0o755, ATTACKER),
		"/srv/a belongs to uid 4711",
	],
])("no program is run where somebody else could have written %s", async (_, spoil, why) => {
	const { sim, signer, given } = commandHost(IN_USE);
	spoil(sim);
	expect(await signer.preflight()).toContain(why);
	await expect(signer.apply?.(await signer.read())).rejects.toMatchObject({
		code: "signer.probe",
		message: expect.stringContaining(why) as string,
	});
	expect(given).toEqual([]);
});

test("the program is run as the user that is named, who may own it, too", async () => {
	const { sim, signer, by } = commandHost(IN_USE);
	sim.put("/apply", "", 0o755, { uid: 107, gid: 113 });
	expect(await signer.preflight()).toBeNull();
	await signer.apply?.(await signer.read());
	expect(by).toEqual([{ uid: 107, gid: 113 }]);
});

test.each<readonly [Partial<ProgramResult>, string]>([
	[{ status: 3, stderr: "no such key\n" }, "/apply ended with status 3: no such key"],
	[{ status: null, signal: "SIGKILL" }, "/apply ended with signal SIGKILL: it said nothing"],
])("a program that fails has applied nothing: %j", async (result, why) => {
	const { signer } = commandHost(IN_USE, result);
	await expect(signer.apply?.(await signer.read())).rejects.toMatchObject({
		code: "signer.probe",
		message: why,
	});
});

test("without a program that proves it nothing is proven", async () => {
	const { signer } = commandHost(IN_USE);
	const key = { domain: "a.example", selector: "s", record: "v=DKIM1;p=x" };
	expect(await signer.probe([key], await signer.read())).toMatchObject([
		{ domain: "a.example", selector: "s", outcome: "unproven" },
	]);
});
