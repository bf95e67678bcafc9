/** What Postfix says of itself: whether it defers mail while the signer is down, and where it greets. */

import type { Disk } from "../ports/disk.ts";
import type { Programs } from "../ports/programs.ts";

export interface Postfix {
	/** Whether mail waits while the milter is down; false also where that cannot be told. */
	defersMail(): Promise<boolean>;
	/** Where it greets on loopback; null if it listens elsewhere only, or not at all. */
	greetsAt(): Promise<{ readonly host: string; readonly port: number } | null>;
}

const POSTCONF = "/usr/sbin/postconf";
const READ_MS = 10_000;
const NEVER = new AbortController().signal;

export function createPostfix({
	programs,
	disk,
}: {
	readonly programs: Programs;
	readonly disk: Disk;
}): Postfix {
	const ask = async (args: readonly string[]): Promise<string | null> => {
		if ((await disk.stat(POSTCONF)) === null) return null;
		const result = await programs.run({ argv: [POSTCONF, ...args], timeoutMs: READ_MS }, NEVER);
		return result.status === 0 ? result.stdout.trim() : null;
	};
	return {
		defersMail: async () => (await ask(["-h", "milter_default_action"])) === "tempfail",
		async greetsAt() {
			const interfaces = (await ask(["-h", "inet_interfaces"])) ?? "";
			const onLoopback = /^(all|loopback-only)$|\b(localhost|127\.0\.0\.1)\b/.test(interfaces);
			const listeners = (await ask(["-M", "smtp/inet"])) ?? "";
			return onLoopback && /^smtp\s+inet\s/m.test(listeners) ? { host: "127.0.0.1", port: 25 } : null;
		},
	};
}
