// `npm run mutation [-- FILE …]`: changes src/rotation, src/dkim and src/swap (or the files named) in small ways, one at a
// time, and tells which changes no test of the same folder notices.
import { spawnSync } from "node:child_process";
import { join } from "node:path";

const FOLDERS = ["rotation", "dkim", "swap"];
const root = join(import.meta.dirname, "../..");
const files = process.argv.slice(2);
const stray = files.filter((file) => !FOLDERS.some((folder) => file.startsWith(`src/${folder}/`)));
if (stray.length > 0) {
	console.error(`${stray.join(", ")}: only files below ${FOLDERS.map((name) => `src/${name}/`).join(", ")}`);
	process.exit(64);
}

for (const folder of FOLDERS) {
	const mutate =
		files.length === 0
			? [`src/${folder}/**/*.ts`]
			: files.filter((file) => file.startsWith(`src/${folder}/`));
	if (mutate.length === 0) continue;
	const stryker = join(root, "node_modules/.bin/stryker");
	const given = ["run", "test/mutation/stryker.config.json", "--mutate", mutate.join(",")];
	const env = { ...process.env, MUTATED_FOLDER: folder };
	if (spawnSync(stryker, given, { cwd: root, env, stdio: "inherit" }).status !== 0) process.exitCode = 1;
}
