/** Says from where the agent's unit gets its credentials, so that a command outside of it can be given the same ones. */

import { asKeyturnError } from "../errors.ts";
import type { Programs } from "../ports/programs.ts";

/** As `systemd/install` and the packages name it. */
export const AGENT_UNIT = "keyturn.service";

export interface LoadedCredential {
	readonly name: string;
	/** As a transient unit takes it: `LoadCredential=NAME:PATH`, or `LoadCredentialEncrypted=`. */
	readonly property: string;
}

const UNIT_OBJECT = "/org/freedesktop/systemd1/unit/keyturn_2eservice";
const DEADLINE_MS = 20_000;
/** The bus's word for a property that this systemd does not have. */
const UNKNOWN = /\bUnknown (?:interface|property)\b/;
const NEVER = new AbortController().signal;
const ROOT = { uid: 0, gid: 0 };

/**
 * With drop-ins, and with specifiers replaced; none where the unit loads none, or is not there. A string says why it could
 * not be asked. `systemctl show` prints these properties as "[unprintable]", so the bus is asked itself:
 * org.freedesktop.systemd1(5), "LoadCredential" is an array of names with their paths.
 */
export async function loadedCredentials(programs: Programs): Promise<readonly LoadedCredential[] | string> {
	const plain = await loadedBy(programs, "LoadCredential");
	if (typeof plain === "string") return plain;
	const encrypted = await loadedBy(programs, "LoadCredentialEncrypted");
	if (typeof encrypted !== "string") return [...plain, ...encrypted];
	// Before systemd 250 there are none (Ubuntu 22.04 has 249).
	return UNKNOWN.test(encrypted) ? plain : encrypted;
}

async function loadedBy(
	programs: Programs,
	property: "LoadCredential" | "LoadCredentialEncrypted",
): Promise<readonly LoadedCredential[] | string> {
	const get = ["--json=short", "get-property", "org.freedesktop.systemd1", UNIT_OBJECT] as const;
	try {
		const { status, stdout, stderr } = await programs.run(
			{
				argv: ["/usr/bin/busctl", ...get, "org.freedesktop.systemd1.Service", property],
				timeoutMs: DEADLINE_MS,
				owner: ROOT,
			},
			NEVER,
		);
		if (status !== 0) return `busctl: ${stderr.trim().slice(0, 200)}`;
		return pairsIn(stdout).map(([name, path]) => ({ name, property: `${property}=${name}:${path}` }));
	} catch (thrown) {
		return asKeyturnError(thrown).message;
	}
}

/** `{"type":"a(ss)","data":[["NAME","PATH"],…]}` */
function pairsIn(answer: string): readonly (readonly [string, string])[] {
	const { data } = JSON.parse(answer) as { readonly data: readonly (readonly [string, string])[] };
	return data.map(([name, path]) => [name, path]);
}
