/**
 * One host with three signers in one keyturn.yaml: one line of OpenDKIM's tables for two domains that share a key; rspamd,
 * which signs each message of another with an RSA key and an Ed25519 key; and a second OpenDKIM, which signs those of a
 * fourth with an Ed25519 key, beside the RSA key of the first.
 */

import { afterAll, beforeAll, expect, test } from "vitest";
import { type AgentHost, behindWalls, CONFIG_FILE, KEY_TABLE, upAgentHost } from "./host/agent-host.ts";
import { SELECTOR } from "./host/guide-host.ts";
import { type Judgement, underMail } from "./host/mail-run.ts";
import { PRIMARY } from "./host/name-servers.ts";
import { startRspamd } from "./host/rspamd.ts";
import {
	SECOND,
	SECOND_KEY_TABLE,
	SECOND_MILTER,
	secondSigner,
	startSecondOpendkim,
} from "./host/second-opendkim.ts";

const BY_OPENDKIM = "example.com";
/** Signed by the same line, with the same key. */
const WITH_IT = "example.net";
const BY_RSPAMD = "example.org";
const BY_BOTH = "example.info";
const ED25519 = "ed1";
const SIGNING = "/etc/rspamd/override.d/dkim_signing.conf";
let host: AgentHost;

beforeAll(async () => {
	host = await upAgentHost({ swap: "reload" }, { domains: [BY_OPENDKIM, WITH_IT, BY_RSPAMD, BY_BOTH] });
	await startSecondOpendkim(host);
	await setUpRspamd();
	await shareKey();
	const text = await host.read(CONFIG_FILE);
	await host.write(
		CONFIG_FILE,
		text
			.replace(
				/^signer: (.*)$/m,
				`signers:\n  tables: $1\n  spam: { type: rspamd, config: ${SIGNING}, swap: reload }\n  ${SECOND}: ${secondSigner("reload")}`,
			)
			.replace(`name: ${BY_OPENDKIM},`, `name: ${BY_OPENDKIM}, signer: tables,`)
			.replace(`name: ${WITH_IT},`, `name: ${WITH_IT}, signer: tables,`)
			.replace(`name: ${BY_RSPAMD},`, `name: ${BY_RSPAMD}, signer: spam, key: ${KEYS},`)
			.replace(`name: ${BY_BOTH},`, `name: ${BY_BOTH}, signer: tables,`),
	);
	await behindWalls(host);
});
afterAll(async () => host.down());

test("each signer's key is adopted where it is", async () => {
	const before = await host.read(SIGNING);
	expect(await host.keyturn("rotate")).toMatchObject({ code: 0 });
	expect(await active()).toEqual({
		[BY_OPENDKIM]: [SELECTOR],
		[WITH_IT]: [SELECTOR],
		[BY_RSPAMD]: [SELECTOR, ED25519],
		[BY_BOTH]: [SELECTOR],
	});
	expect(await host.read(SIGNING)).toBe(before);
});

test("a first Ed25519 key comes beside the RSA key that signs, at a second OpenDKIM, and no message waits", async () => {
	const before = await host.read(KEY_TABLE);
	const text = await host.read(CONFIG_FILE);
	const both = `name: ${BY_BOTH}, signer: [tables, ${SECOND}], key: ${KEYS}, selector: "{alg}-{yyyy}{mm}",`;
	await host.write(CONFIG_FILE, text.replace(`name: ${BY_BOTH}, signer: tables,`, both));
	const { result, judgement } = await underMail(host, { connections: "short" }, async () => {
		const ticks: number[] = [];
		await host.eventually("two keys sign", async () => {
			ticks.push((await host.keyturn("rotate")).code);
			return (await active())[BY_BOTH]?.length === 2;
		});
		return ticks;
	});
	expect(result).toContain(0);
	expect(judgement).toMatchObject({ unsigned: 0, reasons: [], lost: 0, rejected: 0, refused: 0 });
	const [, first = ""] = (await active())[BY_BOTH] ?? [];
	expect(judgement.valid).toHaveProperty([first]);
	expect(await host.read(SECOND_KEY_TABLE)).toBe(
		`${BY_BOTH} ${BY_BOTH}:${first}:/etc/opendkim/keys/${BY_BOTH}/${first}.private\n`,
	);
	expect(await host.read(KEY_TABLE)).toBe(before);
	const verified = await host.keyturn(`verify ${BY_BOTH}`);
	expect(verified, verified.stdout + verified.stderr).toMatchObject({ code: 0 });
});

