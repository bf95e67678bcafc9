/** A domain that nothing signs is added under mail, and removed again: by the command line alone, and with a daemon at work. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type AgentHost, CONFIG_FILE, KEY_TABLE, upAgentHost } from "./host/agent-host.ts";
import type { Fate } from "./host/fate.ts";
import { type Judgement, judgeMail, type MailRun, startMail } from "./host/mail-run.ts";
import { PRIMARY, SECONDARY } from "./host/name-servers.ts";

const NEW = "example.net";
/** Every message is verified at both servers: on a busy machine that takes its time. */
const MAIL_MS = 600_000;
const SIGNING_TABLE = "/etc/opendkim/signing.table";
let host: AgentHost;

beforeAll(async () => {
	host = await upAgentHost({ swap: "restart" });
	await host.script(`
		sed -i '/${NEW}/d' ${KEY_TABLE} ${SIGNING_TABLE} ${CONFIG_FILE}
		rm -f /etc/opendkim/keys/${host.entryOf(NEW)}.*
		sed -i 's/^# a line somebody/# nobody, and a line somebody/' ${KEY_TABLE}
		echo '# the end' >>${SIGNING_TABLE}
		echo '# the end' >>${CONFIG_FILE}
		systemctl restart opendkim`);
	expect((await host.keyturn("rotate")).code).toBe(0);
});
afterAll(async () => host.down());

describe.each(["restart", "reload"] as const)("under mail by %s", (swap) => {
	let before: string;
	let added: Done;

	beforeAll(async () => {
		if (swap === "reload")
			await host.script(
				`sed -i -e '/${NEW}/d' -e 's/swap: restart/swap: reload/' ${CONFIG_FILE}; systemctl start keyturn`,
			);
		before = await host.read(CONFIG_FILE);
		added = await underMail(`add ${NEW}`);
	}, MAIL_MS);

	test("an added domain is signed from then on, and nothing else changes", async () => {
		expect(added.result).toMatchObject({ code: 0, stdout: expect.stringContaining(`${NEW}: signs with 2`) });
		expectNoHarm(added.judgement);
		expect(unsignedOf(added, (fate) => fate.offeredAt > added.endedAt)).toEqual([]);
		expect(ofNew(added, (fate) => fate.offeredAt > added.endedAt).length).toBeGreaterThan(20);
		expect(await host.selectors()).toMatchObject({ [NEW]: expect.stringMatching(/^2\d{5}b?$/) });
		expect((await host.keyturn(`verify ${NEW}`)).code).toBe(0);
	});

	test("the configuration has one line more, and its owner and mode", async () => {
		const after = await host.read(CONFIG_FILE);
		expect(after.replace(`  - { name: ${NEW}, provider: home }\n`, "")).toBe(before);
		expect(after).not.toBe(before);
		expect(await host.script(`stat -c '%a %U' ${CONFIG_FILE}`)).toBe("644 root\n");
	});

	test("its key is the signer's alone, and both tables keep what others wrote", async () => {
		const files = await host.script(
			`stat -c '%a %U %n' /etc/opendkim/keys/${NEW} /etc/opendkim/keys/${NEW}/*`,
		);
		for (const line of files.trim().split("\n")) expect(line).toMatch(/^[67]00 opendkim /);
		expect(await host.read(SIGNING_TABLE)).toMatch(new RegExp(`# the end\n\\*@${NEW} ${NEW}\n$`));
		expect(await host.read(KEY_TABLE)).toContain("# nobody, and a line somebody added by hand\n");
		expect(await host.script(`stat -c '%U' ${KEY_TABLE} ${SIGNING_TABLE}`)).toBe("opendkim\nopendkim\n");
	});

	test("a removed domain is signed until then and no more; the others go on, and its record stays for grace", {
		timeout: MAIL_MS,
	}, async () => {
		const { [NEW]: selector = "" } = await host.selectors();
		const removed = await underMail(`remove ${NEW}`);
		expect(removed.result).toMatchObject({
			code: 0,
			stdout: expect.stringContaining("signs no more for it"),
		});
		expectNoHarm(removed.judgement);
		expect(unsignedOf(removed, (fate) => fate.endedAt < removed.beganAt)).toEqual([]);
		const later = ofNew(removed, (fate) => fate.offeredAt > removed.endedAt);
		expect(later.length).toBeGreaterThan(20);
		expect(unsignedOf(removed, (fate) => fate.offeredAt > removed.endedAt)).toEqual(later);
		expect(await host.selectors()).not.toHaveProperty([NEW]);
		expect(await host.read(SIGNING_TABLE)).not.toContain(NEW);
		for (const server of [PRIMARY, SECONDARY])
			expect(await host.txt(server, `${selector}._domainkey.${NEW}`)).toHaveLength(1);
		const status = await host.keyturn("status");
		expect(status.stdout).toContain(`${NEW} is leaving`);
	});
});

interface Done {
	readonly result: Awaited<ReturnType<AgentHost["keyturn"]>>;
	readonly judgement: Judgement;
	readonly run: MailRun;
	readonly beganAt: number;
	readonly endedAt: number;
}

async function underMail(command: string): Promise<Done> {
	const run = startMail(host, { connections: "short" });
	try {
		await run.accepted(100);
		const beganAt = Date.now();
		const result = await host.keyturn(command);
		const endedAt = Date.now();
		expect(result, result.stdout + result.stderr).toMatchObject({ code: 0 });
		await run.accepted(200);
		await run.stop();
		return { result, judgement: await judgeMail(host, [run]), run, beganAt, endedAt };
	} finally {
		await run.stop();
	}
}

function expectNoHarm(judgement: Judgement): void {
	expect(judgement).toMatchObject({ reasons: [], lost: 0, rejected: 0 });
	const others = judgement.unsignedNumbers.filter((number) => domainOf(number) !== NEW);
	expect(others).toEqual([]);
}

function domainOf(number: number): string | undefined {
	return host.domains[number % host.domains.length];
}

/** Numbers of accepted messages of the domain. */
function ofNew({ run }: Done, isMeant: (fate: Fate) => boolean): readonly number[] {
	return run.fates
		.filter((fate) => fate.fate === "accepted" && domainOf(fate.number) === NEW && isMeant(fate))
		.map(({ number }) => number)
		.sort((a, b) => a - b);
}

function unsignedOf(done: Done, isMeant: (fate: Fate) => boolean): readonly number[] {
	return ofNew(done, isMeant).filter((number) => done.judgement.unsignedNumbers.includes(number));
}
