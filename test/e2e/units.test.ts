/** What the installed units may do and may not, tried inside them with a program in the door's place. */

import { afterAll, beforeAll, expect, test } from "vitest";
import { checkRecovery } from "../../src/doctor/recovery.ts";
import { healthyFacts } from "../fakes/doctor-facts.ts";
import { type GuideHost, upGuideHost } from "./host/guide-host.ts";
import { CHECKOUT, NODE } from "./host/mail-host.ts";

let host: GuideHost;

beforeAll(async () => {
	host = await upGuideHost({ domains: ["example.com"] });
	await host.script(`
		NODE=${NODE} ${CHECKOUT}/systemd/install
		systemctl enable -q keyturn-recover.service
	`);
});
afterAll(async () => host.down());

test("installing starts nothing and makes the user", async () => {
	expect(await host.must(["id", "-un", "keyturn"])).toBe("keyturn\n");
	const states = await host.in(["systemctl", "is-active", "keyturn.service", "keyturn-apply.socket"]);
	expect(states.stdout).toBe("inactive\ninactive\n");
});

test("the door's socket answers user keyturn alone", async () => {
	await standIn("cat");
	expect(await askAs("keyturn", "hello\n")).toMatchObject({ code: 0, stdout: "hello\n" });
	const refused = await askAs("nobody", "hello\n");
	expect(refused.code).not.toBe(0);
	expect(refused.stderr).toContain("EACCES");
});

test("behind the door services can be moved, other users acted as, and the signer's files changed", async () => {
	await standIn(`
		systemctl is-active opendkim
		systemctl restart opendkim && echo restarted
		systemctl reload opendkim && echo reloaded
		systemd-run --quiet --wait --pipe --collect --uid=opendkim id -un
		systemd-run --quiet --wait --pipe --collect --uid=opendkim opendkim -n -x /etc/opendkim.conf && echo checked
		install -d -m 700 -o opendkim -g opendkim /etc/opendkim/keys/example.com && echo made
		cat /etc/opendkim/keys/example.private >/dev/null && echo read
		echo kept >/var/lib/keyturn-door/journal && cat /var/lib/keyturn-door/journal
		stat -c %a /var/lib/keyturn-door
	`);
	const { stdout } = await askAs("keyturn", "");
	const expected = ["active", "restarted", "reloaded", "opendkim", "checked", "made", "read", "kept", "700"];
	expect(stdout.trim().split("\n")).toEqual(expected);
});

test("behind the door there is no network, no other part of the disk and no further privilege", async () => {
	await standIn(`
		touch /etc/opendkim.conf.new || echo no-etc
		touch /usr/x || echo no-usr
		ls -d /root/example && echo home-seen
		dig +time=1 +tries=1 @127.0.0.1 example.com SOA >/dev/null || echo no-network
		mount -t tmpfs tmpfs /mnt || echo no-mount
		su -s /bin/sh nobody -c true || echo no-su
		grep CapBnd /proc/self/status
		grep CapEff /proc/self/status
	`);
	const { stdout } = await askAs("keyturn", "");
	expect(stdout.trim().split("\n")).toEqual([
		"no-etc",
		"no-usr",
		"no-network",
		"no-mount",
		"no-su",
		"CapBnd:\t000000000000000b",
		"CapEff:\t000000000000000b",
	]);
});

test("node runs in the door's sandbox and in the agent's", async () => {
	await standIn(
		`${NODE} -e 'require("node:fs").chownSync("/etc/opendkim/key.table", 0, 0); console.log("node")'`,
	);
	expect((await askAs("keyturn", "")).stdout).toBe("node\n");
	await host.script("chown opendkim:opendkim /etc/opendkim/key.table");
	const program = "console.log(process.getuid(), os.cpus().length > 0, process.env.UV_THREADPOOL_SIZE)";
	await replaceCommand("keyturn.service", `${NODE} -e '${program}'\nType=exec`);
	await host.script("systemctl start --wait keyturn.service");
	const uid = (await host.must(["id", "-u", "keyturn"])).trim();
	expect(await host.must(["journalctl", "-o", "cat", "-u", "keyturn.service"])).toContain(`${uid} true 8\n`);
});