test("all turn under mail, and no message leaves unsigned or unverifiable", async () => {
	const before = await host.read(SIGNING);
	const first = (await active())[BY_BOTH] ?? [];
	const { result, judgement } = await underMail(host, { connections: "short" }, async () =>
		host.keyturn("rotate --now"),
	);
	expect(result, result.stdout + result.stderr).toMatchObject({ code: 0 });
	expect(judgement).toMatchObject({ unsigned: 0, reasons: [], lost: 0, rejected: 0, refused: 0 });
	const next = await active();
	const [selector = ""] = next[BY_OPENDKIM] ?? [];
	const second = `${selector}b`;
	const both = next[BY_BOTH] ?? [];
	expect(both).toHaveLength(2);
	expect(both).not.toEqual(expect.arrayContaining([...first]));
	expect(next).toEqual({
		[BY_OPENDKIM]: [selector],
		[WITH_IT]: [selector],
		[BY_RSPAMD]: [selector, second],
		[BY_BOTH]: both,
	});
	const seen = Object.keys(judgement.valid);
	expect(seen).toEqual(expect.arrayContaining([SELECTOR, selector, second, ...both]));
	expect([SELECTOR, ED25519, selector, second, ...first, ...both]).toEqual(expect.arrayContaining(seen));
	expect(await host.read(KEY_TABLE)).toContain(
		`all %:${selector}:/etc/opendkim/keys/${BY_OPENDKIM}/${selector}.private`,
	);
	expect(await host.read(SIGNING)).toBe(
		before
			.replace("/var/lib/rspamd/dkim/mail.private", `/var/lib/rspamd/dkim/${BY_RSPAMD}/${selector}.private`)
			.replace(`"${SELECTOR}"`, `"${selector}"`)
			.replace("/var/lib/rspamd/dkim/ed.private", `/var/lib/rspamd/dkim/${BY_RSPAMD}/${second}.private`)
			.replace(`"${ED25519}"`, `"${second}"`),
	);
	expect((await host.keyturn("verify")).code).toBe(0);
});

test("both OpenDKIMs are stopped, switched and started in one pause", async () => {
	const first = (await active())[BY_BOTH] ?? [];
	await host.script(`sed -i 's/swap: reload/swap: restart/' ${CONFIG_FILE}`);
	const { result, judgement } = await underMail(host, { connections: "short" }, async () =>
		host.keyturn(`rotate --now ${BY_BOTH}`),
	);
	expect(result, result.stdout + result.stderr).toMatchObject({ code: 0 });
	expect(judgement).toMatchObject({ unsigned: 0, reasons: [], lost: 0, rejected: 0 });
	const both = (await active())[BY_BOTH] ?? [];
	expect(both).toHaveLength(2);
	expect(both).not.toEqual(expect.arrayContaining([...first]));
	expect(Object.keys(judgement.valid)).toEqual(expect.arrayContaining([...first, ...both]));
	expect(countOf(judgement, "rsa-")).toBe(countOf(judgement, "ed25519-"));
	const switched = (await host.events()).filter(({ event }) => event === "switched");
	expect(new Set(switched.slice(-2).map(({ selector }) => selector))).toEqual(new Set(both));
	expect((await host.keyturn("verify")).code).toBe(0);
});

test("a second OpenDKIM whose configuration does not check keeps its own key, and the RSA key turns", async () => {
	const [rsa, ed25519] = (await active())[BY_BOTH] ?? [];
	const config = `/etc/${SECOND}.conf`;
	const before = await host.read(config);
	await host.write(config, `${before}NoSuchOption yes\n`);
	const { result, judgement } = await underMail(host, { connections: "short" }, async () =>
		host.keyturn(`rotate --now ${BY_BOTH}`),
	);
	expect(judgement).toMatchObject({ unsigned: 0, reasons: [], lost: 0, rejected: 0 });
	const [next, same] = (await active())[BY_BOTH] ?? [];
	expect([next === rsa, same]).toEqual([false, ed25519]);
	expect(result, result.stdout + result.stderr).toMatchObject({ code: 1 });
	expect(result.stdout).toContain(
		`failed, ${ed25519} still signs beside the new ${next}: opendkim did not sign`,
	);
	await host.write(config, before);
});

