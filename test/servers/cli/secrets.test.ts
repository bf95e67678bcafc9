/** Secrets that were planted are in nothing that the built program says, keeps or gives to others, whatever fails. */

import { chmod, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type RequestListener } from "node:http";
import { type AddressInfo, createConnection } from "node:net";
import { basename, join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { freePort, startProgram, waitUntil } from "../program.ts";
import { found, needlesOf, needlesOfKey } from "./canaries.ts";
import { mayRun, type Outcome, TSIG_KEY, upCliHost, waitForWords } from "./cli-host.ts";
import { treeOf } from "./surroundings.ts";
import { traced } from "./traced.ts";

const DOMAIN = "example.test";
const HMAC = "canaryOfTheSignature0b7f41d2";
const PATH_SECRET = "canaryInThePath5e0c9a61";
const QUERY_SECRET = "canaryInTheQuery83ac02d7";
const WRITTEN_OUT = "canaryWrittenOut41f6b9e3";
const WRONG_SECRET = "YW5vdGhlciBjYW5hcnksIHdoaWNoIG5vIHNlcnZlciBrbm93cw==";
/** Where secrets belong. */
const KEPT_IN = /\.private$|\/keys\/.*\.pem$|tsig\.key$|webhook\.url$|webhook\.hmac$|credentials\/tsig$/;

describe.skipIf(!mayRun)("no secret is told", () => {
	test("in a whole turn, to no child and to no other host", { timeout: 600_000 }, async () => {
		const host = await upSecretHost();
		const elsewhere = await serve((_, response) => response.end());
		const hook = await serve((request, response) => {
			// A server may send back what it was sent.
			response.writeHead(307, { Location: `${elsewhere.url}${request.url}`, "Retry-After": "1" });
			response.end(`${request.url} ${JSON.stringify(request.headers)}`);
		});
		// A signer that is started anew would be traced for ever.
		await host.useHook(hook.url, "{ env: HMAC }", (text) => text.replace("swap: restart", "swap: reload"));
		await host.cli.keyturn(["rotate"], host.env);
		const turned = await traced(host.cli, "execve", ["rotate", "--now"], host.env);
		expect(turned.code, turned.stderr).toBe(0);
		host.heard({ ...turned, calls: [] } as Outcome);
		await host.askAll();
		await host.askOnce();
		const [itself, ...children] = turned.calls.filter((line) => line.includes("execve("));
		expect(itself).toContain(HMAC);
		expect(children.length).toBeGreaterThan(10);
		expect(children.join("\n")).toContain("opendkim");
		expect(await host.toldBesides(children)).toEqual([]);
		expect(hook.requests.length).toBeGreaterThan(0);
		expect(hook.requests.every(({ headers }) => headers["x-keyturn-signature"] !== undefined)).toBe(true);
		expect(found(await host.needles(), hook.bodies.join("\n"))).toEqual([]);
		expect(elsewhere.requests).toEqual([]);
	});

	test("when a server refuses, a secret is unreadable or a key damaged", { timeout: 600_000 }, async () => {
		const host = await upSecretHost();
		const hook = await serve((request, response) => response.writeHead(500).end(request.url));
		await host.useHook(hook.url);
		const failing = async (
			words: RegExp,
			args: readonly string[] = ["rotate", "--now", "--wait-max", "5s"],
		) => {
			const outcome = await host.cli.keyturn(args, host.env);
			host.heard(outcome);
			expect(outcome.code, outcome.stdout + outcome.stderr).not.toBe(0);
			expect(outcome.stdout + outcome.stderr).toMatch(words);
		};
		await host.cli.keyturn(["rotate"], host.env);

		await host.write("credentials/tsig", WRONG_SECRET);
		await failing(/BADSIG/);
		await host.write("credentials/tsig", `${WRONG_SECRET.slice(0, -3)}!!`);
		await failing(/base64/);
		for (const spoil of [
			async (path: string) => chmod(path, 0o644),
			async (path: string) => writeFile(path, ""),
			async (path: string) => rm(path),
			async (path: string) => {
				await rm(path);
				await mkdir(path);
			},
		]) {
			const path = join(host.cli.directory, "webhook.hmac");
			await host.write("webhook.hmac", HMAC);
			await spoil(path);
			await host.useHook(hook.url, "{ file: @/webhook.hmac }");
			await failing(/webhook\.hmac/);
			await rm(path, { recursive: true, force: true });
		}
		await host.useHook(hook.url, "{ env: NOT_SET }");
		await failing(/NOT_SET/);

		await host.write("tsig.key", `key "keyturn" { algorithm hmac-sha256; secret "${WRITTEN_OUT}`);
		await host.cli.configure();
		await failing(/tsig\.key/);

		await host.useHook(hook.url);
		await host.write("credentials/tsig", TSIG_KEY.secret);
		await host.cli.configure((text) => host.edit(text, hook.url).replace("soak: 0s", "soak: 1h"));
		host.heard(await host.cli.keyturn(["rotate", "--now", "--no-wait"], host.env));
		const [pem] = (await readdir(host.cli.state, { recursive: true })).filter((name) =>
			name.endsWith(".pem"),
		);
		const path = join(host.cli.state, pem ?? "");
		await host.remember(path);
		const text = await readFile(path, "utf8");
		await writeFile(path, text.slice(0, text.length - 300));
		await host.cli.configure((edited) => host.edit(edited, hook.url));
		const damaged = await host.cli.keyturn(["rotate", "--now", "--wait-max", "5s", "--no-soak"], host.env);
		host.heard(damaged);
		expect(damaged.stdout + damaged.stderr).toMatch(/expected a private key in PEM/);
		await host.askAll();
		expect(hook.requests.length).toBeGreaterThan(0);
		expect(await host.toldBesides(hook.bodies)).toEqual([]);
	});

	test("when keyturn.yaml has it written out, or cannot be read at all", { timeout: 600_000 }, async () => {
		const host = await upSecretHost();
		const alert = (line: string) => (text: string) => `${text}alerts:\n  - ${line}\n`;
		const edits: readonly ((text: string) => string)[] = [
			alert(`{ type: webhook, url: "https://hooks.invalid/x", hmac: ${WRITTEN_OUT} }`),
			alert(`{ type: webhook, url: "ftp://hooks.invalid/${WRITTEN_OUT}" }`),
			alert(`{ type: webhook, url: "https://hooks.invalid/x", hmac: "${WRITTEN_OUT} }`),
			alert(`{ type: webhook, url: https://hooks.invalid/x, hmca: ${WRITTEN_OUT} }`),
			alert(`{ type: webhook, url: https://hooks.invalid/x, hmac: { file: ${WRITTEN_OUT} } }`),
			(text) => text.replace(/secret: \{[^}]*\}/, `secret: ${WRITTEN_OUT}`),
			(text) => text.replace(/secret: \{[^}]*\}/, `secret: { token: ${WRITTEN_OUT} }`),
			(text) => `${text}api_key: ${WRITTEN_OUT}\n`,
			(text) => `${text}\tpassword: ${WRITTEN_OUT}\n`,
			(text) => `${text}x: &a ${WRITTEN_OUT}\ny: *b\n`,
		];
		for (const edit of edits) {
			await host.cli.configure((text) => edit(host.edit(text, null)));
			for (const args of [["status", "--json"], ["rotate"], ["run"]]) {
				const outcome = await host.cli.keyturn(args, host.env);
				expect([outcome.code, outcome.stderr.includes("keyturn.yaml")], outcome.stderr).toEqual([2, true]);
				host.heard(outcome);
			}
		}
		expect(await host.toldBesides([])).toEqual([]);
	});

	test("by a daemon that is given it in a reload, whose alerts fail, and that crashes", {
		timeout: 600_000,
	}, async () => {
		const host = await upSecretHost();
		const hook = await serve((request) => request.socket.destroy());
		const metrics = await freePort();
		const shows = (text: string) =>
			`${text}metrics: { textfile: @/shown/keyturn.prom, listen: "127.0.0.1:${metrics}" }\nstatus: { html: @/shown/status.html }\n`;
		await mkdir(join(host.cli.directory, "shown"), { mode: 0o755 });
		const mail = await host.takesMail();
		await host.useHook(hook.url, undefined, (text) => shows(mail.alerted(text)));
		const crash = await host.write(
			"crash.cjs",
			`process.on("SIGUSR2", () => { throw new Error("a fault that nobody caught"); });`,
		);
		const daemon = host.cli.start(["run"], { ...host.env, NODE_OPTIONS: `--require=${crash}` });
		await waitForWords(daemon, '"adopt"');
		await host.cli.configure((text) =>
			host.edit(text, hook.url).replace(/hmac: \{[^}]*\}/, `hmac: ${WRITTEN_OUT}`),
		);
		daemon.child.kill("SIGHUP");
		await waitForWords(daemon, "the old one stays");
		await host.useHook(hook.url, undefined, (text) => shows(mail.alerted(text)));
		await waitUntil("the trouble to be told", async () =>
			(await host.cli.keyturn(["status"], host.env)).stdout.includes("config_rejected"),
		);
		await waitUntil("the webhook to be tried", async () => Promise.resolve(hook.requests.length > 0));
		host.heard(await host.cli.keyturn(["rotate", "--now"], host.env));
		await host.askAll();
		const asked = await fetch(`http://127.0.0.1:${metrics}/metrics`);
		const counted = await asked.text();
		expect(counted).toContain("keyturn_");
		await waitUntil("a mail", async () => (await mail.messages()).length > 0);
		daemon.child.kill("SIGUSR2");
		const ended = await daemon.ended;
		expect(ended.code).not.toBe(0);
		expect(ended.stderr).toContain("a fault that nobody caught");
		host.heard(ended);
		expect(ended.stdout).toContain("alert not delivered");
		const tree = Object.keys(await treeOf(host.cli)).filter((name) => name.includes("/shown/"));
		expect(tree.map((name) => basename(name))).toEqual(["keyturn.prom", "status.html"]);
		expect(await host.toldBesides([...hook.bodies, counted, ...(await mail.messages())])).toEqual([]);
	});
});

