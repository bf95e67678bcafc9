/** `keyturn doctor --format nagios`: one line for the eye, one for each finding, and figures, as Nagios and Icinga read them. */

import type { Finding, Severity } from "../doctor/finding.ts";
import type { SignerRead } from "../doctor/signers-read.ts";
import { plural } from "../report/status-words.ts";
import { oneLine } from "../report/words.ts";

export interface Examined {
	/** Null where nothing could be looked at. */
	readonly at: Date | null;
	readonly domains: number;
	/** Since the oldest key in use signs, as far as is known. */
	readonly oldestKeySeconds: number | null;
	readonly findings: readonly Finding[];
	/** What was read before anything was judged. */
	readonly signers: readonly SignerRead[];
}

/** The plug-in's exit status: 0, 1 or 2 by the gravest finding. */
export function nagiosStatus(findings: readonly Finding[]): number {
	if (findings.some(({ severity }) => severity === "critical")) return 2;
	return findings.some(({ severity }) => severity === "warning") ? 1 : 0;
}

const WORDS = ["OK", "WARNING", "CRITICAL"] as const;

export function nagiosReport(examined: Omit<Examined, "signers">): string {
	const { findings, domains } = examined;
	const told = findings.filter(({ severity }) => severity !== "info");
	const [first] = told;
	const count = (severity: Severity): number => findings.filter((one) => one.severity === severity).length;
	const more = told.length > 1 ? ` (and ${told.length - 1} more)` : "";
	const summary =
		first === undefined
			? `${domains} ${plural("domain", domains)}, nothing found`
			: `${first.subject}: ${first.summary}${more}`;
	const figures = [
		`critical=${count("critical")};;0;0`,
		`warning=${count("warning")};0;;0`,
		`domains=${domains};;;0`,
		...(examined.oldestKeySeconds === null ? [] : [`oldest_key=${examined.oldestKeySeconds}s;;;0`]),
	];
	return [
		`KEYTURN ${WORDS[nagiosStatus(findings)] ?? "CRITICAL"} - ${text(summary)} | ${figures.join(" ")}`,
		...told.map(({ severity, code, subject, summary: what, advice, command }) =>
			text(
				`${severity} ${code} ${subject}: ${what}; what to do: ${[advice, command].filter((one) => one !== null).join(": ")}`,
			),
		),
	].join("\n");
}

export function nagiosUnknown(why: string): string {
	return `KEYTURN UNKNOWN - ${text(why)}`;
}

/** A bar would begin the figures. */
function text(said: string): string {
	return oneLine(said).replaceAll("|", "/");
}
