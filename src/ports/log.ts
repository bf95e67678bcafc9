/** What the agent says about its work: a static message and fields, never a secret. */

export type LogFields = Readonly<Record<string, unknown>>;

/** No member fails, also where nobody reads any more. Of an error in `fields` its code, words, hint and errno are told alone. */
export interface Log {
	debug(message: string, fields?: LogFields): void;
	info(message: string, fields?: LogFields): void;
	warn(message: string, fields?: LogFields): void;
	error(message: string, fields?: LogFields): void;
}