/** Signatures by keys of this name. */
function countOf({ valid }: Judgement, name: string): number {
	const counts = Object.entries(valid).flatMap(([selector, count]) =>
		selector.startsWith(name) ? count : [],
	);
	return counts.reduce((sum, count) => sum + count, 0);
}

const KEYS = "[{ algorithm: rsa }, { algorithm: ed25519 }]";

/** A milter behind OpenDKIM. */
async function setUpRspamd(): Promise<void> {
	await host.script(`
		mkdir -p /var/lib/rspamd/dkim
		mv /etc/opendkim/keys/${host.entryOf(BY_RSPAMD)}.private /var/lib/rspamd/dkim/mail.private
		rspamadm dkim_keygen -d ${BY_RSPAMD} -s ${ED25519} -t ed25519-seed -k /var/lib/rspamd/dkim/ed.private > /var/lib/rspamd/ed.txt
		chown -R _rspamd:_rspamd /var/lib/rspamd; chmod 700 /var/lib/rspamd/dkim
		sed -i '/${BY_RSPAMD}/d' ${KEY_TABLE} /etc/opendkim/signing.table
		postconf -e smtpd_milters='local:/opendkim/opendkim.sock,${SECOND_MILTER},inet:127.0.0.1:11332' \\
			non_smtpd_milters='$smtpd_milters'
	`);
	const signing = { path: SIGNING, text: AS_PRINTED };
	await startRspamd(host, { name: "rspamd", http: 11333, milter: 11332, signing });
	await host.script("systemctl restart opendkim postfix");
}

/** As a guide for rspamd prints it. */
const AS_PRINTED = `# documentation: https://rspamd.com/doc/modules/dkim_signing.html

enabled = true;

sign_authenticated = true;
sign_local = true;

use_domain = "header";
use_redis = false; # don't change unless Redis also provides the DKIM keys
use_esld = true;
check_pubkey = true; # you want to use this in the beginning

domain {
    ${BY_RSPAMD} {
        selectors [
            { path = "/var/lib/rspamd/dkim/mail.private"; selector = "${SELECTOR}"; },
            { path = "/var/lib/rspamd/dkim/ed.private"; selector = "${ED25519}"; }
        ]
    }
}
`;

/** One line of the key table for whoever sends, and the record of its key at both. */
async function shareKey(): Promise<void> {
	const [value = ""] = await host.txt(PRIMARY, `${SELECTOR}._domainkey.${BY_OPENDKIM}`);
	await host.script(`
		for file in ${KEY_TABLE} /etc/opendkim/signing.table; do
			sed -i '/${BY_BOTH}/!d' $file
		done
		printf 'all %%:${SELECTOR}:/etc/opendkim/keys/${host.entryOf(BY_OPENDKIM)}.private\\n' >> ${KEY_TABLE}
		printf '*@${BY_OPENDKIM} all\\n*@${WITH_IT} all\\n' >> /etc/opendkim/signing.table
		systemctl restart opendkim
	`);
	const name = `${SELECTOR}._domainkey.${WITH_IT}`;
	await host.unpublish(WITH_IT, name);
	await host.publish(WITH_IT, name, value);
	const text = await host.read("/var/lib/rspamd/ed.txt");
	const strings = [...text.matchAll(/"([^"]*)"/g)].map(([, string = ""]) => string);
	await host.publish(BY_RSPAMD, `${ED25519}._domainkey.${BY_RSPAMD}`, strings.join(""));
}

async function active(): Promise<Readonly<Record<string, readonly string[]>>> {
	const { domains } = JSON.parse((await host.keyturn("status --json")).stdout) as {
		domains: { domain: string; keys: { selector: string; state: string }[] }[];
	};
	return Object.fromEntries(
		domains.map(({ domain, keys }) => [
			domain,
			keys.filter(({ state }) => state === "active").map(({ selector }) => selector),
		]),
	);
}
