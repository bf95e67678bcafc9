import { describe, expect, it } from "vitest";
import { createReadings } from "../../src/state/readings.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

function counted() {
	const read: string[] = [];
	const readings = createReadings((path, given) => {
		const text = new TextDecoder().decode(given);
		read.push(`${path} ${text}`);
		if (text === "broken") throw new Error(path);
		return { text };
	});
	return { read, readings };
}

describe("readings of files", () => {
	it("reads the same bytes once, wherever they lie, and others anew", () => {
		const { read, readings } = counted();
		const first = readings.read("/a", bytes("one"));
		expect(readings.read("/a", bytes("one"))).toBe(first);
		expect(readings.read("/a", bytes("two"))).toEqual({ text: "two" });
		expect(readings.read("/a", bytes("one"))).toEqual({ text: "one" });
		expect(readings.read("/b", bytes("one"))).toEqual({ text: "one" });
		expect(read).toEqual(["/a one", "/a two", "/a one", "/b one"]);
	});

	it("remembers nothing of what cannot be read", () => {
		const { read, readings } = counted();
		readings.read("/a", bytes("one"));
		for (const _ of [1, 2]) expect(() => readings.read("/a", bytes("broken"))).toThrow("/a");
		expect(read).toEqual(["/a one", "/a broken", "/a broken"]);
	});

	it("knows what was noted for the very bytes that were written", () => {
		const { read, readings } = counted();
		const value = { text: "told" };
		readings.note("/a", bytes("one"), value);
		expect(readings.known("/a", bytes("one"))).toBe(value);
		expect(readings.known("/a", bytes("two"))).toBeNull();
		expect(readings.known("/b", bytes("one"))).toBeNull();
		expect(read).toEqual([]);
	});

	it("keeps sixteen megabytes at most, and reads what is beyond them each time", () => {
		const { read, readings } = counted();
		const large = new Uint8Array(9 * 1024 * 1024);
		const first = readings.read("/a", large);
		readings.read("/b", large);
		readings.read("/b", large);
		expect(readings.read("/a", large)).toBe(first);
		expect(read.map((text) => text.slice(0, 2))).toEqual(["/a", "/b", "/b"]);
		readings.read("/a", bytes("small"));
		const second = readings.read("/b", large);
		expect(readings.read("/b", large)).toBe(second);
	});
});
