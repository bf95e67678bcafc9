import { expect, test } from "vitest";
import { createPulse } from "../../src/system/pulse.ts";

function pulseAt() {
	const clock = { atMs: 0, uptimeMs: () => clock.atMs };
	return { clock, pulse: createPulse(clock) };
}

/** A call that ends when it is told to. */
function pending() {
	let end: (outcome: "well" | "failed") => void = () => undefined;
	const outcome = new Promise<string>((resolve, reject) => {
		end = (how) => (how === "well" ? resolve("answer") : reject(new Error("no")));
	});
	return { outcome, end: (how: "well" | "failed") => end(how) };
}

test.each(["well", "failed"] as const)(
	"a call that ends %s is a sign of life, one under way is none",
	async (how) => {
		const { clock, pulse } = pulseAt();
		const call = pending();
		const port = pulse.watch({ ask: async (_question: string) => call.outcome });
		const asked = port.ask("?").catch((error: unknown) => String(error));
		clock.atMs = 5_000;
		expect(pulse.silentMs()).toBe(5_000);
		call.end(how);
		expect(await asked).toBe(how === "well" ? "answer" : "Error: no");
		expect(pulse.silentMs()).toBe(0);
		clock.atMs = 7_000;
		expect(pulse.silentMs()).toBe(2_000);
	},
);

test("what takes long and has a deadline of its own is borne, as often as it is under way", async () => {
	const { clock, pulse } = pulseAt();
	const calls = [pending(), pending()];
	const port = pulse.bear({ ask: async (index: number) => calls[index]?.outcome });
	const asked = [port.ask(0), port.ask(1).catch(() => "failed")];
	clock.atMs = 1_000_000;
	expect(pulse.silentMs()).toBe(0);
	calls[0]?.end("well");
	await asked[0];
	clock.atMs = 2_000_000;
	expect(pulse.silentMs()).toBe(0);
	calls[1]?.end("failed");
	expect(await asked[1]).toBe("failed");
	clock.atMs = 2_000_300;
	expect(pulse.silentMs()).toBe(300);
});

test("arguments and results pass as they are", async () => {
	const { pulse } = pulseAt();
	const { add } = pulse.watch({ add: async (one: number, other: number) => one + other });
	expect(await add(2, 3)).toBe(5);
});
