// `npm run simulate`: bundles the simulation, which then runs several times as fast as module by module, and starts it.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { asModule } from "../../bundling.mjs";

const folder = mkdtempSync(join(tmpdir(), "keyturn-simulate-"));
const outfile = join(folder, "simulate.mjs");
await build({ ...asModule, absWorkingDir: import.meta.dirname, entryPoints: ["simulate.ts"], outfile });
// A run makes short-lived things by the gigabyte, and others run on the other cores.
const child = spawn(
	process.execPath,
	["--max-semi-space-size=64", "--single-threaded-gc", outfile, ...process.argv.slice(2)],
	{
		stdio: "inherit",
	},
);
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
child.on("exit", (status) => {
	rmSync(folder, { recursive: true });
	process.exitCode = status ?? 1;
});