interface Served {
	readonly url: string;
	readonly requests: IncomingMessage[];
	readonly bodies: string[];
}

async function serve(answer: RequestListener): Promise<Served> {
	const served = { url: "", requests: [] as IncomingMessage[], bodies: [] as string[] };
	const server = createServer((request, response) => {
		let body = "";
		request.setEncoding("utf8").on("data", (text: string) => (body += text));
		request.on("end", () => {
			served.requests.push(request);
			served.bodies.push(body);
			answer(request, response);
		});
	});
	await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
	onTestFinished(() => {
		server.closeAllConnections();
		server.close();
	});
	served.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
	return served;
}

async function isTaken(port: number): Promise<boolean> {
	return new Promise((resolve) => {
		const socket = createConnection({ host: "127.0.0.1", port }, () => {
			socket.destroy();
			resolve(true);
		}).on("error", () => resolve(false));
	});
}

type Edit = (text: string) => string;

/** A host whose TSIG secret is a credential, whose webhook's address is a file and its HMAC secret a variable. */
async function upSecretHost() {
	const cli = await upCliHost();
	await mkdir(join(cli.directory, "credentials"), { mode: 0o700 });
	const outcomes: Outcome[] = [];
	const keys = new Map<string, readonly string[]>();
	const here: Edit = (text) => text.replaceAll("@/", `${cli.directory}/`);
	const remember = async (path: string) => {
		for (const [name, forms] of needlesOfKey(path, await readFile(path, "utf8"))) keys.set(name, forms);
	};
	const host = {
		cli,
		env: { CREDENTIALS_DIRECTORY: join(cli.directory, "credentials"), HMAC },
		write: async (name: string, text: string) => cli.write(name, text),
		/** `hook` null: no alerts. */
		edit(text: string, hook: string | null, hmac = "{ env: HMAC }"): string {
			const byCredential = `name: keyturn, algorithm: hmac-sha256, secret: { credential: tsig } }`;
			const alerts = `alerts:\n  - { type: webhook, url: { file: @/webhook.url }, hmac: ${hmac}, repeat: 1m }\n`;
			return here(text.replace(/keyfile: \S+ \}/, byCredential) + (hook === null ? "" : alerts));
		},
		async useHook(hook: string, hmac?: string, edit: Edit = (text) => text): Promise<void> {
			await cli.write("webhook.url", `${hook}/${PATH_SECRET}?key=${QUERY_SECRET}\n`);
			await cli.configure((text) => here(edit(host.edit(text, hook, hmac))));
		},
		heard: (outcome: Outcome) => void outcomes.push(outcome),
		remember,
		/** Every command that tells how it stands, in words and as JSON. */
		async askAll(): Promise<void> {
			for (const args of [["status"], ["verify"], ["doctor"], ["history"], ["record", DOMAIN], ["recover"]])
				for (const form of [args, [...args, "--json"]]) outcomes.push(await cli.keyturn(form, host.env));
		},
		/** Those that change something, or show more. */
		async askOnce(): Promise<void> {
			for (const args of [
				["status", "--html", "-"],
				["rotate", "--dry-run"],
				["alert", "test"],
				["provider", "check", "home", "--wait-max", "20s"],
				["record", "--removals"],
				["completion", "bash"],
				["init", "--yes"],
			])
				outcomes.push(await cli.keyturn(args, host.env));
		},
		/** A mail server that gets alerts, and keeps what is said to it. */
		async takesMail() {
			const port = await freePort();
			const directory = join(cli.directory, "mail");
			await mkdir(directory);
			const sink = await startProgram(
				"/usr/sbin/smtp-sink",
				["-u", "root", "-d", `${directory}/`, `127.0.0.1:${port}`, "10"],
				{ log: join(cli.directory, "sink.log"), cwd: directory, ready: async () => isTaken(port) },
			);
			onTestFinished(sink.stop);
			return {
				alerted: (text: string) =>
					`${text}  - { type: email, to: postmaster@${DOMAIN}, smtp: "127.0.0.1:${port}", repeat: 1m }\n`,
				messages: async () => {
					const names = await readdir(directory);
					const texts = await Promise.all(names.map((name) => readFile(join(directory, name), "utf8")));
					return texts.filter((text) => text.includes("Subject:"));
				},
			};
		},
		async needles() {
			const tree = await treeOf(cli);
			for (const name of Object.keys(tree).filter((path) => /\.private$|\.pem$/.test(path)))
				await remember(join(cli.directory, "..", name)).catch(() => undefined);
			expect(keys.size).toBeGreaterThan(0);
			return new Map([
				...keys,
				...needlesOf("tsig", TSIG_KEY.secret),
				...needlesOf("wrong tsig", WRONG_SECRET),
				...needlesOf("hmac", HMAC),
				...needlesOf("path", PATH_SECRET),
				...needlesOf("query", QUERY_SECRET),
				...needlesOf("written out", WRITTEN_OUT),
			]);
		},
		/** What is told in all that was said and kept, and in what else is given. */
		async toldBesides(more: readonly string[]): Promise<readonly string[]> {
			const kept = Object.entries(await treeOf(cli)).filter(
				([name]) => !KEPT_IN.test(name) && !/keyturn\.yaml$|trace$/.test(name),
			);
			expect(kept.some(([name]) => name.endsWith("host.json")) || outcomes.length > 20).toBe(true);
			expect(outcomes.length).toBeGreaterThan(5);
			return found(await host.needles(), JSON.stringify([outcomes, kept, more]));
		},
	};
	await cli.write("credentials/tsig", TSIG_KEY.secret);
	await cli.configure((text) => host.edit(text, null));
	return host;
}
