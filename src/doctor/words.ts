/** How the checks put lengths of time and commands into words. */

const UNITS: readonly (readonly [string, number])[] = [
	["d", 86_400],
	["h", 3_600],
	["min", 60],
];

/** `14 d`, `90 min`, `45 s`: in the largest unit that divides it, or nearly does. */
export function length(seconds: number): string {
	for (const [unit, size] of UNITS) {
		const count = seconds / size;
		if (count >= 2 || count === 1) return `${Math.round(count * 10) / 10} ${unit}`;
	}
	return `${seconds} s`;
}

/** As a shell takes it: names that others chose may hold anything. */
export function quoted(word: string): string {
	return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
