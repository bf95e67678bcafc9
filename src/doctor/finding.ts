/** What `keyturn doctor` may find: every code with how grave it is; docs/doctor.md says what each means and what to do. */

/**
 * critical: mail is unsigned, does not verify, or nothing can be turned. warning: it will go wrong, or a safeguard is missing.
 * info: worth knowing, and no finding to those who watch (exit status, nagios).
 */
export type Severity = "critical" | "warning" | "info";

/** In the order of docs/doctor.md. */
export const FINDINGS = {
	"config.invalid": "critical",
	"config.unreadable": "critical",
	"secret.exposed": "critical",
	"alert.none": "warning",
	"alert.local": "warning",
	"alert.undelivered": "warning",
	"daemon.stopped": "warning",
	"daemon.stuck": "warning",
	"recovery.off": "warning",
	"recovery.skipped": "warning",
	"trouble.standing": "warning",
	"state.damaged": "critical",
	"door.silent": "critical",
	"door.walled": "critical",
	"signer.unreadable": "critical",
	"signer.stopped": "critical",
	"mail.stopped": "critical",
	"signer.silent": "critical",
	"signer.note": "info",
	"switch.held": "warning",
	"milter.unwired": "critical",
	"milter.path": "critical",
	"milter.local": "warning",
	"milter.accept": "warning",
	"milter.tables": "info",
	"filter.unwired": "warning",
	"filter.return": "warning",
	"transport.unsigned": "warning",
	"domain.unsigned": "critical",
	"domain.no_place": "critical",
	"key.unreadable": "critical",
	"key.unsafe": "critical",
	"key.fixed": "warning",
	"key.missing": "warning",
	"key.shared": "info",
	"key.weak": "warning",
	"key.alone": "warning",
	"key.testing": "warning",
	"key.old": "warning",
	"key.overdue": "warning",
	"record.wrong": "critical",
	"record.absent": "critical",
	"record.unknown": "warning",
	"resolver.differs": "warning",
	"dns.warning": "warning",
	"dnssec.unsigned": "critical",
	"ttl.long": "warning",
	"soak.short": "warning",
	"soak.long": "warning",
	"grace.short": "warning",
	"provider.failed": "warning",
	"provider.zone": "critical",
	"provider.elsewhere": "warning",
	"provider.unfit": "warning",
	"clock.unsynchronised": "warning",
	"leftover.record": "warning",
	"leftover.file": "warning",
	"leftover.domain": "warning",
	"spf.missing": "warning",
	"spf.broken": "warning",
	"spf.open": "warning",
	"spf.host": "warning",
	"spf.type": "info",
	"dmarc.missing": "warning",
	"dmarc.broken": "warning",
	"dmarc.watching": "info",
	"adsp.historic": "info",
	"policy.unknown": "info",
} as const satisfies Readonly<Record<string, Severity>>;

export type FindingCode = keyof typeof FINDINGS;

export interface Finding {
	readonly code: FindingCode;
	readonly severity: Severity;
	/** What it is about: a domain, a key (`example.com 202611`), a file, a service. */
	readonly subject: string;
	/** One sentence. */
	readonly summary: string;
	/** What to do, in words; null where the command says it all. */
	readonly advice: string | null;
	/** To be copied as it stands: the command that mends it, or a record to publish, as a zone file has it. */
	readonly command: string | null;
}

/** One of them at least. */
export type Mending =
	| { readonly advice: string; readonly command?: string }
	| { readonly command: string; readonly advice?: undefined };

/** The severity is that of the code, unless what was found is graver or milder. */
export function finding(
	code: FindingCode,
	subject: string,
	told: Mending & { readonly summary: string; readonly severity?: Severity },
): Finding {
	const { summary, advice = null, command = null, severity = FINDINGS[code] } = told;
	return { code, severity, subject, summary, advice, command };
}
