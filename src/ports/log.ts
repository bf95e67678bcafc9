/** What the agent says about its work: a static message and fields, never a secret. */

export type LogFields = Readonly<Record<string, unknown>>;

export interface Log {
	debug(message: string, fields?: LogFields): void;
	info(message: string, fields?: LogFields): void;
	warn(message: string, fields?: LogFields): void;
	error(message: string, fields?: LogFields): void;
}
