/**
 * `npm run package`: makes, from what `npm run build` made, the Debian packages into `packages/`: `keyturn`, for a distribution whose nodejs is recent enough,
 * and `keyturn-with-node`, which brings the node that it is built with. The same source gives the same octets.
 */

import { execFileSync } from "node:child_process";
import {
	chmodSync,
	copyFileSync,
	existsSync,
	lutimesSync,
	mkdirSync,
	mkdtempSync,
	readdirSync,
	readFileSync,
	rmSync,
	statSync,
	writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { gzipSync } from "node:zlib";
import { completionFor } from "../src/cli/completion.ts";
import { adapterTable, configurationTable } from "../src/settings/reference.ts";
import { describedProgram } from "../test/docs/commands.ts";
import { schemas } from "../test/settings/schemas.ts";
import { commandsManual, settingsManual } from "./manual.ts";

// The same modes whoever builds it.
process.umask(0o022);

const root = join(import.meta.dirname, "..");
const target = join(root, "packages");
const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
/** Of the newest commit, unless whoever builds it says otherwise: https://reproducible-builds.org/specs/source-date-epoch/ */
const epoch = Number(process.env["SOURCE_DATE_EPOCH"] ?? git("log", "-1", "--format=%ct"));
const date = new Date(epoch * 1000).toISOString().slice(0, 10);

const MAINTAINER = "The keyturn authors <keyturn@example.org>";

interface Variant {
	readonly name: string;
	readonly architecture: string;
	readonly depends: string;
	readonly node: string;
	readonly note: string;
	readonly bringsNode: boolean;
}

const VARIANTS: readonly Variant[] = [
	{
		name: "keyturn",
		architecture: "all",
		depends: "nodejs (>= 20.19), systemd, default-dbus-system-bus | dbus-system-bus",
		node: "/usr/bin/node",
		note: "",
		bringsNode: false,
	},
	{
		name: "keyturn-with-node",
		architecture: execFileSync("dpkg", ["--print-architecture"], { encoding: "utf8" }).trim(),
		depends:
			"libc6 (>= 2.28), libstdc++6 (>= 8), systemd, default-dbus-system-bus | dbus-system-bus\nProvides: keyturn (= @VERSION@)\nConflicts: keyturn\nReplaces: keyturn",
		node: "/usr/lib/keyturn/node",
		note: " .\n This package brings a Node.js of its own, for distributions whose own is older\n than 20.19 (Debian 12).\n",
		bringsNode: true,
	},
];

/** All, or those named as arguments. */
const wanted = VARIANTS.filter(({ name }) => process.argv.length < 3 || process.argv.includes(name));
rmSync(target, { recursive: true, force: true });
mkdirSync(target);
for (const variant of wanted) {
	const stage = mkdtempSync(join(tmpdir(), "keyturn-package-"));
	try {
		chmodSync(stage, 0o755);
		lay(stage, variant);
		writeControl(stage, variant);
		for (const path of [...pathsBelow(stage), stage]) lutimesSync(path, epoch, epoch);
		const file = join(target, `${variant.name}_${version}_${variant.architecture}.deb`);
		execFileSync("dpkg-deb", ["--root-owner-group", "-Zxz", "-z2", "--build", stage, file], {
			stdio: ["ignore", "ignore", "inherit"],
			env: { ...process.env, SOURCE_DATE_EPOCH: String(epoch) },
		});
		console.log(`${file}: ${Math.round(statSync(file).size / 1024)} KiB`);
	} finally {
		rmSync(stage, { recursive: true });
	}
}

/** The files, as they will lie below /. */
function lay(stage: string, variant: Variant): void {
	const put = (path: string, content: string | Buffer, mode = 0o644): void => {
		const whole = join(stage, path);
		mkdirSync(join(whole, ".."), { recursive: true });
		writeFileSync(whole, content);
		chmodSync(whole, mode);
	};
	const library = "usr/lib/keyturn";
	for (const name of readdirSync(join(root, "dist/src")).filter((one) => /\.c?js$/.test(one)))
		put(`${library}/${name}`, withoutMap(readFileSync(join(root, "dist/src", name), "latin1")));
	put(
		`${library}/package.json`,
		`${JSON.stringify({ name: "keyturn", version, type: "module", exports: { "./provider": "./provider.js" } })}\n`,
	);
	if (variant.bringsNode) {
		copyFileSync(process.execPath, join(stage, library, "node"));
		execFileSync("strip", ["--strip-unneeded", join(stage, library, "node")]);
		chmodSync(join(stage, library, "node"), 0o755);
	}
	put("usr/bin/keyturn", `#!/bin/sh\nexec ${variant.node} /${library}/main.js "$@"\n`, 0o755);
	for (const unit of readdirSync(join(root, "systemd")).filter((name) => /\.(service|socket)$/.test(name)))
		put(
			`lib/systemd/system/${unit}`,
			readFileSync(join(root, "systemd", unit), "utf8")
				.replaceAll("/usr/bin/node", variant.node)
				.replaceAll("/opt/keyturn/dist/src/", `/${library}/`),
		);
	put("usr/lib/sysusers.d/keyturn.conf", readFileSync(join(root, "systemd/keyturn.sysusers"), "utf8"));
	mkdirSync(join(stage, "etc/keyturn"), { recursive: true });
	layDocuments(put, variant);
}

type Put = (path: string, content: string | Buffer, mode?: number) => void;

function layDocuments(put: Put, { name, bringsNode }: Variant): void {
	const documents = `usr/share/doc/${name}`;
	const program = describedProgram(version);
	put("usr/share/man/man1/keyturn.1.gz", zip(commandsManual(program, { version, date })));
	put("usr/share/man/man5/keyturn.yaml.5.gz", zip(settingsManual(settingsRows(), { version, date })));
	put("usr/share/bash-completion/completions/keyturn", completionFor("bash", program));
	put("usr/share/zsh/vendor-completions/_keyturn", completionFor("zsh", program));
	put("usr/share/fish/vendor_completions.d/keyturn.fish", completionFor("fish", program));
	for (const [from, to] of [
		["config", "examples"],
		["docs", "."],
	] as const)
		for (const path of pathsBelow(join(root, from)).filter((one) => statSync(one).isFile()))
			put(join(documents, to, relative(join(root, from), path)), readFileSync(path));
	put(`${documents}/changelog.gz`, zip(changelog(name)));
	put(`${documents}/CHANGELOG.md.gz`, zip(readFileSync(join(root, "CHANGELOG.md"), "utf8")));
	put(`${documents}/NOTICES.txt.gz`, zip(notices(bringsNode)));
	put(`${documents}/copyright`, `${readFileSync(join(root, "debian/copyright"), "utf8")}${licence()}`);
	put(`${documents}/sbom.cdx.json`, sbom());
	const overrides = ["lintian-overrides", ...(bringsNode ? ["lintian-overrides.node"] : [])].map((file) =>
		readFileSync(join(root, "debian", file), "utf8"),
	);
	put(`usr/share/lintian/overrides/${name}`, overrides.join("").replaceAll("@PACKAGE@", name));
}

function writeControl(stage: string, { name, architecture, depends, note }: Variant): void {
	const control = join(stage, "DEBIAN");
	const bytes = pathsBelow(stage).reduce(
		(sum, path) => sum + (statSync(path).isFile() ? statSync(path).size : 0),
		0,
	);
	const files = pathsBelow(stage).filter((path) => statSync(path).isFile());
	mkdirSync(control);
	const fields = {
		PACKAGE: name,
		ARCHITECTURE: architecture,
		SIZE: String(Math.ceil(bytes / 1024)),
		DEPENDS: depends,
		NOTE: note,
		MAINTAINER,
		VERSION: version,
	};
	const text = Object.entries(fields).reduce(
		(sum, [field, value]) => sum.replaceAll(`@${field}@`, value),
		readFileSync(join(root, "debian/control"), "utf8"),
	);
	writeFileSync(join(control, "control"), text.replace(/\n+$/, "\n"));
	for (const script of ["postinst", "prerm", "postrm"]) {
		copyFileSync(join(root, "debian", script), join(control, script));
		chmodSync(join(control, script), 0o755);
	}
	const sums = execFileSync("md5sum", files.map((path) => path.slice(stage.length + 1)).toSorted(), {
		cwd: stage,
	});
	writeFileSync(join(control, "md5sums"), sums);
	for (const path of ["control", "md5sums"]) chmodSync(join(control, path), 0o644);
}

/** Of the whole file, then of each provider, whose keys are told with its type. */
function settingsRows(): readonly (readonly [string, string, string])[] {
	const own = Object.entries(schemas.providers).flatMap(([type, schema]) =>
		rowsOf(adapterTable(schema)).map(
			([path, preset, meaning]) => [path, preset, `\`${type}\`: ${meaning}`] as const,
		),
	);
	return [...rowsOf(configurationTable(schemas)), ...own];
}

function rowsOf(table: string): readonly (readonly [string, string, string])[] {
	return table
		.split("\n")
		.filter((line) => line.startsWith("| `"))
		.map((line) => {
			const [path = "", preset = "", meaning = ""] = line.slice(2, -2).split(/(?<!\\) \| /);
			return [path, preset, meaning];
		});
}

/** Without what differs from one run to the next. */
function sbom(): string {
	const made = execFileSync("npm", ["sbom", "--sbom-format=cyclonedx", "--omit=dev", "--package-lock-only"], {
		cwd: root,
		encoding: "utf8",
	});
	const { serialNumber: _, ...rest } = JSON.parse(made) as {
		serialNumber: string;
		metadata: Record<string, unknown>;
	};
	return `${JSON.stringify({ ...rest, metadata: { ...rest.metadata, timestamp: new Date(epoch * 1000).toISOString() } }, null, 1)}\n`;
}

/** Debian Policy 4.4. */
function changelog(name: string): string {
	const at = new Date(epoch * 1000).toUTCString().replace("GMT", "+0000");
	return `${name} (${version}) unstable; urgency=medium\n\n  * What a user would notice: CHANGELOG.md.gz\n\n -- ${MAINTAINER}  ${at}\n`;
}

function notices(bringsNode: boolean): string {
	const bundled = readFileSync(join(root, "dist/NOTICES.txt"), "utf8");
	const licenceOfNode = join(process.execPath, "../../LICENSE");
	if (!bringsNode) return bundled;
	return `${bundled}\n${"-".repeat(80)}\n\nNode.js ${process.versions.node}\n\n${existsSync(licenceOfNode) ? readFileSync(licenceOfNode, "utf8") : "https://github.com/nodejs/node/blob/main/LICENSE\n"}`;
}

/** The form of the copyright file: indented, with a dot for a blank line. */
function licence(): string {
	return readFileSync(join(root, "LICENSE"), "utf8")
		.trimEnd()
		.split("\n")
		.slice(4)
		.map((line) => ` ${line === "" ? "." : line}\n`)
		.join("");
}

/** Nor with the line that makes it a program for npm: here it is given to node by name. */
function withoutMap(code: string): Buffer {
	const own = code.replace(/^#!.*\n/, "");
	return Buffer.from(own.replace(/\n\/\/# sourceMappingURL=.*\n?$/, "\n"), "latin1");
}

/** RFC 1952: without a name and a time. */
function zip(text: string): Buffer {
	return gzipSync(text, { level: 9 });
}

function pathsBelow(directory: string): readonly string[] {
	return readdirSync(directory, { recursive: true, encoding: "utf8" }).map((name) => join(directory, name));
}

function git(...argv: readonly string[]): string {
	return execFileSync("git", argv, { cwd: root, encoding: "utf8" }).trim();
}
