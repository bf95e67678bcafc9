import { expect, test } from "vitest";
import { KeyturnError } from "../../../src/errors.ts";
import { createSession, ENDED } from "../../../src/publishing/api/session.ts";
import { createSleepingClock } from "../../fakes/sleeping-clock.ts";

const signal = new AbortController().signal;
const clock = createSleepingClock();
const asked = { provider: "fake", clock };

test("is begun once, and again where it has ended", async () => {
	let begun = 0;
	const session = createSession(asked, async () => ++begun);
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
	const session = createSession(asked, async () => ++begun);
	await expect(session.use(async () => ENDED as typeof ENDED | null, signal)).rejects.toMatchObject({
		code: "provider.refused",
	});
	expect(await session.use(async (ticket) => ticket, signal)).toBe(2);
});

test("that is denied is not begun again at once: who fails often is shut out", async () => {
	let begun = 0;
	let fault: KeyturnError | null = new KeyturnError("provider.denied", "fake: wrong password", {
		hint: "mend it",
	});
	const session = createSession(asked, async () => {
		begun++;
		if (fault !== null) throw fault;
		return "ticket";
	});
	const use = async () => session.use(async (ticket) => ticket, signal);
	for (const _ of [1, 2, 3])
		await expect(use()).rejects.toMatchObject({ code: "provider.denied", hint: "mend it" });
	expect(begun).toBe(1);
	await clock.sleep(60_000, signal);
	await expect(use()).rejects.toMatchObject({ code: "provider.denied" });
	fault = null;
	await clock.sleep(60_000, signal);
	expect(await use()).toBe("ticket");
	expect(begun).toBe(3);
});

test("that could not be begun for another reason is begun the next time", async () => {
	let begun = 0;
	const session = createSession(asked, async () => {
		begun++;
		throw new KeyturnError("provider.unreachable", "fake: no answer", { retry: true });
	});
	for (const _ of [1, 2])
		await expect(session.use(async () => null, signal)).rejects.toMatchObject({
			code: "provider.unreachable",
		});
	expect(begun).toBe(2);
});
