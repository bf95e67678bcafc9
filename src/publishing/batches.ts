/** Changes that go together. */

/** In order, `limit` at most in one, and no name twice, so that each change is looked at after the one before it at its name. */
export function intoBatches<Item>(
	items: readonly Item[],
	limit: number,
	nameOf: (item: Item) => string,
): readonly (readonly Item[])[] {
	const batches: Item[][] = [];
	for (const item of items) {
		const last = batches.at(-1);
		const isFull = last === undefined || last.length >= limit;
		if (isFull || last.some((other) => nameOf(other) === nameOf(item))) batches.push([item]);
		else last.push(item);
	}
	return batches;
}
