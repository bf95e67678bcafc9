/** What `--dry-run` says of services and programs: how the signer gets to the table that has been renamed into place. */

import type { Policy } from "../rotation/policy.ts";
import type { Settings, SignerSettings } from "../settings/settings.ts";

export function serviceLines(settings: Settings, policy: Policy): readonly string[] {
	const signer = settings.signers.find((one) => one.name === policy.signer);
	if (signer === undefined) return [];
	const { stop, start } = signer.services;
	const apply = appliedBy(signer);
	if (signer.swap === "reload") return [`service ${apply ?? `reload ${stop.at(-1) ?? ""}`}`];
	const steps = [
		stop.map((name) => `stop ${name}`).join(", "),
		"rename the table",
		...(apply === null ? [] : [apply]),
		start.map((name) => `start ${name}`).join(", "),
	];
	const isAlone = stop.length === 1 && BEHIND_MAIL_SERVER.includes(signer.type);
	return [`service ${steps.join("; ")}`, ...(isAlone ? [UNSIGNED] : [])];
}

/** Milters: the mail server that is to hand them its mail may go on without them. */
const BEHIND_MAIL_SERVER: readonly string[] = ["opendkim", "dkimpy", "rspamd"];

const UNSIGNED = "service no mail server is stopped: what hands it mail may send unsigned";

/** What stands in place of a reload, as docs/signers.md says of each type; null where there is nothing in its place. */
function appliedBy({ type, settings }: SignerSettings): string | null {
	const own = settings as { readonly apply?: readonly string[]; readonly redis?: object | null };
	if (type === "exim") return "nothing is reloaded: the next delivery reads the table anew";
	if (type === "command")
		return `run ${own.apply?.[0] ?? "apply"}, which has the signer use the keys of the table`;
	if (type === "rspamd" && own.redis != null)
		return "nothing is reloaded: rspamd asks Redis, which follows the table";
	return null;
}
