/** Finds the addresses of a host that a signer's configuration names: the door has no network to ask for them itself. */

import { isIP } from "node:net";
import { KeyturnError } from "../errors.ts";
import type { Programs } from "../ports/programs.ts";

const GETENT = "/usr/bin/getent";
const NOBODY = { uid: 65_534, gid: 65_534 };
/** A resolver that does not answer is asked twice, for five seconds each time (resolv.conf(5)). */
const ASK_MS = 15_000;
const MOST = 16;
const NEVER = new AbortController().signal;

/** What programs that listen or connect there take, in their order; fails with `signer.probe` where there are none. */
export function createAddressesOf(outside: Programs): (host: string) => Promise<readonly string[]> {
	return async (host) => {
		const asked = { argv: [GETENT, "ahosts", "--", host] as const, timeoutMs: ASK_MS, owner: NOBODY };
		const { stdout, stderr } = await outside.run(asked, NEVER);
		const words = stdout.split("\n").map((line) => line.split(/\s/, 1)[0] ?? "");
		const found = [...new Set(words.filter((word) => isIP(word) !== 0))];
		if (found.length > 0) return found.slice(0, MOST);
		throw new KeyturnError(
			"signer.probe",
			`${host}: expected an address, found none${stderr.trim() === "" ? "" : `: ${stderr.trim().slice(0, 200)}`}`,
			{ retry: true, hint: `\`getent ahosts ${host}\` has to name one: let /etc/hosts have it` },
		);
	};
}
