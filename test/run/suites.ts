/** The suites of `npm test`, in the order in which they run, and what each needs of the machine. */

import { spawnSync } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import { join } from "node:path";

export interface Suite {
	/** As vitest.config.ts names its project. */
	readonly name: string;
	/** Programs it runs, or files that it needs by their path, each with the Debian package that has it. */
	readonly programs: Readonly<Record<string, string>>;
	/** Packages that cannot be installed beside others (exim4 beside postfix): unpacked into UNPACKED, by a file in it. */
	readonly unpacked?: Readonly<Record<string, string>>;
	/** Users that the programs run as, which an installed package would have made. */
	readonly users?: readonly string[];
	readonly needsRoot: boolean;
	/** Only computes, for long: it runs beside the others, which mostly wait. */
	readonly isBeside?: boolean;
	/** A shell script that fails, saying why, where the suite could not run all the same. */
	readonly trial?: string;
}

/** Below /var/lib, where a program's user gets to. */
export const UNPACKED = "/var/lib/keyturn-test";

const mailAndNames = {
	named: "bind9",
	rndc: "bind9-utils",
	"named-checkzone": "bind9-utils",
	dig: "bind9-dnsutils",
	nsupdate: "bind9-dnsutils",
	opendkim: "opendkim",
	"opendkim-genkey": "opendkim-tools",
	postfix: "postfix",
	unbound: "unbound",
	"systemd-analyze": "systemd",
};

export const SUITES: readonly Suite[] = [
	{ name: "unit", programs: {}, needsRoot: false },
	{ name: "simulation", programs: {}, needsRoot: false, isBeside: true },
	{
		name: "servers",
		programs: {
			...mailAndNames,
			knotd: "knot",
			pdns_server: "pdns-server",
			pdnsutil: "pdns-server",
			lexicon: "lexicon",
			"/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql": "pdns-backend-sqlite3",
			"/usr/share/doc/pdns-backend-lmdb": "pdns-backend-lmdb",
			sqlite3: "sqlite3",
			miltertest: "miltertest",
			"dkimpy-milter": "dkimpy-milter",
			"/usr/share/perl5/Mail/DKIM.pm": "libmail-dkim-perl",
			"/usr/share/doc/libidn12": "libidn12",
			strace: "strace",
			rspamd: "rspamd",
			"redis-server": "redis-server",
			"mkfs.ext4": "e2fsprogs",
			mount: "mount",
			faketime: "faketime",
			chromium: "chromium",
			promtool: "prometheus",
			lintian: "lintian",
			strip: "binutils",
			man: "man-db",
			zsh: "zsh",
			fish: "fish",
		},
		unpacked: { "usr/sbin/exim4": "exim4-daemon-light" },
		users: ["Debian-exim"],
		needsRoot: true,
	},
	{
		name: "e2e",
		programs: {
			...mailAndNames,
			"systemd-nspawn": "systemd-container",
			"dbus-daemon": "dbus",
			rspamd: "rspamd",
			"dkimpy-milter": "dkimpy-milter",
			pkaction: "polkitd",
			nsenter: "util-linux",
			ss: "iproute2",
			strip: "binutils",
			man: "man-db",
			"/usr/share/perl5/Mail/DKIM.pm": "libmail-dkim-perl",
			"redis-server": "redis-server",
			pdnsutil: "pdns-server",
			"/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql": "pdns-backend-sqlite3",
			sqlite3: "sqlite3",
			"/usr/share/doc/libidn12": "libidn12",
		},
		unpacked: { "usr/sbin/exim4": "exim4-daemon-light" },
		users: ["Debian-exim"],
		needsRoot: true,
		trial: `directory=$(mktemp -d); trap 'rmdir "$directory"' EXIT
			unshare -m sh -euc 'mount -t tmpfs tmpfs "$1"; mkdir "$1/upper" "$1/work"; mount -t overlay overlay \\
				-o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1"' sh "$directory"`,
	},
];

export function missingPackages(suites: readonly Suite[]): string[] {
	return [...new Set(suites.flatMap(packagesMissing))].toSorted();
}

/** Packages to be unpacked, and users to be made. */
export function missingBeside(suites: readonly Suite[]): {
	readonly packages: readonly string[];
	readonly users: readonly string[];
} {
	return {
		packages: [...new Set(suites.flatMap(notUnpacked))],
		users: [...new Set(suites.flatMap(({ users = [] }) => users))].filter((user) => !isUser(user)),
	};
}

/** Why a suite cannot run here; null if it can. */
export function whyNot(suite: Suite): string | null {
	if (suite.needsRoot && process.getuid?.() !== 0) return "it must be run as root";
	const beside = missingBeside([suite]);
	const missing = [...packagesMissing(suite), ...beside.packages, ...beside.users];
	if (missing.length === 0) return trialFault(suite);
	return `not installed: ${missing.join(", ")} (KEYTURN_TEST_INSTALL=1 installs Debian's, as root)`;
}

function trialFault({ trial }: Suite): string | null {
	if (trial === undefined) return null;
	const { status, stderr } = spawnSync("sh", ["-euc", trial], { encoding: "utf8" });
	return status === 0 ? null : `no file system can be laid over this machine's own: ${stderr.trim()}`;
}

function packagesMissing(suite: Suite): string[] {
	const missing = Object.entries(suite.programs).filter(([program]) => !isInstalled(program));
	return [...new Set(missing.map(([, debianPackage]) => debianPackage))];
}

function notUnpacked({ unpacked = {} }: Suite): string[] {
	return Object.entries(unpacked).flatMap(([path, name]) => (existsSync(join(UNPACKED, path)) ? [] : [name]));
}

function isUser(name: string): boolean {
	return spawnSync("id", [name], { stdio: "ignore" }).status === 0;
}

function isInstalled(program: string): boolean {
	if (program.startsWith("/")) return existsSync(program);
	const directories = [...(process.env["PATH"] ?? "").split(":"), "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
	return directories.some((directory) => isExecutable(join(directory, program)));
}

function isExecutable(path: string): boolean {
	try {
		accessSync(path, constants.X_OK);
		return true;
	} catch {
		return false;
	}
}
