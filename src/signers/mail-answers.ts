/** Whether a mail server that was started answers. */

import type { RunProbe } from "./probe-protocol.ts";

const BANNER_MS = 20_000;
/** One that turns this host away (554, `smtpd_delay_reject = no`), or has no room just now (421), runs as well. */
const ANY_GREETING = ["2", "4", "5"];
/** As Debian has it, with an instance for each configuration: `postfix@-` is that of /etc/postfix. */
const DEFAULT_POSTFIX: readonly string[] = ["postfix", "postfix@-"];

/** Postfix greets on loopback where it listens there; of any other service nothing is asked. */
export function createMailAnswers({
	greetsAt,
	probe,
}: {
	/** Where Postfix greets; null where that cannot be told, or nowhere on this host. */
	readonly greetsAt: () => Promise<{ readonly host: string; readonly port: number } | null>;
	readonly probe: RunProbe;
}): (service: string) => Promise<boolean> {
	return async (service) => {
		if (!DEFAULT_POSTFIX.includes(service)) return true;
		const at = await greetsAt();
		if (at === null) return true;
		const socket = { kind: "inet", ...at } as const;
		return (await probe({ kind: "smtp", socket, timeoutMs: BANNER_MS, greetings: ANY_GREETING })).isUp;
	};
}
