/**
 * What a container of docker-mailserver is to keyturn, without Docker: at its first start it copies the volume's tables and keys to
 * its /etc/opendkim (start-mailserver.sh, by a marker in its own layer), programs can be run inside it, and its mail server greets.
 * Its /etc is a directory of the test's, in a name space.
 */

import { execFile, execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { onTestFinished } from "vitest";
import { OPENDKIM_CONF } from "../../fakes/docker-mailserver-files.ts";
import { freePort } from "../program.ts";

export const mayRun =
	existsSync("/usr/sbin/opendkim") && existsSync("/usr/bin/rspamc") && process.getuid?.() === 0;

export interface Container {
	readonly directory: string;
	/** The host's side of /tmp/docker-mailserver. */
	readonly volume: string;
	/** `exec` of keyturn.yaml. */
	readonly exec: [string, ...string[]];
	/** `smtp` of keyturn.yaml. */
	readonly smtp: string;
	/** The script of its service: start, stop, status, and up, which makes it anew. */
	readonly service: string;
	/** Whether it did what was asked. */
	act(action: "start" | "up" | "stop" | "status"): Promise<boolean>;
}

export async function prepareContainer(): Promise<Container> {
	const directory = await mkdtemp("/var/lib/keyturn-container-");
	onTestFinished(() => rm(directory, { recursive: true, force: true }));
	const volume = join(directory, "volume");
	await mkdir(volume);
	await writeFile(join(volume, "postfix-main.cf"), "milter_default_action = tempfail\n");
	await mkdir(join(directory, "etc"));
	execFileSync("/bin/cp", ["/etc/passwd", "/etc/group", "/etc/nsswitch.conf", join(directory, "etc")]);
	await writeFile(join(directory, "etc/opendkim.conf"), OPENDKIM_CONF);
	const port = await freePort();
	const script = async (name: string, text: string): Promise<string> => {
		const path = join(directory, name);
		await writeFile(path, text.replaceAll("DIR/", `${directory}/`).replaceAll("PORT", String(port)));
		await chmod(path, 0o755);
		return path;
	};
	const service = await script("service", SERVICE);
	const act = async (action: string): Promise<boolean> => {
		try {
			await promisify(execFile)("/bin/sh", [service, action]);
			return true;
		} catch {
			return false;
		}
	};
	onTestFinished(async () => void (await act("stop")));
	return { directory, volume, exec: [await script("exec", EXEC)], smtp: `127.0.0.1:${port}`, service, act };
}

const SERVICE = `
case "$1" in
	up)
		rm -rf DIR/etc/opendkim DIR/etc/CONTAINER_START
		exec /bin/sh "$0" start ;;
	start)
		if [ ! -e DIR/etc/CONTAINER_START ] && [ -e DIR/volume/opendkim ]; then
			cp -a DIR/volume/opendkim DIR/etc/opendkim
			chown -R opendkim:opendkim DIR/etc/opendkim; chmod -R 0700 DIR/etc/opendkim/keys
		fi
		touch DIR/etc/CONTAINER_START
		perl -MIO::Socket::INET -e '
			my $s = IO::Socket::INET->new(LocalAddr => "127.0.0.1:PORT", Listen => 5, ReuseAddr => 1) or die $!;
			while (my $c = $s->accept) { print $c "220 mail.example.test\\r\\n"; close $c }
		' >/dev/null 2>&1 &
		echo $! >DIR/pid ;;
	stop) kill -KILL "$(cat DIR/pid)"; rm -f DIR/pid ;;
	status) [ -e DIR/pid ] && kill -0 "$(cat DIR/pid)" ;;
esac
`;

const EXEC = `#!/bin/sh
[ -e DIR/pid ] || { echo "no such container is running" >&2; exit 1; }
exec unshare -m sh -ec 'mount --bind DIR/etc /etc; exec "$@"' sh "$@"
`;
