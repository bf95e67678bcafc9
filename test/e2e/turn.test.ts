/** keyturn on a host as the first guide leaves it: taken over as it stands, then turned under mail by the command line. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AgentHost, CONFIG_FILE, KEY_TABLE, upAgentHost } from "./host/agent-host.ts";
import { SELECTOR } from "./host/guide-host.ts";
import { underMail } from "./host/mail-run.ts";
import { PRIMARY, SECONDARY } from "./host/name-servers.ts";

const SYNCHRONISED = "/run/systemd/timesync/synchronized";
const connectionKinds = ["short", "long"] as const;
let host: AgentHost;

beforeAll(async () => {
	host = await upAgentHost({ swap: "reload" });
});
afterAll(async () => host.down());

describe("taking over", () => {
	let before: Snapshot;
	beforeAll(async () => {
		before = await snapshot();
	});

	test("the first rotate adopts the keys in use", async () => {
		const { code, stdout } = await host.keyturn("rotate");
		expect({ code, lines: stdout.trim().split("\n").length }).toEqual({ code: 0, lines: 3 });
		const { domains } = JSON.parse((await host.keyturn("status --json")).stdout) as {
			domains: { domain: string; active: { selector: string; origin: string } }[];
		};
		expect(domains.map(({ domain, active }) => [domain, active.selector, active.origin])).toEqual(
			host.domains.map((domain) => [domain, SELECTOR, "adopted"]),
		);
	});

	test("changes no record, no file of the signer and no service", async () => {
		expect(await snapshot()).toEqual(before);
	});

	test("leaves nothing of root's in the state directory", async () => {
		expect(await host.script("find /var/lib/keyturn ! -user keyturn")).toBe("");
	});

	test("status names the key in use, verify finds it everywhere", async () => {
		const status = await host.keyturn("status");
		expect(status.code).toBe(0);
		for (const domain of host.domains)
			expect(status.stdout).toMatch(new RegExp(`^${domain} +${SELECTOR} `, "m"));
		const verified = await host.keyturn("verify");
		expect(verified.code).toBe(0);
		expect(verified.stdout.match(/^ok /gm)).toHaveLength(3);
		expect(verified.stderr).toBe("");
	});
});

describe("init", () => {
	const found = "/etc/keyturn/found.yaml";

	test("writes what fits a host as the guide leaves it, and keyturn works with it", async () => {
		const written = await host.keyturn(`--config ${found} init --yes`);
		expect(written).toMatchObject({ code: 0, stdout: expect.stringContaining(`${found} is written\n`) });
		const text = await host.read(found);
		for (const line of [
			"  type: opendkim\n  config: /etc/opendkim.conf\n  keys: /etc/opendkim/keys\n  swap: reload\n",
			"  stop: [postfix, opendkim]\n  start: [opendkim, postfix]\n",
			'    type: rfc2136\n    server: "127.0.0.1:53"\n    keyfile: /etc/keyturn/tsig.key\n',
		])
			expect(text).toContain(line);
		for (const domain of host.domains)
			expect(text).toContain(
				`  # now ${SELECTOR} (/etc/opendkim/keys/${host.entryOf(domain)}.private)\n  - { name: ${domain}, provider: home }\n`,
			);
		expect((await host.keyturn(`--config ${found} verify`)).code).toBe(0);
		expect((await host.keyturn(`--config ${found} rotate --dry-run`)).code).toBe(0);
	});

	test("writes over nothing", async () => {
		const before = await host.read(found);
		expect(await host.keyturn(`--config ${found} init --yes`)).toMatchObject({ code: 2, stdout: "" });
		expect(await host.read(found)).toBe(before);
	});
});

describe("the doctor", () => {
	/** The lab has no servers above its zones, and nothing that sets its clock. */
	beforeAll(async () => {
		await host.configure({ swap: "restart", soak: "auto" });
		await host.script(`
			sed -i 's/^verify: { /&nameservers: ["${PRIMARY}:53", "${SECONDARY}:53"], /' ${CONFIG_FILE}
			mkdir -p /run/systemd/timesync; touch ${SYNCHRONISED}; systemctl enable -q keyturn-recover.service
			postconf -e milter_default_action=tempfail; systemctl reload postfix
		`);
	});

	/** As the guide has it. */
	afterAll(async () => host.script("postconf -e milter_default_action=accept; systemctl reload postfix"));

	test("finds nothing where all is well, and changes nothing", async () => {
		// An account is asked by one process at a time: that leaves an empty file.
		const remembered = "find /var/lib/keyturn -type f ! -name '*.lock' | sort | xargs sha256sum";
		const before = { ...(await snapshot()), state: await host.script(remembered) };
		expect(await host.keyturn("doctor")).toMatchObject({
			code: 0,
			stdout: expect.stringMatching(
				/^signer main \(opendkim\) reads [^]*\n\nnothing found: 3 domains, 22 checks\n$/,
			),
			stderr: "",
		});
		expect({ ...(await snapshot()), state: await host.script(remembered) }).toEqual(before);
	});

	test("finds each fault that is planted, and no other", async () => {
		const [value = ""] = await host.txt(PRIMARY, `${SELECTOR}._domainkey.example.net`);
		await host.unpublish("example.net", `${SELECTOR}._domainkey.example.net`);
		await host.publish("example.com", "202602._domainkey.example.com", value);
		await host.publish("example.com", "_adsp._domainkey.example.com", "dkim=all");
		await host.script(`
			cp -p /etc/opendkim.conf /root/opendkim.conf; touch /etc/opendkim.conf
			rm ${SYNCHRONISED}
			chmod 644 /etc/opendkim/keys/example_org.private
			install -m 600 -o opendkim /dev/null /etc/opendkim/keys/stray.private
			postconf -e milter_default_action=accept non_smtpd_milters=
			postconf -e smtpd_milters=local:/var/spool/postfix/opendkim/opendkim.sock; systemctl reload postfix
		`);
		await host.eventually(
			"the secondary has all of it",
			async () =>
				(await host.txt(SECONDARY, `${SELECTOR}._domainkey.example.net`)).length === 0 &&
				(await host.txt(SECONDARY, "_adsp._domainkey.example.com")).length === 1,
		);
		expect(await findings()).toEqual(
			[
				"clock.unsynchronised clock",
				"key.unsafe example.org 202610",
				"leftover.file /etc/opendkim/keys/stray.private",
				"leftover.record example.com 202602",
				"milter.accept postfix",
				"milter.local postfix",
				"milter.path postfix",
				"record.absent example.net 202610",
				"switch.held signer main",
				"adsp.historic example.com",
			].toSorted(),
		);
		await host.publish("example.net", `${SELECTOR}._domainkey.example.net`, value);
		await host.unpublish("example.com", "202602._domainkey.example.com");
		await host.unpublish("example.com", "_adsp._domainkey.example.com");
		await host.script(`
			touch -r /root/opendkim.conf /etc/opendkim.conf; touch ${SYNCHRONISED}
			chmod 600 /etc/opendkim/keys/example_org.private; rm /etc/opendkim/keys/stray.private
			postconf -e milter_default_action=tempfail non_smtpd_milters=local:/opendkim/opendkim.sock
			postconf -e smtpd_milters=unix:opendkim/opendkim.sock
			systemctl reload postfix; systemctl stop opendkim; systemctl restart dns-resolver
		`);
		await host.eventually(
			"the secondary has the record again",
			async () => (await host.txt(SECONDARY, `${SELECTOR}._domainkey.example.net`)).length === 1,
		);
		expect(await findings()).toEqual(["signer.stopped opendkim"]);
		await host.script("systemctl start opendkim");
		await host.eventually("nothing is left to find", async () => (await findings()).length === 0);
	});

	/** Sorted. */
	async function findings(): Promise<readonly string[]> {
		const { stdout } = await host.keyturn("doctor --json");
		const told = JSON.parse(stdout) as { findings: { code: string; subject: string }[] };
		return told.findings.map(({ code, subject }) => `${code} ${subject}`).toSorted();
	}
});

