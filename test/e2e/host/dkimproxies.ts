/** Two DKIMproxies behind the submission of a guide host's Postfix, one with a key of its own, one with a sender_map. */

import { type GuideHost, SELECTOR } from "./guide-host.ts";
import { CHECKOUT } from "./mail-host.ts";

/** Where Postfix takes the mail that goes through the one, or the other. */
export const SUBMISSION = { own: 587, map: 588 };
export const PROXY_CONF = "/etc/dkimproxy/dkimproxy_out.conf";
export const PROXY_MAP = "/etc/dkimproxy/senders";
const BY_MAP = "/etc/dkimproxy/dkimproxy_out_map.conf";
const KEYS = "/etc/dkimproxy/keys";

/** `signers` of keyturn.yaml. */
export const PROXY_SIGNERS = `  proxy: { ${signer("dkimproxy", PROXY_CONF)} }
  senders: { ${signer("dkimproxy-map", BY_MAP)} }`;

function signer(service: string, config: string): string {
	const services = `{ stop: [postfix, ${service}], start: [${service}, postfix] }`;
	return `type: dkimproxy, config: ${config}, keys: ${KEYS}, swap: restart, services: ${services}`;
}

export async function setUpProxies(
	host: GuideHost,
	domains: Readonly<Record<keyof typeof SUBMISSION, string>>,
): Promise<void> {
	const { own, map } = domains;
	await host.write(
		PROXY_CONF,
		`listen    127.0.0.1:10027
relay     127.0.0.1:10028
domain    ${own}
signature dkim(c=relaxed,a=rsa-sha256)
keyfile   /etc/dkimproxy/private.key
selector  ${SELECTOR}
reject_error 1
`,
	);
	await host.write(
		BY_MAP,
		`listen    127.0.0.1:10029\nrelay     127.0.0.1:10028\nsender_map ${PROXY_MAP}\nreject_error 1\n`,
	);
	await host.write(
		PROXY_MAP,
		`# who signs\n${map} dkim(c=relaxed,a=rsa-sha256,s=${SELECTOR},key=/etc/dkimproxy/map.key)\n`,
	);
	await host.script(`
		useradd --system dkimproxy
		install -o dkimproxy -m 600 /etc/opendkim/keys/${host.entryOf(own)}.private /etc/dkimproxy/private.key
		install -o dkimproxy -m 600 /etc/opendkim/keys/${host.entryOf(map)}.private /etc/dkimproxy/map.key
		install -d -o dkimproxy -m 700 ${KEYS}
		cat >> /etc/postfix/master.cf <<'END'
${submission(SUBMISSION.own, 10027)}${submission(SUBMISSION.map, 10029)}${RETURN}END
	`);
	await host.write("/etc/systemd/system/dkimproxy.service", unit(PROXY_CONF));
	await host.write("/etc/systemd/system/dkimproxy-map.service", unit(BY_MAP));
	await host.script("systemctl daemon-reload; systemctl start dkimproxy dkimproxy-map");
}

function unit(config: string): string {
	return `[Service]\nUser=dkimproxy\nExecStart=/usr/bin/perl ${CHECKOUT}/test/e2e/inside/dkimproxy.pl ${config}\n`;
}

/** As DKIMproxy's own page on Postfix has it: mail of one's own users goes through the filter, and comes back by another port. */
function submission(port: number, proxy: number): string {
	return `127.0.0.1:${port} inet n - n - - smtpd
    -o content_filter=dksign:[127.0.0.1]:${proxy}
    -o receive_override_options=no_address_mappings
    -o smtpd_recipient_restrictions=permit_mynetworks,reject
`;
}

const RETURN = `dksign unix - - n - 10 smtp
    -o smtp_send_xforward_command=yes
    -o smtp_discard_ehlo_keywords=8bitmime,starttls
127.0.0.1:10028 inet n - n - 20 smtpd
    -o content_filter=
    -o receive_override_options=no_unknown_recipient_checks,no_header_body_checks
    -o smtpd_recipient_restrictions=permit_mynetworks,reject
    -o smtpd_authorized_xforward_hosts=127.0.0.0/8
`;
