/** What the guides' own ways do to mail, measured: and thereby that these hosts see every kind of damage. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type GuideHost, SELECTOR, upGuideHost } from "./host/guide-host.ts";
import { judgeMail, startMail, underMail } from "./host/mail-run.ts";
import { PRIMARY, SECONDARY } from "./host/name-servers.ts";

const connectionKinds = ["short", "long"] as const;
const sum = (counts: Readonly<Record<string, number>>): number =>
	Object.values(counts).reduce((total, count) => total + count, 0);

describe("a guide host", () => {
	let host: GuideHost;
	beforeAll(async () => {
		host = await upGuideHost();
	});
	afterAll(async () => host.down());

	test.each(connectionKinds)("signs all mail over %s connections", async (connections) => {
		const { judgement } = await underMail(host, { connections }, async () => Promise.resolve());
		expect(judgement).toMatchObject({ unsigned: 0, reasons: [], lost: 0, refused: 0, pauseMs: 0 });
		expect(judgement.accepted).toBeGreaterThanOrEqual(200);
		expect(judgement.valid).toEqual({ [SELECTOR]: judgement.accepted });
	});

	test("lets mail out unsigned while OpenDKIM is stopped, as the guide has it", async () => {
		const { judgement } = await underMail(host, { connections: "short" }, async () => {
			await host.script("systemctl stop opendkim; systemctl start opendkim");
		});
		expect(judgement.unsigned).toBeGreaterThan(0);
		expect(judgement).toMatchObject({ reasons: [], lost: 0 });
	});

	test.each(connectionKinds)(
		"defers mail while OpenDKIM is stopped with milter_default_action=tempfail, over %s connections",
		async (connections) => {
			await host.script("postconf -e milter_default_action=tempfail; systemctl reload postfix");
			const { judgement } = await underMail(host, { connections }, async () => {
				await host.script("systemctl stop opendkim; systemctl start opendkim");
			});
			await host.script("postconf -e milter_default_action=accept; systemctl reload postfix");
			expect(judgement).toMatchObject({ unsigned: 0, reasons: [], lost: 0 });
			expect(judgement.tempfailed + judgement.dropped).toBeGreaterThan(0);
			expect(judgement.pauseMs).toBeGreaterThan(0);
		},
	);

	test("loses what is taken out of the queue, and that is seen", async () => {
		await host.must(["systemctl", "stop", "sink"]);
		const { judgement } = await underMail(host, { connections: "short" }, async () => {
			await host.script("postsuper -d ALL; systemctl start sink");
		});
		expect(judgement.lost).toBeGreaterThan(0);
	});

	test("delivers after a power cut what it accepted before", async () => {
		const before = startMail(host, { connections: "short" });
		await before.accepted(100);
		await host.cut();
		await before.stop();
		await host.boot();
		const after = startMail(host, { connections: "short" });
		await after.accepted(50);
		await after.stop();
		const judgement = await judgeMail(host, [before, after]);
		expect(judgement).toMatchObject({ unsigned: 0, reasons: [], lost: 0 });
		expect(judgement.accepted).toBeGreaterThanOrEqual(150);
	});
});

describe("a rotation by hand", () => {
	let host: GuideHost;
	beforeAll(async () => {
		host = await upGuideHost();
	});
	afterAll(async () => host.down());

	test("as the guide says it refuses mail for a while", async () => {
		for (const domain of host.domains) await makeAndPublish(host, domain, "202611");
		await expect.poll(async () => publishedAt(host, SECONDARY, "202611"), { timeout: 10_000 }).toBe(3);
		const { judgement } = await underMail(host, { connections: "short" }, async () => {
			await host.script(`
				systemctl stop postfix opendkim
				cp /root/202611/*.private /etc/opendkim/keys/
				chown opendkim:opendkim /etc/opendkim/keys/*; chmod go-rw /etc/opendkim/keys/*
				sed -i 's/:${SELECTOR}:/:202611:/' /etc/opendkim/key.table
				systemctl start opendkim
				systemctl start postfix
			`);
		});
		expect(judgement).toMatchObject({ reasons: [], lost: 0 });
		expect(judgement.refused).toBeGreaterThan(0);
		expect(judgement.pauseMs).toBeGreaterThan(0);
		expect(judgement.valid[SELECTOR]).toBeGreaterThan(0);
		expect(judgement.valid["202611"]).toBeGreaterThan(0);
	});

	test("before the secondary has the record sends mail that some receivers cannot verify", async () => {
		await host.setLag(3600);
		for (const domain of host.domains) await makeAndPublish(host, domain, "202612");
		expect(await publishedAt(host, PRIMARY, "202612")).toBe(3);
		expect(await publishedAt(host, SECONDARY, "202612")).toBe(0);
		const { judgement } = await underMail(host, { connections: "short" }, async () => {
			await host.script(`
				install -d -m 700 -o opendkim -g opendkim /etc/opendkim/keys/202612
				install -m 600 -o opendkim -g opendkim /root/202612/*.private /etc/opendkim/keys/202612/
				sed -i 's/:202611:/:202612:/; s|keys/|keys/202612/|' /etc/opendkim/key.table
				systemctl reload opendkim
			`);
		});
		expect(judgement.invalid["202612"]).toBeGreaterThan(0);
		expect(judgement.reasons.join()).toMatch(/no key|ENOTFOUND|NXDOMAIN|neutral/i);
	});

	test("over the key file in use makes mail invalid", async () => {
		await host.setLag(0);
		await expect.poll(async () => publishedAt(host, SECONDARY, "202612"), { timeout: 10_000 }).toBe(3);
		const { judgement } = await underMail(host, { connections: "long" }, async () => {
			await host.script(`
				cd /root; opendkim-genkey -b 2048 -r -s overwritten -d example.com
				cat overwritten.private > /etc/opendkim/keys/202612/example.private
			`);
		});
		expect(sum(judgement.invalid)).toBeGreaterThan(0);
		expect(sum(judgement.valid)).toBeGreaterThan(0);
	});
});

async function makeAndPublish(host: GuideHost, domain: string, selector: string): Promise<void> {
	const entry = host.entryOf(domain);
	await host.script(`
		mkdir -p /root/${selector}; cd /root/${selector}
		opendkim-genkey -b 2048 -h rsa-sha256 -r -s ${selector} -d ${domain}
		mv ${selector}.private ${entry}.private; mv ${selector}.txt ${entry}.txt
	`);
	const strings = (await host.read(`/root/${selector}/${entry}.txt`)).match(/"[^"]*"/g) ?? [];
	const value = strings
		.map((part) => part.slice(1, -1))
		.join("")
		.replace("h=rsa-sha256", "h=sha256");
	await host.publish(domain, `${selector}._domainkey.${domain}`, value);
}

async function publishedAt(host: GuideHost, server: string, selector: string): Promise<number> {
	const names = host.domains.map((domain) => `${selector}._domainkey.${domain}`);
	const values = await Promise.all(names.map(async (name) => host.txt(server, name)));
	return values.flat().length;
}
