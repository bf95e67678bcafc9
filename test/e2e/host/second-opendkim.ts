/** A second OpenDKIM on a guide host, behind the first: it signs with Ed25519 keys, and has tables and a socket of its own. */

import type { GuideHost } from "./guide-host.ts";

/** Of its unit, and in keyturn.yaml. */
export const SECOND = "opendkim-ed25519";
export const SECOND_KEY_TABLE = "/etc/opendkim/ed25519.key.table";
const SIGNING_TABLE = "/etc/opendkim/ed25519.signing.table";
const CONFIG = "/etc/opendkim-ed25519.conf";

/** It runs, and signs nothing yet. Postfix is told by whoever knows what else it is to ask. */
export async function startSecondOpendkim(host: GuideHost): Promise<void> {
	await host.write(CONFIG, CONFIG_TEXT);
	await host.write(SECOND_KEY_TABLE, "");
	await host.write(SIGNING_TABLE, "");
	await host.write(`/etc/systemd/system/${SECOND}.service`, UNIT);
	await host.script(`
		chown opendkim: ${SECOND_KEY_TABLE} ${SIGNING_TABLE}
		systemctl daemon-reload; systemctl start ${SECOND}
	`);
}

/** As `smtpd_milters` has it. */
export const SECOND_MILTER = "local:/opendkim/ed25519.sock";

/** As keyturn.yaml has it. */
export function secondSigner(swap: "restart" | "reload"): string {
	return `{ type: opendkim, config: ${CONFIG}, keys: /etc/opendkim/keys, swap: ${swap}, services: { stop: [postfix, ${SECOND}], start: [${SECOND}, postfix] } }`;
}

const CONFIG_TEXT = `UserID opendkim
UMask 002
Mode s
SignatureAlgorithm ed25519-sha256
Canonicalization relaxed/simple
KeyTable ${SECOND_KEY_TABLE}
SigningTable refile:${SIGNING_TABLE}
InternalHosts /etc/opendkim/trusted.hosts
Socket local:/var/spool/postfix/opendkim/ed25519.sock
PidFile /run/${SECOND}/opendkim.pid
Background yes
Syslog yes
`;

const UNIT = `[Service]
Type=forking
PIDFile=/run/${SECOND}/opendkim.pid
RuntimeDirectory=${SECOND}
User=opendkim
ExecStart=/usr/sbin/opendkim -x ${CONFIG}
ExecReload=/bin/kill -USR1 $MAINPID
`;
