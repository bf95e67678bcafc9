/** How the bench reckons and prints. */

export function median(values: readonly number[]): number {
	const sorted = values.toSorted((one, other) => one - other);
	return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

export function say(text: string): void {
	process.stdout.write(`${text}\n`);
}

/** A figure beside the most that it should be; only the figures decide, so that a busy machine fails nothing. */
export function compare(what: string, got: number, target: number): void {
	say(`${what}: ${got.toFixed(2)} (target <= ${target}) ${got <= target ? "met" : "MISSED"}`);
}
