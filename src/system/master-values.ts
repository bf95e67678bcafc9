/** What services of Postfix's master.cf have in place of main.cf's settings, as `postconf -P` prints it. */

/** `submission/inet/smtpd_milters = …` */
export interface OwnValue {
	/** `submission/inet`: name and type; the name may have an address in it. */
	readonly service: string;
	readonly name: string;
	readonly value: string;
}

/** A line each; those of other forms are left out. */
export function parseOwnValues(text: string): readonly OwnValue[] {
	const lines = text.matchAll(/^(\S+)\/(\w+)[^\S\n]*=[^\S\n]*(.*)$/gm);
	return [...lines].map(([, service = "", name = "", value = ""]) => ({
		service,
		name,
		value: value.trim(),
	}));
}

/** Undefined where main.cf's holds. */
export function ownValue(own: readonly OwnValue[], service: string, name: string): string | undefined {
	return own.findLast((found) => found.service === service && found.name === name)?.value;
}
