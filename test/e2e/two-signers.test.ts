/** One host with two signers, OpenDKIM's tables for one domain and rspamd's own configuration for the other, in one keyturn.yaml. */

import { afterAll, beforeAll, expect, test } from "vitest";
import { type AgentHost, CONFIG_FILE, KEY_TABLE, upAgentHost } from "./host/agent-host.ts";
import { SELECTOR } from "./host/guide-host.ts";
import { underMail } from "./host/mail-run.ts";

const BY_OPENDKIM = "example.com";
const BY_RSPAMD = "example.org";
const SIGNING = "/etc/rspamd/override.d/dkim_signing.conf";
let host: AgentHost;

beforeAll(async () => {
	host = await upAgentHost({ swap: "reload" }, { domains: [BY_OPENDKIM, BY_RSPAMD] });
	await setUpRspamd();
	const text = await host.read(CONFIG_FILE);
	await host.write(
		CONFIG_FILE,
		text
			.replace(
				/^signer: (.*)$/m,
				`signers:\n  tables: $1\n  spam: { type: rspamd, config: ${SIGNING}, swap: reload }`,
			)
			.replace(`name: ${BY_OPENDKIM},`, `name: ${BY_OPENDKIM}, signer: tables,`)
			.replace(`name: ${BY_RSPAMD},`, `name: ${BY_RSPAMD}, signer: spam,`),
	);
});
afterAll(async () => host.down());

test("each signer's key is adopted where it is", async () => {
	const before = await host.read(SIGNING);
	expect(await host.keyturn("rotate")).toMatchObject({ code: 0 });
	expect(await active()).toEqual({ [BY_OPENDKIM]: SELECTOR, [BY_RSPAMD]: SELECTOR });
	expect(await host.read(SIGNING)).toBe(before);
});

test("both turn under mail, and no message leaves unsigned or unverifiable", async () => {
	const before = await host.read(SIGNING);
	const { result, judgement } = await underMail(host, { connections: "short" }, async () =>
		host.keyturn("rotate --now"),
	);
	expect(result).toMatchObject({ code: 0 });
	expect(judgement).toMatchObject({ unsigned: 0, reasons: [], lost: 0, rejected: 0, refused: 0 });
	const next = await active();
	const [selector = ""] = new Set(Object.values(next));
	expect(next).toEqual({ [BY_OPENDKIM]: selector, [BY_RSPAMD]: selector });
	expect(Object.keys(judgement.valid).toSorted()).toEqual([SELECTOR, selector].toSorted());
	expect(await host.read(KEY_TABLE)).toContain(`${BY_OPENDKIM}:${selector}:/etc/opendkim/keys/`);
	expect(await host.read(SIGNING)).toBe(
		before
			.replace("/var/lib/rspamd/dkim/mail.private", `/var/lib/rspamd/dkim/${BY_RSPAMD}/${selector}.private`)
			.replace(`"${SELECTOR}"`, `"${selector}"`),
	);
	expect((await host.keyturn("verify")).code).toBe(0);
});

/** As a guide for rspamd prints it; nothing but its signing module runs, as a milter behind OpenDKIM. */
async function setUpRspamd(): Promise<void> {
	await host.write(
		SIGNING,
		`# documentation: https://rspamd.com/doc/modules/dkim_signing.html

enabled = true;

sign_authenticated = true;
sign_local = true;

use_domain = "header";
use_redis = false; # don't change unless Redis also provides the DKIM keys
use_esld = true;
check_pubkey = true; # you want to use this in the beginning

domain {
    ${BY_RSPAMD} {
        path = "/var/lib/rspamd/dkim/mail.private";
        selector = "${SELECTOR}";
    }
}
`,
	);
	await host.write("/etc/rspamd/rspamd.conf", MAIN);
	await host.script(`
		printf 'com\\norg\\nnet\\n' > /var/lib/rspamd/tld
		mkdir -p /var/lib/rspamd/dkim
		mv /etc/opendkim/keys/${host.entryOf(BY_RSPAMD)}.private /var/lib/rspamd/dkim/mail.private
		chown -R _rspamd:_rspamd /var/lib/rspamd; chmod 700 /var/lib/rspamd/dkim
		sed -i '/${BY_RSPAMD}/d' ${KEY_TABLE} /etc/opendkim/signing.table
		postconf -e smtpd_milters='local:/opendkim/opendkim.sock,inet:127.0.0.1:11332' \\
			non_smtpd_milters='local:/opendkim/opendkim.sock,inet:127.0.0.1:11332'
		systemctl start rspamd; systemctl restart opendkim postfix
		until printf 'GET /ping HTTP/1.0\\r\\n\\r\\n' | timeout 2 bash -c 'exec 3<>/dev/tcp/127.0.0.1/11333; cat >&3; cat <&3' | grep -q pong; do
			sleep 0.2
		done
	`);
}

const MAIN = `options {
	pidfile = "/run/rspamd/rspamd.pid"; filters = "dkim"; local_addrs = ["127.0.0.0/8"];
	dns { nameserver = ["127.0.0.53"]; timeout = 1s; }
	url_tld = "/var/lib/rspamd/tld"; cache_file = "/var/lib/rspamd/symbols.cache"; hs_cache_dir = "/var/lib/rspamd";
}
logging { type = "file"; filename = "/var/lib/rspamd/log"; level = "info"; }
worker "normal" { bind_socket = "127.0.0.1:11333"; count = 1; }
worker "rspamd_proxy" {
	bind_socket = "127.0.0.1:11332"; milter = yes; timeout = 120s; count = 1;
	upstream "local" { default = yes; self_scan = yes; }
}
lua = "/usr/share/rspamd/rules/rspamd.lua";
modules { path = "/usr/share/rspamd/plugins/dkim_signing.lua"; }
metric { name = "default"; actions { reject = 1000; } }
dkim { }
dkim_signing {
	.include(try=false,priority=10) "/etc/rspamd/override.d/dkim_signing.conf"
}
`;

async function active(): Promise<Readonly<Record<string, string>>> {
	const { domains } = JSON.parse((await host.keyturn("status --json")).stdout) as {
		domains: { domain: string; active: { selector: string } }[];
	};
	return Object.fromEntries(domains.map(({ domain, active: { selector } }) => [domain, selector]));
}
