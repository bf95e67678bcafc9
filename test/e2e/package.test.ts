/** The Debian package on a booted host: installed, used, upgraded under mail, removed and purged. */

import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type AgentHost, KEY_TABLE, upAgentHost } from "./host/agent-host.ts";
import { putPackage } from "./host/built-package.ts";
import { OUTSIDE } from "./host/mail-host.ts";
import { underMail } from "./host/mail-run.ts";

const PACKAGE = "keyturn-with-node";
const DOMAIN = "example.com";
const UNITS = ["keyturn.service", "keyturn-apply.socket", "keyturn-recover.service"];

let host: AgentHost;
let installed = "";
let file = "";

beforeAll(async () => {
	host = await upAgentHost({ swap: "reload" }, { domains: [DOMAIN] }, async (guide) => {
		file = `${OUTSIDE}/packages/${putPackage(join(guide.outside, "packages"))}`;
		installed = await guide.must(["dpkg", "-i", file]);
	});
}, 600_000);
afterAll(async () => host.down());

test("installing starts nothing, changes no key, and says what to do next", async () => {
	expect(installed).toContain("nothing was started");
	const { stdout } = await host.in(["systemctl", "is-active", ...UNITS]);
	expect(stdout).toBe("inactive\ninactive\ninactive\n");
	expect((await host.in(["systemctl", "is-enabled", ...UNITS])).stdout).toBe(
		"disabled\ndisabled\ndisabled\n",
	);
	expect(await host.selectors()).toEqual({ [DOMAIN]: "202610" });
	expect(await host.script("stat -c '%a %U' /var/lib/keyturn")).toBe("700 keyturn\n");
});

test("it brings its own node, manuals and completions", async () => {
	expect(await host.must(["head", "-2", "/usr/bin/keyturn"])).toContain("/usr/lib/keyturn/node");
	expect(await host.must(["keyturn", "--version"])).toMatch(/^\d+\.\d+\.\d+\n$/);
	expect(await host.script("man -P cat keyturn.yaml | col -b")).toContain("publish_ahead");
	expect(
		await host.script("bash -c '. /usr/share/bash-completion/completions/keyturn && complete -p keyturn'"),
	).toContain("_keyturn");
});

test("is upgraded and turns a key under mail", async () => {
	await host.must(["systemctl", "enable", "--now", ...UNITS]);
	const before = await host.must(["systemctl", "show", "-p", "MainPID", "--value", "keyturn.service"]);
	const { result, judgement } = await underMail(host, { connections: "short" }, async () => {
		await host.must(["dpkg", "-i", file]);
		return host.keyturn("rotate --now");
	});
	expect(result).toMatchObject({ code: 0 });
	expect(judgement).toMatchObject({ unsigned: 0, reasons: [], lost: 0 });
	expect((await host.selectors())[DOMAIN]).not.toBe("202610");
	const after = await host.must(["systemctl", "show", "-p", "MainPID", "--value", "keyturn.service"]);
	expect(after).not.toBe(before);
	expect(Number(after)).toBeGreaterThan(0);
});

test("removing it tells which records still stand, and leaves mail signed", async () => {
	const old = (await host.selectors())[DOMAIN] ?? "";
	expect(await host.keyturn("rotate --now")).toMatchObject({ code: 0 });
	const table = await host.read(KEY_TABLE);
	const told = await host.must(["dpkg", "--remove", PACKAGE]);
	expect(told).toMatch(new RegExp(`^; ${DOMAIN} ${old}: `, "m"));
	expect(told).toMatch(new RegExp(`^update delete ${old}\\._domainkey\\.${DOMAIN}\\. TXT "v=DKIM1`, "m"));
	expect(
		(await host.in(["systemctl", "is-active", "keyturn.service", "keyturn-apply.socket"])).stdout,
	).not.toContain("active\nactive");
	expect(await host.read(KEY_TABLE)).toBe(table);
	const { judgement } = await underMail(host, { connections: "short" }, async () => Promise.resolve());
	expect(judgement).toMatchObject({ unsigned: 0, reasons: [], lost: 0 });
});

test("purging it forgets, but for the history, and deletes no key in use", async () => {
	await host.must(["dpkg", "--purge", PACKAGE]);
	expect(await host.script("ls -d /var/lib/keyturn /var/lib/keyturn-door 2>/dev/null || echo gone")).toBe(
		"gone\n",
	);
	expect(await host.read("/var/backups/keyturn-history.jsonl")).toContain('"switched"');
	const [path = ""] = /\/\S+\.private/.exec(await host.read(KEY_TABLE)) ?? [];
	expect(await host.script(`stat -c '%a %U' ${path}`)).toBe("600 opendkim\n");
	const { judgement } = await underMail(host, { connections: "short" }, async () => Promise.resolve());
	expect(judgement).toMatchObject({ unsigned: 0, reasons: [] });
});