describe.each(["reload", "restart"] as const)("a turn under mail by %s", (swap) => {
	test.each(connectionKinds)("over %s connections", async (connections) => {
		await host.configure({ swap });
		const before = await host.selectors();
		const { result, judgement } = await underMail(host, { connections }, async () =>
			host.keyturn("rotate --now"),
		);
		expect(result).toMatchObject({ code: 0 });
		expect(result.stderr).not.toMatch(/Warning|Error/);
		expect(judgement).toMatchObject({ unsigned: 0, reasons: [], lost: 0, rejected: 0 });
		if (swap === "reload") expect(judgement).toMatchObject({ refused: 0, tempfailed: 0, dropped: 0 });
		const after = await host.selectors();
		for (const domain of host.domains) expect(after[domain]).not.toBe(before[domain]);
		const [selector = ""] = new Set(Object.values(after));
		expect(judgement.valid[before["example.com"] ?? ""]).toBeGreaterThan(0);
		// Over connections that were open before a reload OpenDKIM signs on with the old key.
		if (swap === "restart" || connections === "short")
			expect(judgement.valid[selector]).toBeGreaterThanOrEqual(90);
		expect((await host.keyturn("verify")).code).toBe(0);
	});
});

test("each turn took the next name, and its key a file of its own", async () => {
	expect(await host.selectors()).toEqual(
		Object.fromEntries(host.domains.map((domain) => [domain, expect.stringMatching(/^2\d{5}d$/)])),
	);
	const selector = (await host.selectors())["example.com"];
	expect(await host.read(KEY_TABLE)).toContain(
		`example example.com:${selector}:/etc/opendkim/keys/example.com/${selector}.private\n`,
	);
	const files = await host.script("stat -c '%a %U %n' /etc/opendkim/keys/example.com/*");
	const lines = files.trim().split("\n");
	expect(lines).toHaveLength(4);
	for (const line of lines) expect(line).toMatch(/^600 opendkim \S+\.private$/);
});