test("the door never closes for good, however fast it is asked", async () => {
	await standIn("cat");
	const asked = await Promise.all(
		Array.from({ length: 40 }, async (_, index) => askAs("keyturn", `${index}\n`)),
	);
	expect(asked.map(({ stdout }) => stdout)).toEqual(asked.map((_, index) => `${index}\n`));
	expect(await host.must(["systemctl", "is-active", "keyturn-apply.socket"])).toBe("active\n");
});

test("with the drop-in that doctor gives, recovery runs where `state` lies elsewhere, and may write there", async () => {
	const { settings } = healthyFacts();
	const [skipped] = checkRecovery(healthyFacts({ settings: { ...settings, state: "/srv/keyturn" } }));
	await replaceCommand("keyturn-recover.service", "/bin/touch /srv/keyturn-door/ran");
	await host.script(
		"mkdir -p /srv/keyturn-door; touch /srv/keyturn-door/journal; rm -rf /var/lib/keyturn-door",
	);
	const ran = async () => {
		await host.script("systemctl start keyturn-recover.service");
		return host.script("ls /srv/keyturn-door");
	};
	expect(await ran()).toBe("journal\n");
	await host.script(skipped?.command ?? "false");
	expect(await ran()).toBe("journal\nran\n");
	await host.script(
		"rm -r /srv/keyturn-door /etc/systemd/system/keyturn-recover.service.d; systemctl daemon-reload",
	);
});

test("recovery runs at boot before the signer and the mail server, and neither waits for it for ever", async () => {
	await host.script("mkdir -p /var/lib/keyturn-door; touch /var/lib/keyturn-door/journal");
	await replaceCommand("keyturn-recover.service", "/bin/false");
	await host.cut();
	await host.boot();
	const show = ["systemctl", "show", "--value", "-p", "InactiveExitTimestampMonotonic"];
	const times = await host.must([
		...show,
		"keyturn-recover.service",
		"opendkim.service",
		"postfix@-.service",
	]);
	const [recover = 0, opendkim = 0, postfix = 0] = times.trim().split(/\n+/).map(Number);
	expect(recover).toBeGreaterThan(0);
	expect(opendkim).toBeGreaterThan(recover);
	expect(postfix).toBeGreaterThan(recover);
	expect(await host.must(["systemctl", "is-active", "opendkim", "postfix@-"])).toBe("active\nactive\n");
});

/** Puts a shell script in the door's place. */
async function standIn(script: string): Promise<void> {
	await host.write("/usr/local/lib/stand-in", `${script}\n`);
	await replaceCommand("keyturn-apply@.service", "/bin/sh /usr/local/lib/stand-in");
	await host.must(["systemctl", "start", "keyturn-apply.socket"]);
}

async function replaceCommand(unit: string, command: string): Promise<void> {
	const text = `[Service]\nExecStart=\nExecStart=${command}\n`;
	await host.write(`/etc/systemd/system/${unit}.d/stand-in.conf`, text);
	await host.must(["systemctl", "daemon-reload"]);
}

async function askAs(user: string, request: string): ReturnType<GuideHost["in"]> {
	const program = `
		const socket = require("node:net").connect("/run/keyturn/apply.sock");
		socket.on("error", (error) => { console.error(error.code); process.exitCode = 1; });
		socket.pipe(process.stdout);
		process.stdin.on("data", (chunk) => socket.write(chunk)).on("end", () => socket.end());
	`;
	const as = ["setpriv", `--reuid=${user}`, "--regid=nogroup", "--clear-groups"];
	return host.in([...as, NODE, "-e", program], { input: request });
}
