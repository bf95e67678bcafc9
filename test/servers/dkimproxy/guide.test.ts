/** DKIMproxy as a guide sets it up: its example copied and edited, a key by openssl, the record as a reader's answer prints it. */

import { execFileSync } from "node:child_process";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, onTestFinished, test } from "vitest";
import { turnAsGuideHasIt } from "../cli/guide-turn.ts";
import { mayRun as mayRunCli, upCliHost } from "../cli/cli-host.ts";
import { freePort } from "../program.ts";
import { mayRun, prepareProxy } from "./proxy-host.ts";

const DOMAIN = "digitalsanctuary.test";

describe.skipIf(!mayRun || !mayRunCli)("DKIMproxy as a guide has it", () => {
	test("ends with the next key in use and the old record gone", async () => {
		const host = await upCliHost({ domains: [DOMAIN], hidesPostfix: true });
		const { directory: place } = await prepareProxy();
		const etc = join(place, "etc");
		await mkdir(etc);
		const port = await freePort();
		await writeFile(join(etc, "dkimproxy_out.conf.example"), EXAMPLE);
		const sh = (script: string) => execFileSync("/bin/sh", ["-ec", script], { cwd: etc, stdio: "pipe" });
		sh(`cp dkimproxy_out.conf.example dkimproxy_out.conf
			openssl genrsa -out private.key 1024
			openssl rsa -in private.key -out public.key -pubout -outform PEM
			chown daemon private.key
			sed -i 's/example.org/${DOMAIN}/; s/selector1/exam_dkim/; s/10027/${port}/' dkimproxy_out.conf
			sed -i "s|/full/path/to|$PWD|" dkimproxy_out.conf`);
		const service = join(place, "init.d");
		await writeFile(service, INIT.replaceAll("@", etc).replaceAll("PORT", String(port)));
		await chmod(service, 0o755);
		sh(`${service} start`);
		onTestFinished(() => void sh(`${service} stop`));
		const key = (await readFile(join(etc, "public.key"), "utf8")).replaceAll(/-.*\n|\n/g, "");
		await turnAsGuideHasIt(host, {
			domain: DOMAIN,
			selector: "exam_dkim",
			record: `k=rsa\\; t=s\\; p=${key}`,
			rewritten: join(etc, "dkimproxy_out.conf"),
			after: (before, next) =>
				before
					.replace(join(etc, "private.key"), `${etc}/${DOMAIN}/${next}.private`)
					.replace("exam_dkim", next),
			signer: `{ type: dkimproxy, config: ${etc}/dkimproxy_out.conf, keys: ${etc}, user: daemon, swap: restart }`,
			edit: (text) => text.replaceAll(`/bin/sh, ${host.directory}/service, signer`, `/bin/sh, ${service}`),
		});
	});
});

/** dkimproxy_out.conf.example as its author wrote it. */
const EXAMPLE = `# specify what address/port DKIMproxy should listen on
listen    127.0.0.1:10027

# specify what address/port DKIMproxy forwards mail to
relay     127.0.0.1:10028

# specify what domains DKIMproxy can sign for (comma-separated, no spaces)
domain    example.org

# specify what signatures to add
signature dkim(c=relaxed)
signature domainkeys(c=nofws)

# specify location of the private key
keyfile   /full/path/to/private.key

# specify the selector (i.e. the name of the key record put in DNS)
selector  selector1
`;

/** In place of the program, which is in no current Debian: outlives who starts it, and greets as it does while the mail server behind it is stopped. */
const INIT = `case "$1" in
	start) setsid perl -MIO::Socket::INET -e '
		my $s = IO::Socket::INET->new(LocalAddr => "127.0.0.1:PORT", Listen => 5, ReuseAddr => 1) or die $!;
		while (my $c = $s->accept) { print $c "421 Internal error (Next hop is down)\\r\\n"; close $c }
	' >/dev/null 2>&1 & echo $! >@/pid ;;
	stop) kill -KILL "$(cat @/pid)"; rm -f @/pid ;;
	status) [ -e @/pid ] && kill -0 "$(cat @/pid)" ;;
esac
`;
