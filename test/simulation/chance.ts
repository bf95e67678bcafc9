/** The one source of luck in a simulated run: a seeded generator with named streams, so that a seed is a history. */

import type { Random } from "../../src/ports/random.ts";

export interface Chance {
	/** From 0 to below 1. */
	fraction(): number;
	/** Whether something of this likelihood happens. */
	happens(likelihood: number): boolean;
	/** A whole number from `low` to `high`, both included. */
	between(low: number, high: number): number;
	pick<Item>(items: readonly Item[]): Item;
	bytes(count: number): Uint8Array;
	/** A stream of its own: what one part draws does not shift what another gets. */
	stream(name: string): Chance;
}

/** sfc32: small, quick, and good enough to choose faults. */
export function createChance(seed: number, name = "world"): Chance {
	let [a, b, c, counter] = [hash(seed, name, 1), hash(seed, name, 2), hash(seed, name, 3), 1];
	const next = (): number => {
		const sum = (((a + b) | 0) + counter) | 0;
		counter = (counter + 1) | 0;
		a = b ^ (b >>> 9);
		b = (c + (c << 3)) | 0;
		c = (((c << 21) | (c >>> 11)) + sum) | 0;
		return sum >>> 0;
	};
	for (let round = 0; round < 12; round += 1) next();
	const fraction = () => next() / 4_294_967_296;
	return {
		fraction,
		happens: (likelihood) => likelihood > 0 && fraction() < likelihood,
		between: (low, high) => low + Math.floor(fraction() * (high - low + 1)),
		pick: (items) => {
			const item = items[Math.floor(fraction() * items.length)];
			if (item === undefined) throw new Error("nothing to pick from");
			return item;
		},
		bytes: (count) => Uint8Array.from({ length: count }, () => next() & 0xff),
		stream: (inner) => createChance(seed, `${name}/${inner}`),
	};
}

export function createSimRandom(chance: Chance): Random {
	return {
		bytes: (count) => chance.bytes(count),
		id: () => Buffer.from(chance.bytes(16)).toString("hex"),
	};
}

/** FNV-1a over the name, salted: distinct streams for distinct names and seeds. */
function hash(seed: number, name: string, salt: number): number {
	let value = (2_166_136_261 ^ Math.imul(seed, 2_654_435_761) ^ Math.imul(salt, 40_503)) | 0;
	for (let index = 0; index < name.length; index += 1)
		value = Math.imul(value ^ name.charCodeAt(index), 16_777_619);
	return value | 0;
}
