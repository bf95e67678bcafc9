/** A plug-in is loaded by commands of root: nothing that it may load can be somebody else's to write. */

import { chmod, chown, mkdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { createSystemDisk } from "../../src/system/disk.ts";
import { loadPlugIn } from "../../src/system/plug-ins.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const NOBODY = 65_534;
const FILES = {
	"keyturn.yaml": "",
	"mine.js": "module.exports = { loaded: require('./lib/part.js') };",
	"lib/part.js": "module.exports = require('dep');",
	"lib/deep/package.json": "{}",
	"secrets/account.json": "{}",
	"node_modules/dep/index.js": "module.exports = 'all of it';",
	"notes.txt": "",
};

async function place(): Promise<{ readonly directory: string; readonly load: () => Promise<unknown> }> {
	const directory = await temporaryDirectory();
	await chmod(directory, 0o755);
	for (const [name, text] of Object.entries(FILES)) {
		await mkdir(dirname(join(directory, name)), { recursive: true, mode: 0o755 });
		await writeFile(join(directory, name), text, { mode: 0o644 });
	}
	const places = { configPath: join(directory, "keyturn.yaml"), ownRoot: "/opt/keyturn" };
	return { directory, load: async () => loadPlugIn(createSystemDisk(), places, "./mine.js") };
}

test.runIf(process.getuid?.() === 0)("with all that it loads being root's it is loaded", async () => {
	const { directory, load } = await place();
	for (const name of ["notes.txt", "secrets", "secrets/account.json"])
		await chown(join(directory, name), NOBODY, NOBODY);
	await symlink(".", join(directory, "lib/again"));
	expect(await load()).toEqual({ loaded: "all of it" });
});

test
	.runIf(process.getuid?.() === 0)
	.each([
		"keyturn.yaml",
		"mine.js",
		"lib",
		"lib/part.js",
		"lib/deep",
		"lib/deep/package.json",
		"node_modules",
		"node_modules/dep/index.js",
	])("with %s somebody else's it is not", async (name) => {
	const { directory, load } = await place();
	await chown(join(directory, name), NOBODY, NOBODY);
	await expect(load()).rejects.toMatchObject({ code: "config.unsafe" });
});
