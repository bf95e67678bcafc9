/**
 * The real program for a test: built, run as a child, with real DNS and a real OpenDKIM, and a mail server that is a file;
 * all of it in a directory of its own, so nothing of this machine is touched.
 */

import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chown, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { onTestFinished } from "vitest";
import { quoteTxt } from "../../../src/dkim/txt-strings.ts";
import { type BindZone, startBind, type TsigKey } from "../bind.ts";
import { makeKey, mayRun as mayRunOpenDkim, OPENDKIM, prepareHost } from "../opendkim/opendkim-host.ts";
import { waitUntil, type StartedServer } from "../program.ts";

export const mayRun = mayRunOpenDkim;

const PROGRAM = join(import.meta.dirname, "../../../dist/src/main.js");
/** The secret is a canary: no output may hold it. */
export const TSIG_KEY: TsigKey = {
	name: "keyturn",
	algorithm: "hmac-sha256",
	secret: "Y2FuYXJ5IG9mIHRoZSBjb21tYW5kIGxpbmUncyB0ZXN0cyE=",
};
export const FIRST_SELECTOR = "202001";

export interface Outcome {
	readonly code: number | null;
	readonly signal: NodeJS.Signals | null;
	readonly stdout: string;
	readonly stderr: string;
}

export interface Running {
	readonly child: ChildProcess;
	stdout(): string;
	stderr(): string;
	readonly ended: Promise<Outcome>;
}

export interface CliHostOptions {
	readonly domains?: readonly string[];
	/** In place of what the zones serve at the first selector. */
	readonly record?: (value: string) => string;
	/** Without the Postfix of this machine, if it has one: old records stand for as long as its mail may wait. */
	readonly hidesPostfix?: boolean;
	/** Called with the directory that all of the host will lie in, empty yet. */
	readonly onDirectory?: (directory: string) => Promise<void>;
}

