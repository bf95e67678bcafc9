import { expect, test } from "vitest";
import { createSession, ENDED } from "../../../src/publishing/api/session.ts";

const signal = new AbortController().signal;

test("is begun once, and again where it has ended", async () => {
	let begun = 0;
	const session = createSession("fake", async () => ++begun);
	let good = 1;
	const work = async (ticket: number) => (ticket === good ? `done with ${ticket}` : ENDED);
	expect(await session.use(work, signal)).toBe("done with 1");
	expect(await session.use(work, signal)).toBe("done with 1");
	good = 2;
	expect(await session.use(work, signal)).toBe("done with 2");
	expect(begun).toBe(2);
});

test("that ends at once is refused, and begun anew the next time", async () => {
	let begun = 0;
	const session = createSession("fake", async () => ++begun);
	await expect(session.use(async () => ENDED as typeof ENDED | null, signal)).rejects.toMatchObject({
		code: "provider.refused",
	});
	expect(await session.use(async (ticket) => ticket, signal)).toBe(2);
});
