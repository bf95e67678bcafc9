/** One host with three signers besides OpenDKIM and rspamd, each with a domain of its own: Exim, dkimpy-milter, which does not listen on loopback, and programs. */

import { afterAll, beforeAll, expect, test } from "vitest";
import { type AgentHost, behindWalls, CONFIG_FILE, upAgentHost } from "./host/agent-host.ts";
import { SELECTOR } from "./host/guide-host.ts";
import { type Judgement, judgeMail, startMail } from "./host/mail-run.ts";
import { activeSelectors } from "./host/old-records.ts";
import {
	DKIMPY_HOST,
	DKIMPY_TABLE,
	EXIM_TABLE,
	hasEximDelivered,
	OTHER_SIGNERS,
	OWN_TABLE,
	setUpDkimpy,
	setUpExim,
	setUpOwn,
} from "./host/other-signers.ts";

const BY_DKIMPY = "example.com";
const BY_EXIM = "example.org";
const BY_PROGRAMS = "example.net";
const SIGNERS = { [BY_DKIMPY]: "py", [BY_EXIM]: "mta", [BY_PROGRAMS]: "own" };
const DOMAINS = Object.keys(SIGNERS);
let host: AgentHost;

beforeAll(async () => {
	host = await upAgentHost({ swap: "reload" }, { domains: DOMAINS });
	await setUpDkimpy(host, BY_DKIMPY);
	await setUpExim(host, BY_EXIM);
	await setUpOwn(host, BY_PROGRAMS);
	await host.script(`
		systemctl disable -q --now opendkim 2>/dev/null
		milters='inet:${DKIMPY_HOST.address}:8892,inet:127.0.0.1:8893'
		postconf -e smtpd_milters="$milters" non_smtpd_milters="$milters"
		systemctl restart postfix
	`);
	const text = await host.read(CONFIG_FILE);
	await host.write(
		CONFIG_FILE,
		Object.entries(SIGNERS).reduce(
			(before, [domain, signer]) => before.replace(`name: ${domain},`, `name: ${domain}, signer: ${signer},`),
			text.replace(/^signer: .*$/m, `signers:\n${OTHER_SIGNERS}`),
		),
	);
	await behindWalls(host);
});
afterAll(async () => host.down());

test("each signer's key is adopted where it is", async () => {
	const before = await tables();
	const adopted = await host.keyturn("rotate");
	expect(adopted, adopted.stdout + adopted.stderr).toMatchObject({ code: 0 });
	expect(await activeSelectors(host)).toEqual(
		Object.fromEntries(DOMAINS.map((domain) => [domain, SELECTOR])),
	);
	expect(await tables()).toEqual(before);
});

test("Exim and programs turn under mail, and no message leaves unsigned, unverifiable or late", async () => {
	const before = await tables();
	const { next, judgement } = await turnUnderMail([BY_EXIM, BY_PROGRAMS]);
	expect(judgement).toMatchObject({ refused: 0, tempfailed: 0 });
	expect(await tables()).toEqual({
		...before,
		[EXIM_TABLE]: `${BY_EXIM}: selector=${next} key=/etc/exim4/dkim/${BY_EXIM}/${next}.private\n`,
		[OWN_TABLE]: `${BY_PROGRAMS} ${next} /etc/dkimkeys/${BY_PROGRAMS}/${next}.private\n`,
	});
});

test("dkimpy-milter, which has to be restarted, turns under mail, and none leaves unsigned or unverifiable", async () => {
	const { next } = await turnUnderMail([BY_DKIMPY]);
	expect(await host.read(DKIMPY_TABLE)).toBe(
		`shop ${BY_DKIMPY}:${next}:/etc/dkimpy-milter/keys/${BY_DKIMPY}/${next}.private\n`,
	);
	expect((await host.keyturn("verify")).code).toBe(0);
});

/** Mail of all domains, so that the other signers are seen to go on. */
async function turnUnderMail(
	domains: readonly string[],
): Promise<{ readonly next: string; readonly judgement: Judgement }> {
	const run = startMail(host, { connections: "short" });
	try {
		await run.accepted(100);
		const turned = await host.keyturn(`rotate --now ${domains.join(" ")}`);
		expect(turned, turned.stdout + turned.stderr).toMatchObject({ code: 0 });
		await run.accepted(150);
	} finally {
		await run.stop();
	}
	await host.eventually("Exim has delivered all", async () => hasEximDelivered(host));
	const judgement = await judgeMail(host, [run]);
	expect(judgement).toMatchObject({ unsigned: 0, reasons: [], lost: 0, rejected: 0 });
	const now = await activeSelectors(host);
	const [next = ""] = new Set(domains.map((domain) => now[domain] ?? ""));
	expect(domains.map((domain) => now[domain])).toEqual(domains.map(() => next));
	expect(next).not.toBe(SELECTOR);
	expect(judgement.valid[next]).toBeGreaterThanOrEqual(domains.length * 20);
	expect(Object.keys(judgement.valid)).toContain(SELECTOR);
	return { next, judgement };
}

async function tables(): Promise<Readonly<Record<string, string>>> {
	const paths = [DKIMPY_TABLE, EXIM_TABLE, OWN_TABLE];
	return Object.fromEntries(
		await Promise.all(paths.map(async (path) => [path, await host.read(path)] as const)),
	);
}
