// `npm run build`: bundles the programs into dist/, which needs no node_modules beside it and starts quickly.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "esbuild";
import { asModule, forNode } from "./bundling.mjs";

const root = import.meta.dirname;
const target = join(root, "dist");
const shipped = {
	absWorkingDir: root,
	minifySyntax: true,
	minifyWhitespace: true,
	legalComments: "none",
	metafile: true,
	sourcemap: true,
	sourcesContent: false,
};

rmSync(target, { recursive: true, force: true });
const modules = await build({
	...asModule,
	...shipped,
	entryPoints: {
		"src/door": "src/door.ts",
		"src/probe": "src/probe.ts",
		"src/provider": "src/provider.ts",
	},
	outdir: target,
});
/** Large, and needed by few commands: a file each. */
const later = ["mailauth", "axios", "node-forge", "nodemailer"];
const libraries = await build({
	...forNode,
	...shipped,
	entryPoints: Object.fromEntries(later.map((name) => [`src/${name}`, name])),
	outdir: target,
	format: "cjs",
	outExtension: { ".js": ".cjs" },
});
// A script, since Node keeps no code cache for modules; its source stands where the program says it is.
const script = await build({
	...forNode,
	...shipped,
	entryPoints: { "src/main.bundle": "src/main.ts" },
	outdir: target,
	format: "cjs",
	outExtension: { ".js": ".cjs" },
	define: { "import.meta.url": "programUrl" },
	// From a cached script an import() never resolves.
	supported: { "dynamic-import": false },
	plugins: [
		{
			name: "later",
			setup({ onResolve }) {
				onResolve({ filter: /^[^.]/ }, ({ path }) =>
					later.includes(path) ? { path: `./${path}.cjs`, external: true } : undefined,
				);
			},
		},
	],
});
writeFileSync(join(target, "src/main.js"), starter());
execFileSync(process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", "tsconfig.types.json"], {
	cwd: root,
	stdio: "inherit",
});
writeNotices([modules, libraries, script]);
cacheCode();

/** What starts the command line: the script, with the code that V8 had compiled when it was built. */
function starter() {
	// npm links it into a PATH.
	return `#!/usr/bin/env node
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { Script } from "node:vm";
const at = (name) => new URL(name, import.meta.url).pathname;
const script = new Script(\`(require, programUrl) => {\${readFileSync(at("main.bundle.cjs"), "latin1")}\\n}\`, {
	filename: at("main.bundle.cjs"),
	cachedData: existsSync(at("main.cache")) ? readFileSync(at("main.cache")) : undefined,
});
script.runInThisContext()(createRequire(import.meta.url), import.meta.url);
export { script };
`;
}

/** Another Node than the one that built it passes the cache over. */
function cacheCode() {
	const state = mkdtempSync(join(tmpdir(), "keyturn-build-"));
	try {
		const example = readFileSync(join(root, "config/keyturn.example.yaml"), "utf8");
		const config = join(state, "keyturn.yaml");
		writeFileSync(config, example.replace(/^state:.*$/m, `state: ${state}`));
		const started = JSON.stringify(join(target, "src/main.js"));
		const keep = `process.argv.splice(1, 0, "keyturn");
			const { script } = await import(${started});
			process.on("exit", () => fs.writeFileSync(${JSON.stringify(join(target, "src/main.cache"))}, script.createCachedData()));`;
		const code = ["--input-type=module", "-e", `import fs from "node:fs"; ${keep}`, "status", "--config", config];
		execFileSync(process.execPath, code, { stdio: ["ignore", "ignore", "inherit"] });
	} finally {
		rmSync(state, { recursive: true });
	}
}

/** The licences of what is bundled ask to go along with it. */
function writeNotices(builds) {
	const inputs = builds.flatMap(({ metafile }) => Object.keys(metafile.inputs));
	const folders = new Set(inputs.flatMap((path) => path.match(/^.*node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0] ?? []));
	const notices = [...folders].sort().map((folder) => {
		const { name, version, license } = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
		return `${name} ${version} (${license})\n\n${licenceText(join(root, folder))}`;
	});
	writeFileSync(join(target, "NOTICES.txt"), notices.join(`\n${"-".repeat(80)}\n\n`));
}

function licenceText(folder) {
	const file = readdirSync(folder).find((name) => /^licen[cs]e(\.|$)/i.test(name));
	return file === undefined ? "" : readFileSync(join(folder, file), "utf8");
}
