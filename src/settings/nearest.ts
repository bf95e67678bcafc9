/** Finds the known name that a misspelt one was meant to be. */

/** Null where none is near enough to be worth a guess. */
export function nearest(name: string, known: readonly string[]): string | null {
	const wanted = plain(name);
	const limit = Math.max(1, Math.floor(wanted.length / 3));
	let best: { readonly name: string; readonly distance: number } | null = null;
	for (const candidate of known) {
		const distance = editDistance(wanted.slice(0, 40), plain(candidate));
		if (distance <= limit && (best === null || distance < best.distance))
			best = { name: candidate, distance };
	}
	return best?.name ?? null;
}

/** "did you mean `grace`?", or null. */
export function didYouMean(name: string, known: readonly string[]): string | null {
	const meant = nearest(name, known);
	return meant === null ? null : `did you mean \`${meant}\`?`;
}

function plain(name: string): string {
	return name.toLowerCase().replaceAll("-", "_");
}

/** Letters added, left out, changed or swapped with their neighbour (optimal string alignment). */
function editDistance(from: string, to: string): number {
	let before: number[] = [];
	let above = Array.from({ length: to.length + 1 }, (_, index) => index);
	for (let row = 1; row <= from.length; row++) {
		const current = [row];
		for (let column = 1; column <= to.length; column++) {
			const same = from[row - 1] === to[column - 1];
			const swapped = from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1];
			current[column] = Math.min(
				at(above, column) + 1,
				at(current, column - 1) + 1,
				at(above, column - 1) + (same ? 0 : 1),
				swapped && row > 1 && column > 1 ? at(before, column - 2) + 1 : Number.POSITIVE_INFINITY,
			);
		}
		before = above;
		above = current;
	}
	return at(above, to.length);
}

function at(row: readonly number[], index: number): number {
	return row[index] ?? Number.POSITIVE_INFINITY;
}
