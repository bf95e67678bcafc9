/** Whether secrets lie where others can read them, and whether anybody is told when something fails. */

import type { Facts } from "./facts.ts";
import { type Finding, finding } from "./finding.ts";
import { quoted } from "./words.ts";

const OTHERS_READ = 0o004;
const WRITE_BY_OTHERS = 0o022;

export function checkConfiguration({ settings, secrets }: Facts): readonly Finding[] {
	const exposed = secrets.flatMap(({ path, mode }) => {
		if ((mode & (OTHERS_READ | WRITE_BY_OTHERS)) === 0) return [];
		const what =
			(mode & OTHERS_READ) === 0 ? "can be written by others than its owner" : "can be read by everybody";
		return [
			finding("secret.exposed", path, {
				summary: `this secret ${what} (mode ${(mode & 0o777).toString(8)}): whoever has it can write your zones`,
				command: `chmod o-rwx,g-w ${quoted(path)}`,
			}),
		];
	});
	if (settings.alerts.length > 0) return exposed;
	return [
		...exposed,
		finding("alert.none", settings.path, {
			summary: "no alerts are configured: a key that cannot be turned would be noticed by nobody",
			advice: `add an entry to alerts in ${settings.path}, then try it`,
			command: "keyturn alert test",
		}),
	];
}
