/** Keeps lookups in large tables quick: what belongs to one name is found at once (Map.groupBy is not in Node 20). */

export function groupBy<T>(
	items: readonly T[],
	nameOf: (item: T) => string,
): ReadonlyMap<string, readonly T[]> {
	const groups = new Map<string, T[]>();
	for (const item of items) {
		const name = nameOf(item);
		const group = groups.get(name);
		if (group === undefined) groups.set(name, [item]);
		else group.push(item);
	}
	return groups;
}