test("a name that somebody else's record stands at is not used", async () => {
	await host.configure({ swap: "reload" });
	const current = (await host.selectors())["example.net"] ?? "";
	const taken = current.replace(/d$/, "e");
	await host.publish("example.net", `${taken}._domainkey.example.net`, "v=DKIM1; k=rsa; p=c29tZWJvZHk=");
	await host.eventually(
		"the secondary has it",
		async () => (await host.txt(SECONDARY, `${taken}._domainkey.example.net`)).length === 1,
	);
	expect(await host.keyturn("rotate --now example.net")).toMatchObject({ code: 0 });
	const after = await host.selectors();
	expect(after).toMatchObject({ "example.com": current, "example.net": current.replace(/d$/, "f") });
	expect(await host.txt(PRIMARY, `${taken}._domainkey.example.net`)).toEqual([
		"v=DKIM1; k=rsa; p=c29tZWJvZHk=",
	]);
});

test("what is not keyturn's stands as it stood", async () => {
	const table = await host.read(KEY_TABLE);
	expect(table.split("\n").filter((line) => line.startsWith("#"))).toEqual([
		"# one line per name in the signing table",
		"# a line somebody added by hand",
	]);
	const { keys, records } = await snapshot();
	for (const domain of host.domains) {
		expect(keys).toContain(`/etc/opendkim/keys/${host.entryOf(domain)}.private`);
		expect(records[domain]).toEqual([1, 1]);
		expect(await host.txt(PRIMARY, `google._domainkey.${domain}`)).toHaveLength(1);
	}
	expect(await host.script(`stat -c '%a %U' ${CONFIG_FILE}`)).toBe("644 root\n");
});

interface Snapshot {
	/** Hashes and owners of everything that the signer reads. */
	readonly keys: string;
	readonly services: string;
	/** How many records each server has at the first selector. */
	readonly records: Readonly<Record<string, readonly number[]>>;
}

async function snapshot(): Promise<Snapshot> {
	const records: Record<string, readonly number[]> = {};
	for (const domain of host.domains) {
		const name = `${SELECTOR}._domainkey.${domain}`;
		const values = await Promise.all([PRIMARY, SECONDARY].map(async (server) => host.txt(server, name)));
		records[domain] = values.map((each) => each.length);
	}
	return {
		keys: await host.script(
			"cd /; find /etc/opendkim -type f | sort | xargs sha256sum; find /etc/opendkim -printf '%m %u %p\\n' | sort",
		),
		services: await host.must([
			"systemctl",
			"show",
			"-p",
			"ActiveEnterTimestampMonotonic",
			"-p",
			"ExecMainPID",
			"opendkim",
			"postfix@-",
		]),
		records,
	};
}
