/** Names every failure: a code for machines, a sentence and a hint for people, and whether trying again can help. */

export const ERROR_CODES = [
	"alert.undelivered",
	"bug",
	"config.invalid",
	"config.unreadable",
	"config.unsafe",
	"disk.failed",
	"dns.failed",
	"door.protocol",
	"door.refused",
	"door.unreachable",
	"hook.failed",
	"http.failed",
	"key.invalid",
	"lease.lost",
	"name.invalid",
	"program.failed",
	"program.missing",
	"program.timeout",
	"provider.ambiguous",
	"provider.denied",
	"provider.late",
	"provider.limited",
	"provider.loss",
	"provider.refused",
	"provider.unreachable",
	"provider.zone",
	"service.failed",
	"signer.config",
	"signer.probe",
	"signer.unsafe",
	"state.conflict",
	"state.corrupt",
	"state.newer",
	"usage",
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

export interface KeyturnErrorOptions {
	/** What the operator can do about it, as a sentence. */
	readonly hint?: string;
	/** Whether the same act may succeed later without anybody changing anything. */
	readonly retry?: boolean;
	/** How long whoever said no wants to be left alone, in milliseconds. */
	readonly retryAfterMs?: number;
	readonly cause?: unknown;
	/** The errno name (`ENOSPC`) when the system said no. */
	readonly errno?: string;
}

/** A plug-in has a copy of this module of its own, and what it throws is one of ours all the same. */
const BRAND = Symbol.for("keyturn.error");

/** The one error class; the message says what failed, on what, expected and got, and never holds a secret. */
export class KeyturnError extends Error {
	static override [Symbol.hasInstance](value: unknown): boolean {
		return typeof value === "object" && value !== null && BRAND in value;
	}

	readonly [BRAND] = true;
	readonly code: ErrorCode;
	readonly retry: boolean;
	readonly retryAfterMs: number | null;
	readonly hint: string | null;
	readonly errno: string | null;

	constructor(code: ErrorCode, message: string, options: KeyturnErrorOptions = {}) {
		super(message, options.cause === undefined ? {} : { cause: options.cause });
		this.name = "KeyturnError";
		this.code = code;
		this.retry = options.retry ?? false;
		this.retryAfterMs = options.retryAfterMs ?? null;
		this.hint = options.hint ?? null;
		this.errno = options.errno ?? null;
	}
}

/** What the system says of a path at which no file can be, whoever asks; `ENOENT` is an answer of its own. */
const NOWHERE: ReadonlySet<string | null> = new Set(["ENOTDIR", "ELOOP", "ENAMETOOLONG"]);

/** Whether a failure says as surely as absence does that nothing stands at the path. */
export function leadsNowhere(thrown: unknown): boolean {
	return thrown instanceof KeyturnError && thrown.code === "disk.failed" && NOWHERE.has(thrown.errno);
}

/** Gives any thrown value as a KeyturnError; one that is none of ours is a `bug`. */
export function asKeyturnError(thrown: unknown): KeyturnError {
	if (thrown instanceof KeyturnError) return thrown;
	const message = thrown instanceof Error ? thrown.message : String(thrown);
	return new KeyturnError("bug", `unexpected: ${message}`, { cause: thrown });
}
