/** Lists that come in pages: read to the end, or an error. */

import { KeyturnError } from "../../errors.ts";

export interface Page<Item, Mark> {
	readonly items: readonly Item[];
	/** Where the next page begins; null if this is the last. */
	readonly next: Mark | null;
}

const MOST_PAGES = 1_000;

/** Fails with `provider.refused` where a page leads back to one that was read, or there is no end. */
export async function allPages<Item, Mark extends string | number>(
	provider: string,
	first: Mark,
	read: (mark: Mark) => Promise<Page<Item, Mark>>,
): Promise<readonly Item[]> {
	const items: Item[] = [];
	const seen = new Set<Mark>();
	for (let mark: Mark | null = first; mark !== null; ) {
		if (seen.has(mark) || seen.size === MOST_PAGES)
			throw new KeyturnError(
				"provider.refused",
				`${provider}: its list does not end: after ${seen.size} pages it leads to ${mark}`,
				{ hint: "nothing is written on a list that may be incomplete" },
			);
		seen.add(mark);
		const page: Page<Item, Mark> = await read(mark);
		items.push(...page.items);
		mark = page.next;
	}
	return items;
}

/** Of an interface that tells on each page how many items there are in all; pages are numbered from 1. */
export async function allCounted<Item>(
	provider: string,
	read: (page: number) => Promise<{ readonly items: readonly Item[]; readonly total: number }>,
): Promise<readonly Item[]> {
	let seen = 0;
	return allPages<Item, number>(provider, 1, async (page) => {
		const { items, total } = await read(page);
		seen += items.length;
		if (items.length === 0 && seen < total)
			throw new KeyturnError("provider.refused", `${provider}: its list ends after ${seen} of ${total}`, {
				hint: "nothing is written on a list that is incomplete; it is read again",
			});
		return { items, next: seen < total ? page + 1 : null };
	});
}
