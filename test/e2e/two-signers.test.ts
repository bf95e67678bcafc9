/**
 * One host with two signers in one keyturn.yaml: one line of OpenDKIM's tables for two domains that share a key, and rspamd,
 * which signs each message of another with an RSA key and an Ed25519 key.
 */

import { afterAll, beforeAll, expect, test } from "vitest";
import { type AgentHost, CONFIG_FILE, KEY_TABLE, upAgentHost } from "./host/agent-host.ts";
import { SELECTOR } from "./host/guide-host.ts";
import { underMail } from "./host/mail-run.ts";
import { PRIMARY } from "./host/name-servers.ts";
import { startRspamd } from "./host/rspamd.ts";

const BY_OPENDKIM = "example.com";
/** Signed by the same line, with the same key. */
const WITH_IT = "example.net";
const BY_RSPAMD = "example.org";
const ED25519 = "ed1";
const SIGNING = "/etc/rspamd/override.d/dkim_signing.conf";
let host: AgentHost;

beforeAll(async () => {
	host = await upAgentHost({ swap: "reload" }, { domains: [BY_OPENDKIM, WITH_IT, BY_RSPAMD] });
	await setUpRspamd();
	await shareKey();
	const text = await host.read(CONFIG_FILE);
	await host.write(
		CONFIG_FILE,
		text
			.replace(
				/^signer: (.*)$/m,
				`signers:\n  tables: $1\n  spam: { type: rspamd, config: ${SIGNING}, swap: reload }`,
			)
			.replace(`name: ${BY_OPENDKIM},`, `name: ${BY_OPENDKIM}, signer: tables,`)
			.replace(`name: ${WITH_IT},`, `name: ${WITH_IT}, signer: tables,`)
			.replace(
				`name: ${BY_RSPAMD},`,
				`name: ${BY_RSPAMD}, signer: spam, key: [{ algorithm: rsa }, { algorithm: ed25519 }],`,
			),
	);
});
afterAll(async () => host.down());

test("each signer's key is adopted where it is", async () => {
	const before = await host.read(SIGNING);
	expect(await host.keyturn("rotate")).toMatchObject({ code: 0 });
	expect(await active()).toEqual({
		[BY_OPENDKIM]: [SELECTOR],
		[WITH_IT]: [SELECTOR],
		[BY_RSPAMD]: [SELECTOR, ED25519],
	});
	expect(await host.read(SIGNING)).toBe(before);
});

test("all turn under mail, and no message leaves unsigned or unverifiable", async () => {
	const before = await host.read(SIGNING);
	const { result, judgement } = await underMail(host, { connections: "short" }, async () =>
		host.keyturn("rotate --now"),
	);
	expect(result).toMatchObject({ code: 0 });
	expect(judgement).toMatchObject({ unsigned: 0, reasons: [], lost: 0, rejected: 0, refused: 0 });
	const next = await active();
	const [selector = ""] = next[BY_OPENDKIM] ?? [];
	const second = `${selector}b`;
	expect(next).toEqual({ [BY_OPENDKIM]: [selector], [WITH_IT]: [selector], [BY_RSPAMD]: [selector, second] });
	const seen = Object.keys(judgement.valid);
	expect(seen).toEqual(expect.arrayContaining([SELECTOR, selector]));
	expect([SELECTOR, ED25519, selector, second]).toEqual(expect.arrayContaining(seen));
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

/** A milter behind OpenDKIM. */
async function setUpRspamd(): Promise<void> {
	await host.script(`
		mkdir -p /var/lib/rspamd/dkim
		mv /etc/opendkim/keys/${host.entryOf(BY_RSPAMD)}.private /var/lib/rspamd/dkim/mail.private
		rspamadm dkim_keygen -d ${BY_RSPAMD} -s ${ED25519} -t ed25519-seed -k /var/lib/rspamd/dkim/ed.private > /var/lib/rspamd/ed.txt
		chown -R _rspamd:_rspamd /var/lib/rspamd; chmod 700 /var/lib/rspamd/dkim
		sed -i '/${BY_RSPAMD}/d' ${KEY_TABLE} /etc/opendkim/signing.table
		postconf -e smtpd_milters='local:/opendkim/opendkim.sock,inet:127.0.0.1:11332' \\
			non_smtpd_milters='local:/opendkim/opendkim.sock,inet:127.0.0.1:11332'
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
		printf 'all %%:${SELECTOR}:/etc/opendkim/keys/${host.entryOf(BY_OPENDKIM)}.private\\n' > ${KEY_TABLE}
		printf '*@${BY_OPENDKIM} all\\n*@${WITH_IT} all\\n' > /etc/opendkim/signing.table
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
