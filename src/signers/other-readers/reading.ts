/** What is found in a configuration that is not keyturn's, before its key files are looked at. */

export interface Reading {
	readonly program: string;
	readonly where: string;
	readonly domain: string | null;
	readonly selector: string | null;
	/** As it is written; null also where it is made up of variables. */
	readonly keyPath: string | null;
	readonly problem: string | null;
}

/** Names of a table or an option: null for a pattern, which may be any domain. */
export function domainOf(name: string): string | null {
	return /^[a-z0-9_-]+(?:\.[a-z0-9_-]+)+$/i.test(name) ? name.toLowerCase() : null;
}

/** A path that stands as it is: with variables in it, it may be any. */
export function pathOf(text: string): string | null {
	return /^\/[^%$\0]+$/.test(text) ? text : null;
}

export function unclear(program: string, where: string, problem: string): Reading {
	return { program, where, domain: null, selector: null, keyPath: null, problem };
}

/** Which line of a text a place in it is on, counted from 1; asked for places in their order. */
export function lineCounter(text: string): (at: number) => number {
	let line = 1;
	let counted = 0;
	return (at) => {
		for (
			let next = text.indexOf("\n", counted);
			next !== -1 && next < at;
			next = text.indexOf("\n", counted)
		) {
			line += 1;
			counted = next + 1;
		}
		return line;
	};
}
