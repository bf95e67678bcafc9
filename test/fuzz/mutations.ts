/** Inputs near what is real: bytes or text of a seed with some of it changed, so that a reader gets far before it stumbles. */

import * as fc from "fast-check";

interface Edit {
	/** Where, in 65,536ths of the length. */
	readonly at: number;
	readonly kind: "flip" | "set" | "cut" | "drop" | "repeat" | "insert";
	readonly value: number;
	readonly length: number;
}

/** What counts and lengths are most likely wrong at, and DNS's compression pointers. */
const TELLING_BYTES = [0, 1, 0x0c, 0x0a, 0x0d, 0x22, 0x2e, 0x3f, 0x40, 0x5c, 0x7f, 0x80, 0xc0, 0xff];

const edit: fc.Arbitrary<Edit> = fc.record({
	at: fc.nat(65_535),
	kind: fc.constantFrom("flip", "set", "set", "cut", "drop", "repeat", "insert"),
	value: fc.oneof(fc.constantFrom(...TELLING_BYTES), fc.nat(255)),
	length: fc.oneof(fc.nat(8), fc.nat(300)),
});

/** One of the seeds, whole or with a few edits. */
export function mutatedBytes(seeds: readonly Uint8Array[]): fc.Arbitrary<Uint8Array> {
	return fc
		.tuple(fc.constantFrom(...seeds), fc.array(edit, { maxLength: 6 }))
		.map(([seed, edits]) => new Uint8Array(edits.reduce(apply, Buffer.from(seed))));
}

/** The same for text, by its octets: each a character of Latin-1, or what UTF-8 makes of them. */
export function mutatedText(
	seeds: readonly string[],
	encoding: "utf8" | "latin1" = "utf8",
): fc.Arbitrary<string> {
	return mutatedBytes(seeds.map((seed) => Buffer.from(seed, encoding))).map((bytes) =>
		Buffer.from(bytes).toString(encoding),
	);
}

/** A JSON value of which some member, at any depth, is another: what a strict reader has to notice. */
export function mutatedJson(seeds: readonly unknown[]): fc.Arbitrary<unknown> {
	const change = fc.record({
		at: fc.nat(65_535),
		value: fc.oneof(
			fc.constantFrom<unknown>(undefined, null, true, "", 0, -1, 1e308, 2 ** 53, [], {}),
			fc.constantFrom(
				"2026-11-01T03:00:00.000Z",
				"2026-99-99T99:99:99.999Z",
				"../../etc/passwd",
				"__proto__",
			),
			fc.jsonValue({ maxDepth: 2 }),
		),
		member: fc.constantFrom("value", "value", "__proto__", "constructor", "extra"),
	});
	return fc
		.tuple(fc.constantFrom(...seeds), fc.array(change, { maxLength: 3 }))
		.map(([seed, changes]) => changes.reduce(changeOne, structuredClone(seed)));
}

function apply(bytes: Buffer, { at, kind, value, length }: Edit): Buffer {
	const start = Math.floor((at / 65_536) * (bytes.length + 1));
	const before = bytes.subarray(0, start);
	const after = bytes.subarray(start);
	switch (kind) {
		case "flip":
			return Buffer.concat([before, Buffer.from([(after[0] ?? 0) ^ (1 << (value & 7))]), after.subarray(1)]);
		case "set":
			return Buffer.concat([before, Buffer.from([value]), after.subarray(1)]);
		case "cut":
			return before;
		case "drop":
			return Buffer.concat([before, after.subarray(length)]);
		case "repeat":
			return Buffer.concat([before, after.subarray(0, length), after]);
		case "insert":
			return Buffer.concat([before, Buffer.alloc(length, value), after]);
	}
}

interface Change {
	readonly at: number;
	readonly value: unknown;
	readonly member: string;
}

/** `member`: "value" replaces what stands there, anything else is added to it. */
function changeOne(root: unknown, { at, value, member }: Change): unknown {
	const holders: { readonly holder: object; readonly key: string }[] = [];
	collect(root, holders);
	const place = holders[Math.floor((at / 65_536) * holders.length)];
	if (place === undefined) return value;
	const { holder, key } = place;
	const name = member === "value" ? key : member;
	Object.defineProperty(holder, name, { value, enumerable: true, writable: true, configurable: true });
	return root;
}

function collect(value: unknown, into: { readonly holder: object; readonly key: string }[]): void {
	if (typeof value !== "object" || value === null) return;
	for (const [key, below] of Object.entries(value)) {
		into.push({ holder: value, key });
		collect(below, into);
	}
}
