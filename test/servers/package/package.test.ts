import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeDirectory, removeDirectory } from "../program.ts";

const ROOT = join(import.meta.dirname, "../../..");

/** As small as it gets: without a node of its own. */
function pack(): { readonly name: string; readonly bytes: Buffer } {
	execFileSync(process.execPath, ["--import", "tsx", "debian/package.ts", "keyturn"], { cwd: ROOT });
	const name = readdirSync(join(ROOT, "packages")).find((one) => one.endsWith("_all.deb")) ?? "";
	return { name, bytes: readFileSync(join(ROOT, "packages", name)) };
}

describe("the Debian package", () => {
	let directory: string;
	let path: string;
	let first: Buffer;

	beforeAll(async () => {
		directory = await makeDirectory("package");
		const packed = pack();
		first = packed.bytes;
		path = join(ROOT, "packages", packed.name);
		execFileSync("dpkg-deb", ["-x", path, directory]);
	});
	afterAll(async () => removeDirectory(directory));

	test("is the same, octet for octet, when it is made again", () => {
		expect(pack().bytes.equals(first)).toBe(true);
	});

	test("has nothing that lintian complains of", () => {
		const { status, stdout, stderr } = spawnSync(
			"lintian",
			["--allow-root", "--fail-on", "error,warning", path],
			{
				encoding: "utf8",
			},
		);
		expect(`${stdout}${stderr}`).toBe("");
		expect(status).toBe(0);
	});

	test("has manuals that man finds nothing wrong with", () => {
		for (const page of ["man1/keyturn.1.gz", "man5/keyturn.yaml.5.gz"]) {
			const { stdout, stderr } = spawnSync(
				"man",
				["--warnings", "-l", join(directory, "usr/share/man", page)],
				{
					encoding: "utf8",
					env: { PATH: process.env["PATH"], LC_ALL: "C.UTF-8", MANWIDTH: "80" },
				},
			);
			expect(stderr).toBe("");
			expect(stdout.split("\n").length).toBeGreaterThan(100);
		}
	});

	test("runs from where it is put", () => {
		const program = join(directory, "usr/lib/keyturn/main.js");
		expect(execFileSync(process.execPath, [program, "--version"], { encoding: "utf8" })).toMatch(
			/^\d+\.\d+\.\d+\n$/,
		);
		const { status, stderr } = spawnSync(
			process.execPath,
			[program, "status", "--config", join(directory, "none.yaml")],
			{
				encoding: "utf8",
			},
		);
		expect(status).toBe(2);
		expect(stderr).toContain("expected the configuration, found nothing");
	});

	test("tells what it is made of", () => {
		const sbom = JSON.parse(readFileSync(join(directory, "usr/share/doc/keyturn/sbom.cdx.json"), "utf8")) as {
			bomFormat: string;
			components: readonly { name: string }[];
		};
		expect(sbom.bomFormat).toBe("CycloneDX");
		expect(sbom.components.map(({ name }) => name)).toEqual(
			expect.arrayContaining(["axios", "node-forge", "pino"]),
		);
	});
});
