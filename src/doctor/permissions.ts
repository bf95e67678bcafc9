/** Whether the signer may use each key file, judged as the signer itself judges it (RequireSafeKeys). */

import { UNREAD } from "../ports/signer.ts";
import type { Facts } from "./facts.ts";
import { type Finding, finding, type Mending } from "./finding.ts";
import { quoted } from "./words.ts";

export function checkPermissions({ domains }: Facts): readonly Finding[] {
	return domains.flatMap(({ policy, keys }) =>
		keys.flatMap(({ line }): readonly Finding[] => {
			const subject = `${policy.domain} ${line.selector}`;
			if (line.unsafe !== null)
				return [
					finding("key.unsafe", subject, {
						summary: `the signer refuses its key file: ${line.unsafe}`,
						...mending(line.unsafe, line.keyPath),
					}),
				];
			if (line.problem !== null && isUnread(line.problem))
				return [
					finding("key.unreadable", subject, {
						summary: `${line.problem}; the key is left as it is meanwhile`,
						advice: "make the file readable again, or put it back from a backup",
						command: `ls -l ${quoted(line.keyPath)}`,
					}),
				];
			if (line.problem !== null || line.publicKey !== null) return [];
			return [
				finding("key.unreadable", subject, {
					summary: `${line.keyPath} is absent, or no private key: its mail is deferred`,
					advice: "put the key back from a backup, or turn it",
					command: `keyturn rotate --now ${policy.domain}`,
				}),
			];
		}),
	);
}

/** Whether a line's problem is that the disk fails at its key file: no line of a table mends that. */
export function isUnread(problem: string): boolean {
	return problem.startsWith(UNREAD);
}

const SHARED: ReadonlySet<string> = new Set(["/tmp", "/var/tmp", "/dev/shm"]);

/** Whoever could read it by his group, or as everybody, reads it no more. */
const OWNED =
	"if it belongs to root, let it first belong to the signer's user (chown), who has to read it still";

/** A group with members is mended by taking its rights from the file, not by taking people out of the group. */
function mending(why: string, path: string): Mending {
	const named = /^(.+?) (?:can be|cannot be|belongs|is) /.exec(why)?.[1] ?? path;
	if (SHARED.has(named))
		return {
			advice: `${named} is for everybody: move the key to a directory of the signer's, and its line with it`,
		};
	const place = quoted(named);
	if (why.includes("can be read by its group")) return { advice: OWNED, command: `chmod g-rw ${place}` };
	if (why.includes("by its group")) return { command: `chmod g-w ${place}` };
	if (why.includes("can be read or written by everybody"))
		return { advice: OWNED, command: `chmod 0600 ${place}` };
	if (why.includes("everybody")) return { command: `chmod o-w ${place}` };
	return {
		advice: "its owner has to be the signer's user, who has to reach and read it",
		command: `ls -ld ${place}`,
	};
}
