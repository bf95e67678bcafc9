import { expect, test } from "vitest";
import { settingsSchema } from "../../../src/signers/command/settings.ts";
import { createCommandSigner } from "../../../src/signers/command/signer.ts";
import { SimDisk } from "../../fakes/sim-disk.ts";
import { createSimProcess } from "../../fakes/sim-process.ts";
import { simKey } from "../../fakes/sim-signer.ts";

/** A host whose table says this, with the readable keys /keys/a and /keys/b; `given` is what its program was given. */
function commandHost(table: string) {
	const sim = new SimDisk(() => new Date(0));
	sim.put("/etc/passwd", "root:x:0:0::/root:/bin/sh\nsigner:x:107:113::/:/bin/false\n");
	sim.put("/etc/group", "root:x:0:\nsigner:x:113:\n");
	sim.put("/t/in-use", table);
	sim.put("/apply", "", 0o755);
	for (const name of ["a", "b"]) sim.put(`/keys/${name}`, simKey(`${name}.example s`).key, 0o600);
	sim.put("/keys/no-key", "hello\n", 0o600);
	const given: string[] = [];
	const signer = createCommandSigner({
		name: "main",
		service: "signer",
		swap: "reload",
		disk: sim.open({ process: createSimProcess() }),
		outside: {
			run: async ({ input = "" }) => {
				given.push(String(input));
				return Promise.resolve({ status: 0, signal: null, stdout: "", stderr: "" });
			},
		},
		runProbe: async () => Promise.reject(new Error("nothing is proven here")),
		settings: settingsSchema.parse({ table: "/t/in-use", keys: "/keys", apply: ["/apply"], user: "signer" }),
	});
	return { sim, signer, given };
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
