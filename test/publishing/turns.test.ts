import { expect, test } from "vitest";
import { KeyturnError } from "../../src/errors.ts";
import { createTurns } from "../../src/publishing/turns.ts";

const signal = new AbortController().signal;

test("an account is locked while work on it goes on, and let go after it, also where it failed", async () => {
	const did: string[] = [];
	const turns = createTurns(async (account) => {
		did.push(`lock ${account}`);
		return { release: async () => void did.push(`release ${account}`) };
	});
	const work = (name: string) => async () => {
		did.push(name);
		await Promise.resolve();
		if (name === "fails") throw new Error("no");
	};
	const all = [turns.take("a", signal, work("fails")), turns.take("a", signal, work("second"))];
	expect((await Promise.allSettled(all)).map(({ status }) => status)).toEqual(["rejected", "fulfilled"]);
	expect(did).toEqual(["lock a", "fails", "release a", "lock a", "second", "release a"]);
});

test("where another process has the account, nothing is done, and the next is not kept from trying", async () => {
	let isHeld = true;
	const turns = createTurns(async () => {
		if (isHeld) throw new KeyturnError("provider.unreachable", "another keyturn is at work", { retry: true });
		return { release: async () => undefined };
	});
	let calls = 0;
	const work = async () => (calls += 1);
	await expect(turns.take("a", signal, work)).rejects.toMatchObject({ code: "provider.unreachable" });
	expect(calls).toBe(0);
	isHeld = false;
	expect(await turns.take("a", signal, work)).toBe(1);
});