export interface CliHost {
	readonly directory: string;
	readonly configPath: string;
	readonly state: string;
	readonly domains: readonly string[];
	readonly bind: StartedServer;
	/** Writes keyturn.yaml; `edit` changes the text that it would have. */
	configure(edit?: (text: string) => string): Promise<void>;
	/** Writes a file of this host; answers its path. */
	write(name: string, text: string): Promise<string>;
	start(args: readonly string[], env?: Readonly<Record<string, string>>): Running;
	keyturn(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Outcome>;
	/** The selector that the key table gives a domain. */
	selectorOf(domain: string): Promise<string | null>;
	/** What the services were asked for, in order. */
	asked(): Promise<readonly string[]>;
}

/** Inside a test: it is taken down when the test is finished. */
export async function upCliHost(options: CliHostOptions = {}): Promise<CliHost> {
	const domains = options.domains ?? ["example.test"];
	const host = await prepareHost({ signing: "refile:", onDirectory: options.onDirectory });
	const zones = await Promise.all(
		domains.map(async (domain): Promise<BindZone & { readonly line: string }> => {
			const key = makeKey();
			const path = await host.writeKey(domain, key);
			const value = (options.record ?? ((text) => text))(key.record);
			return {
				name: domain,
				records: `${FIRST_SELECTOR}._domainkey IN TXT ( ${quoteTxt(value)} )`,
				updateKeys: [TSIG_KEY.name],
				line: `${domain} ${domain}:${FIRST_SELECTOR}:${path}`,
			};
		}),
	);
	// keyturn lies in it, and root's door relies on no directory of another user; the signer may write its pid there.
	await chown(host.directory, 0, host.gid);
	await host.write("opendkim.pid", "");
	await host.write("key.table", zones.map((zone) => `${zone.line}\n`).join(""));
	await host.write("signing.table", domains.map((domain) => `*@${domain} ${domain}\n`).join(""));
	const bind = await startBind({ zones, tsigKeys: [TSIG_KEY] });
	const place = join(host.directory, "keyturn");
	const state = join(place, "state");
	await mkdir(state, { recursive: true, mode: 0o700 });
	const running = new Set<ChildProcess>();
	const cli: CliHost = {
		directory: place,
		configPath: join(place, "keyturn.yaml"),
		state,
		domains,
		bind,
		async configure(edit = (text) => text) {
			await cli.write("keyturn.yaml", edit(configurationText(cli, host.configPath, host.directory)));
		},
		async write(name, text) {
			const path = join(place, name);
			await writeFile(path, text, { mode: 0o600 });
			return path;
		},
		start(args, env = {}) {
			const argv = [process.execPath, PROGRAM, "--config", cli.configPath, ...args];
			const started = startProgram(options.hidesPostfix === true ? [...HIDING, ...argv] : argv, env);
			running.add(started.child);
			return started;
		},
		keyturn: async (args, env) => cli.start(args, env).ended,
		async selectorOf(domain) {
			const table = await readFile(host.keyTable, "utf8");
			return (
				new RegExp(`^\\S+\\s+${domain.replaceAll(".", "\\.")}:([^:\\s]+):`, "m").exec(table)?.[1] ?? null
			);
		},
		asked: async () =>
			(await readFile(join(place, "asked"), "utf8").catch(() => ""))
				.split("\n")
				.filter((line) => line !== ""),
	};
	onTestFinished(async () => {
		for (const child of running) if (child.exitCode === null) child.kill("SIGKILL");
		await bind.stop();
	});
	await cli.write(
		"tsig.key",
		`key "${TSIG_KEY.name}" { algorithm ${TSIG_KEY.algorithm}; secret "${TSIG_KEY.secret}"; };\n`,
	);
	await cli.write(
		"service",
		SERVICE_SCRIPT.replaceAll("@signer", host.directory).replaceAll("@/", `${place}/`),
	);
	await cli.write("mail.up", "");
	const service = promisify(execFile);
	const signer = async (action: string) => service("/bin/sh", [join(place, "service"), "signer", action]);
	onTestFinished(async () => void (await signer("stop")));
	await signer("start");
	await rm(join(place, "asked"));
	await cli.configure();
	return cli;
}

/** Waits for words on standard error or standard output of a running program. */
export async function waitForWords(
	program: Running,
	words: string | RegExp,
	timeoutMs = 20_000,
): Promise<void> {
	const said = (): string => program.stderr() + program.stdout();
	await waitUntil(
		`"${String(words)}"`,
		() => {
			if (program.child.exitCode !== null)
				throw new Error(`it ended before it said "${String(words)}": ${said()}`);
			return typeof words === "string" ? said().includes(words) : words.test(said());
		},
		timeoutMs,
	).catch((thrown: unknown) => {
		throw new Error(`${String(thrown)}; it said: ${said()}`);
	});
}

/** Nobody can run `postconf` then: what it would say cannot be told. */
const HIDING = [
	"unshare",
	"-m",
	"/bin/sh",
	"-ec",
	'[ ! -e /usr/sbin/postconf ] || mount --bind /dev/null /usr/sbin/postconf; exec "$0" "$@"',
];

function startProgram(argv: readonly string[], env: Readonly<Record<string, string>>): Running {
	const [command = "", ...args] = argv;
	const child = spawn(command, args, {
		env: { PATH: process.env["PATH"] ?? "", LANG: "C.UTF-8", TZ: "UTC", ...env },
		stdio: ["ignore", "pipe", "pipe"],
	});
	let stdout = "";
	let stderr = "";
	child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
	child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
	const ended = once(child, "close").then(() => ({
		code: child.exitCode,
		signal: child.signalCode,
		stdout,
		stderr,
	}));
	return { child, stdout: () => stdout, stderr: () => stderr, ended };
}

/** Short waits, and nothing spread: the tests wait for real time. */
function configurationText(cli: CliHost, opendkimConf: string, directory: string): string {
	const commands = ["mail", "signer"].map((name) => {
		const lists = ["stop", "start", "reload", "status"].map(
			(action) => `${action}: [/bin/sh, ${cli.directory}/service, ${name}, ${action}]`,
		);
		return `    ${name}: { ${lists.join(", ")} }`;
	});
	const server = `${cli.bind.address}:${cli.bind.port}`;
	return `schedule: "0 3 1 1 *"
timezone: UTC
jitter: 0s
record: { ttl: 5m }
verify: { nameservers: ["${server}"], resolvers: [], soak: 0s, interval: 1s, timeout: 1h }
signer: { type: opendkim, config: ${opendkimConf}, program: ${OPENDKIM}, keys: ${directory}/keys, swap: restart }
services:
  manager: command
  stop: [mail, signer]
  start: [signer, mail]
  commands:
${commands.join("\n")}
providers:
  home: { type: rfc2136, server: "${server}", keyfile: ${cli.directory}/tsig.key }
domains:
${cli.domains.map((domain) => `  - { name: ${domain}, provider: home }`).join("\n")}
state: ${cli.state}
`;
}

/**
 * `mail` is a file that says whether it is up, `signer` the real OpenDKIM. It is killed, since SIGTERM takes it seconds
 * (libmilter polls); it has ended, and left its port to the next, once its command line is gone.
 */
const SERVICE_SCRIPT = `
pid=$(cat @signer/opendkim.pid 2>/dev/null)
[ "$2" = status ] || echo "$2 $1" >>@/asked
case "$1 $2" in
	"mail stop") rm -f "@/mail.up" ;;
	"mail start") : >"@/mail.up" ;;
	"mail status") [ -e "@/mail.up" ] ;;
	"signer stop")
		kill -KILL "$pid"
		while grep -q . "/proc/\${pid:-none}/cmdline" 2>/dev/null; do sleep 0.02; done
		: >@signer/opendkim.pid ;;
	"signer start") ${OPENDKIM} -x @signer/opendkim.conf ;;
	"signer reload") kill -USR1 "$pid" ;;
	"signer status") [ -n "$pid" ] && kill -0 "$pid" ;;
esac
`;
