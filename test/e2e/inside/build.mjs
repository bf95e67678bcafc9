// Bundles what runs inside booted hosts into a folder, a file each: they are started hundreds of times, and as they were written each start loads a compiler.
import { build } from "esbuild";
import { asModule } from "../../../bundling.mjs";

const [outdir = ""] = process.argv.slice(2);
await build({
	...asModule,
	absWorkingDir: import.meta.dirname,
	entryPoints: ["judge", "lag", "receiver", "sender", "sink"].map((name) => `${name}.ts`),
	outdir,
	outExtension: { ".js": ".mjs" },
});
