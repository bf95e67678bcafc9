/** docker-mailserver as its own guide has it: keys and files as `setup config dkim` leaves them on the volume. */

import { execFileSync } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "vitest";
import { DKIM_SIGNING } from "../../fakes/docker-mailserver-files.ts";
import { type CliHost, mayRun as mayRunCli, upCliHost } from "../cli/cli-host.ts";
import { turnAsGuideHasIt } from "../cli/guide-turn.ts";
import { type Container, mayRun, prepareContainer } from "./container.ts";

const DOMAIN = "example.test";

describe.skipIf(!mayRun || !mayRunCli)("docker-mailserver as its guide has it", () => {
	test("with OpenDKIM ends with the next key in use and the old record gone", async () => {
		const host = await upCliHost({ domains: [DOMAIN], hidesPostfix: true });
		const container = await prepareContainer();
		const { volume } = container;
		shell(
			volume,
			`mkdir -p opendkim/keys/${DOMAIN}; cd opendkim
			opendkim-genkey -b 2048 -d ${DOMAIN} -s mail -D keys/${DOMAIN}
			echo 'mail._domainkey.${DOMAIN} ${DOMAIN}:mail:/etc/opendkim/keys/${DOMAIN}/mail.private' > KeyTable
			echo '*@${DOMAIN} mail._domainkey.${DOMAIN}' > SigningTable
			printf '127.0.0.1\\nlocalhost\\n' > TrustedHosts`,
		);
		await container.act("start");
		const written = await readFile(join(volume, `opendkim/keys/${DOMAIN}/mail.txt`), "utf8");
		await turnAsGuideHasIt(host, {
			domain: DOMAIN,
			selector: "mail",
			record: [...written.matchAll(/"([^"]*)"/g)].map(([, part]) => part).join(""),
			rewritten: join(volume, "opendkim/KeyTable"),
			after: (before, next) =>
				before.replace(":mail:", `:${next}:`).replace("/mail.private", `/${next}.private`),
			signer: `{ type: docker-mailserver, ${places(container)}, swap: restart }`,
			edit: (text) => byContainer(text, host, container),
		});
	});

	test("with rspamd ends with the next key in use and the old record gone", async () => {
		const host = await upCliHost({ domains: [DOMAIN], hidesPostfix: true });
		const container = await prepareContainer();
		const { volume, exec } = container;
		await mkdir(join(volume, "rspamd/override.d"), { recursive: true });
		shell(
			volume,
			`mkdir rspamd/dkim; cd rspamd/dkim
			rspamadm dkim_keygen -s mail -b 2048 -d ${DOMAIN} -k mail.private > mail.txt`,
		);
		const config = join(volume, "rspamd/override.d/dkim_signing.conf");
		await writeFile(config, DKIM_SIGNING.replaceAll("example.com", DOMAIN));
		await writeFile(exec[0], signerOfTheContainer(volume));
		await container.act("start");
		const written = await readFile(join(volume, "rspamd/dkim/mail.txt"), "utf8");
		await turnAsGuideHasIt(host, {
			domain: DOMAIN,
			selector: "mail",
			record: [...written.matchAll(/"([^"]*)"/g)].map(([, part]) => part).join(""),
			rewritten: config,
			after: (before, next) =>
				before
					.replace("/dkim/mail.private", `/dkim/${DOMAIN}/${next}.private`)
					.replace('"mail"', `"${next}"`),
			signer: `{ type: docker-mailserver, signs: rspamd, ${places(container)}, swap: restart }`,
			edit: (text) => byContainer(text, host, container),
		});
	});
});

/** Its commands in place of those of the host's signer; a start makes it anew. */
function byContainer(text: string, host: CliHost, { service }: Container): string {
	const own = `${host.directory}/service, signer`;
	return text.replaceAll(`${own}, start`, `${service}, up`).replaceAll(own, service);
}

function places({ volume, exec, smtp }: Container): string {
	return `volume: ${volume}, exec: [${exec.join(", ")}], smtp: "${smtp}"`;
}

function shell(cwd: string, script: string): void {
	execFileSync("/bin/sh", ["-ec", script], { cwd, stdio: "pipe" });
}

/** rspamd's client, answered by rspamd's own signing with the key that the file on the volume names. */
function signerOfTheContainer(volume: string): string {
	return `#!/bin/sh
file=${volume}/rspamd/override.d/dkim_signing.conf
case "$1" in
	rspamadm) exit 0 ;;
	rspamc)
		selector=$(sed -n 's/.*selector = "\\(.*\\)";/\\1/p' $file)
		key=$(sed -n 's|.*path = "/tmp/docker-mailserver/\\(.*\\)";|${volume}/\\1|p' $file)
		cat > ${volume}/message
		rspamadm mime sign -d ${DOMAIN} -s "$selector" -k "$key" -o message ${volume}/message | perl -MJSON::PP -0777 -ne '
			my ($signature) = /^DKIM-Signature: (.*?)\\r?\\n(?=\\S)/ms; print encode_json({ "dkim-signature" => $signature })' ;;
esac
`;
}
