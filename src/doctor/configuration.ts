/** Whether secrets lie where others can read them, and whether anybody is told when something fails. */

import type { Facts } from "./facts.ts";
import { type Finding, finding } from "./finding.ts";
import { quoted } from "./words.ts";

const OTHERS_READ = 0o004;
const WRITE_BY_OTHERS = 0o022;

export function checkConfiguration({ settings, secrets, unmade, unheard }: Facts): readonly Finding[] {
	return [
		...notSetUp(unmade, { subject: "providers", what: "a provider", tryIt: "keyturn provider check" }),
		...notSetUp(unheard, { subject: "alerts", what: "an alert", tryIt: "keyturn alert test" }),
		...exposed(secrets),
		...unheardOf(settings),
	];
}

/** Then no command that does or watches turns begins, and a daemon does not come up. */
function notSetUp(
	fault: Facts["unheard"],
	{ subject, what, tryIt }: { readonly subject: string; readonly what: string; readonly tryIt: string },
): readonly Finding[] {
	if (fault === null) return [];
	const { code, why, hint } = fault;
	return [
		finding(code === "config.invalid" ? "config.invalid" : "config.unreadable", subject, {
			summary: `${what} cannot be set up: ${why}`,
			advice: hint ?? `correct what it names, then try it with ${tryIt}`,
		}),
	];
}

function exposed(secrets: Facts["secrets"]): readonly Finding[] {
	return secrets.flatMap(({ path, mode }) => {
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
}

/** A heartbeat gets no troubles, and yet fails, by another way than mail, while what a switch stopped does not run. */
function unheardOf({ alerts, signers, path }: Facts["settings"]): readonly Finding[] {
	const heartbeats = alerts.filter(({ type }) => type === "heartbeat");
	const takers = alerts.filter(
		({ type, on }) => type !== "heartbeat" && (on === null || on.includes("swap_failed")),
	);
	if (takers.length === 0) {
		const why = alerts.length === 0 ? "no alerts are configured" : "no alert takes swap_failed";
		return [
			finding("alert.none", path, {
				summary: `${why}: a key that cannot be turned would be noticed by nobody`,
				advice: `add an entry to alerts in ${path} (without \`on\` it takes all), then try it`,
				command: "keyturn alert test",
			}),
		];
	}
	const isLate = heartbeats.length === 0 && takers.every(isByOwnMail);
	if (!isLate || signers.every(({ swap }) => swap === "reload")) return [];
	return [
		finding("alert.local", path, {
			summary:
				"alerts go by this host's own mail server alone, which a switch stops: that it does not start again would be told only once it runs",
			advice: `add an entry to alerts in ${path} that goes another way (webhook, heartbeat, command, or email with smtp: of another host), then try it`,
			command: "keyturn alert test",
		}),
	];
}

/** An address that is another host's may lead back here; that cannot be told. */
function isByOwnMail({ type, settings }: Facts["settings"]["alerts"][number]): boolean {
	if (type !== "email") return false;
	const { smtp } = settings as { readonly smtp?: unknown };
	return typeof smtp === "string" && /^(?:127\.[\d.]+|localhost|\[::1\]):\d+$/i.test(smtp);
}
