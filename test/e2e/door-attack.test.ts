/** Who took over user keyturn attacks the door from inside the agent's own sandbox, and systemd ends what hangs. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AgentHost, CONFIG_FILE, upAgentHost } from "./host/agent-host.ts";
import { SELECTOR } from "./host/guide-host.ts";
import { judgeMail, startMail } from "./host/mail-run.ts";
import { CHECKOUT, NODE } from "./host/mail-host.ts";

interface Attacked {
	readonly tried: Readonly<Record<string, string>>;
	readonly answers: Readonly<Record<string, string>>;
	readonly raced: readonly string[];
}

const OUTPUT = "/var/lib/attack.out";
let host: AgentHost;

beforeAll(async () => {
	host = await upAgentHost({ swap: "reload" });
	await host.script("systemctl enable -q keyturn-recover.service");
	await host.script("systemctl enable -q --now keyturn-apply.socket keyturn.service");
	await adopted();
});
afterAll(async () => host.down());

describe("an agent that was taken over", () => {
	let attacked: Attacked;
	let before: string;
	let after: string;

	beforeAll(async () => {
		await host.must(["systemctl", "stop", "keyturn.service"]);
		const how = `Type=exec\nExecStopPost=\nStandardOutput=truncate:${OUTPUT}\nRestart=no`;
		await dropIn("attack", `ExecStart=\nExecStart=${NODE} ${CHECKOUT}/test/e2e/inside/attack.mjs\n${how}`);
		before = await fingerprints();
		await host.must(["systemctl", "start", "--wait", "keyturn.service"], { timeoutSeconds: 170 });
		after = await fingerprints();
		attacked = JSON.parse(await host.read(OUTPUT)) as Attacked;
		await noDropIn("attack");
	});

	test("reads no key and writes to no file of the signer, the door and root", () => {
		expect(Object.keys(attacked.tried).length).toBeGreaterThanOrEqual(12);
		for (const [what, code] of Object.entries(attacked.tried))
			expect(code, what).toMatch(/^(EACCES|EROFS|EPERM|EXDEV|ENOENT)$/);
		expect(attacked.tried["read a key"]).toBe("EACCES");
		expect(attacked.tried["the signer's socket"]).toBe("EACCES");
	});

	test("is refused by the door, with a reason, whatever it asks", () => {
		expect(Object.keys(attacked.answers).length).toBeGreaterThanOrEqual(19);
		const { "a key in use dropped": dropped = "", ...refused } = attacked.answers;
		for (const [what, answer] of Object.entries(refused)) {
			expect(answer, what).toMatch(/^\{"act":"refused","why":"\w+",.*"message":"[^"]/);
			expect(answer, what).not.toContain("PRIVATE");
		}
		expect(dropped).not.toContain('"dropped"');
	});

	test("gets right answers while it swaps its files and leaves half requests", () => {
		expect(attacked.raced.filter((answer) => answer.startsWith('{"act":"refused"'))).toHaveLength(6);
		expect(attacked.raced.filter((answer) => answer.startsWith('{"act":"inspect"'))).toHaveLength(6);
	});

	test("changes no byte, owner or mode", () => {
		expect(before.split("\n").length).toBeGreaterThan(100);
		expect(before).toContain("/etc/opendkim/keys/example.private");
		expect(after).toBe(before);
	});

	test("is told of in the journal", async () => {
		const { stdout } = await host.in(["journalctl", "-o", "cat", "--no-pager", "-u", "keyturn-apply@*"]);
		const told = stdout.split("\n").filter((line) => line.includes('"msg":"refused"'));
		expect(told.length).toBeGreaterThanOrEqual(19);
	});

	test("as another user does not even reach the door", async () => {
		const program = `require("node:net").connect("/run/keyturn/apply.sock").on("error", (error) => console.log(error.code))`;
		const as = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"];
		expect((await host.in([...as, NODE, "-e", program])).stdout).toBe("EACCES\n");
	});
});

test("the agent and the door killed by systemctl in a turn under mail: the daemon ends it by itself", async () => {
	await dropIn("quick", "RestartSec=300ms");
	await host.must(["systemctl", "start", "keyturn.service"]);
	const mail = startMail(host, { connections: "short", perSecond: 10 });
	await mail.accepted(20);
	const before = await host.selectors();
	const turn = host.start(["keyturn", "rotate", "--now"]);
	turn.stdin.on("error", () => undefined).end();
	// More often than any start limit of systemd's defaults allows; the agent last, which then waits for no second try.
	for (let kill = 0; kill < 13; kill += 1) {
		await new Promise((resolve) => setTimeout(resolve, 350));
		const unit = kill % 2 === 0 ? "keyturn.service" : "keyturn-apply@*.service";
		await host.in(["systemctl", "kill", "-s", "KILL", unit]);
	}
	await host.eventually(
		"all domains have turned",
		async () => {
			const now = await host.selectors();
			return host.domains.every((domain) => now[domain] !== before[domain]);
		},
		180,
	);
	expect((await host.keyturn("verify")).code).toBe(0);
	expect(await host.must(["systemctl", "is-active", "keyturn", "keyturn-apply.socket"])).toBe(
		"active\nactive\n",
	);
	await mail.accepted(20);
	await mail.stop();
	expect(await judgeMail(host, [mail])).toMatchObject({ unsigned: 0, reasons: [], lost: 0, rejected: 0 });
});

test("the switch that was done is not done again for its old id", async () => {
	const ids = (await host.script("ls /var/lib/keyturn-door/results")).match(/[0-9a-f]{32}/g) ?? [];
	expect(ids.length).toBeGreaterThan(0);
	const before = await fingerprints();
	const request = JSON.stringify({ act: "commit", id: ids[0], tableHashes: {}, evidence: [] });
	const argv = [NODE, `${CHECKOUT}/dist/src/door.js`, "--config", CONFIG_FILE];
	expect(await host.must(argv, { input: request })).toContain(`"id":"${ids[0]}"`);
	expect(await fingerprints()).toBe(before);
});

test("a token that systemd hands over (LoadCredential=) reaches the provider, from a shell as well", async () => {
	const good = await host.read(CONFIG_FILE);
	const key = /secret "([^"]+)"/.exec(await host.read("/etc/keyturn/tsig.key"))?.[1] ?? "";
	await host.write("/etc/keyturn/tsig.secret", key, { mode: "0600" });
	const byCredential = `name: keyturn, algorithm: hmac-sha256, secret: { credential: tsig } }`;
	await host.write(CONFIG_FILE, good.replace(/keyfile: \S+ \}/, byCredential));
	await dropIn("credential", "LoadCredential=tsig:/etc/keyturn/tsig.secret");
	await host.must(["systemctl", "restart", "keyturn.service"]);
	const before = await host.selectors();
	expect(await host.keyturn("rotate --now example.com")).toMatchObject({ code: 0 });
	expect((await host.selectors())["example.com"]).not.toBe(before["example.com"]);
	const checked = await host.keyturn("provider check home --json");
	expect(checked).toMatchObject({ code: 0, stderr: expect.stringContaining("removing") });
	expect(JSON.parse(checked.stdout)).toMatchObject({ provider: "home", outcome: "passed" });
	await noDropIn("credential");
	const refused = await host.keyturn("provider check home");
	expect(refused.code).toBe(1);
	const words = refused.stdout.replaceAll(/\s+/g, " ");
	expect(words).toContain("tsig exists inside keyturn.service only, and that unit does not load it");
	expect(words).toContain("add LoadCredential=tsig:PATH to the unit: `systemctl edit keyturn.service`");
	await host.write(CONFIG_FILE, good);
});

test("the plug pulled in the daemon's turn: after the boot it ends it by itself", async () => {
	await host.must(["systemctl", "restart", "keyturn.service"]);
	const before = await host.selectors();
	const turn = host.start(["keyturn", "rotate", "--now"]);
	turn.stdin.on("error", () => undefined).end();
	await host.eventually("the wish is left", async () => {
		const { stdout } = await host.in(["sh", "-c", "ls /var/lib/keyturn/wishes; ls /var/lib/keyturn/keys"]);
		return stdout.trim() !== "";
	});
	await host.cut();
	await host.boot();
	await host.eventually("services and daemon run", async () => {
		const states = await host.in(["systemctl", "is-active", "keyturn", "opendkim", "postfix@-"]);
		return states.code === 0;
	});
	const now = await host.selectors();
	expect(Object.keys(now)).toHaveLength(host.domains.length);
	expect((await host.keyturn("rotate --now")).code).toBe(0);
	for (const [domain, selector] of Object.entries(await host.selectors()))
		expect(selector).not.toBe(before[domain]);
	expect((await host.keyturn("verify")).code).toBe(0);
});

async function adopted(): Promise<void> {
	await host.eventually("all domains are adopted", async () => {
		const { stdout } = await host.keyturn("status");
		return (stdout.match(new RegExp(SELECTOR, "g")) ?? []).length >= 3;
	});
}

/** Content, owner and mode of all that root and the signer rely on. */
async function fingerprints(): Promise<string> {
	return host.script(`
		find /etc /var/lib/keyturn-door /usr/local -xdev \\( -path /etc/bind -o -path /etc/bind2 \\) -prune -o \\
			\\( -type f -o -type l \\) -printf '%p %U:%G %m %l\\n' | sort
		find /etc /var/lib/keyturn-door -xdev \\( -path /etc/bind -o -path /etc/bind2 \\) -prune -o -type f -print0 |
			sort -z | xargs -0 sha256sum
	`);
}

async function dropIn(name: string, lines: string): Promise<void> {
	await host.write(`/etc/systemd/system/keyturn.service.d/${name}.conf`, `[Service]\n${lines}\n`);
	await host.must(["systemctl", "daemon-reload"]);
}

async function noDropIn(name: string): Promise<void> {
	await host.script(`rm /etc/systemd/system/keyturn.service.d/${name}.conf; systemctl daemon-reload`);
}
