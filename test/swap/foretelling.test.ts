import { describe, expect, it } from "vitest";
import type { ForetellAsked, Foretold } from "../../src/ports/door.ts";
import { createSwap } from "../../src/swap/swap.ts";
import { SwapHost } from "../fakes/swap-host.ts";

async function foretell(host: SwapHost, asked: readonly ForetellAsked[]): Promise<readonly Foretold[]> {
	const answer = await createSwap(host.context()).handle({ act: "inspect", ids: [], foretell: asked });
	if (answer.act !== "inspect" || answer.foretold === undefined) throw new Error(JSON.stringify(answer));
	return answer.foretold;
}

const TURN = { signer: "main", domain: "a.example", from: "old", selector: "new" };

describe("what a change would do", () => {
	it("is told by the lines that it takes and brings, and not done", async () => {
		const host = new SwapHost({ swap: "reload" });
		const before = await host.context().signers.get("main")?.signer.read();
		const [turn, gone] = await foretell(host, [TURN, { ...TURN, selector: null }]);
		const line = (selector: string) =>
			`label-a.example a.example:${selector}:${host.keyPath("a.example", selector)}`;
		expect(turn).toMatchObject({ domain: "a.example", problem: null });
		expect(turn?.files.map(({ removed, added }) => ({ removed, added }))).toEqual([
			{ removed: [line("old")], added: [line("new")] },
		]);
		expect(gone?.files.length).toBeGreaterThan(0);
		expect(gone?.files.flatMap(({ added }) => added)).toEqual([]);
		expect(gone?.files.flatMap(({ removed }) => removed)).toContain(line("old"));
		expect((await host.context().signers.get("main")?.signer.read())?.tableHash).toBe(before?.tableHash);
	});

	it("is a reason where it cannot be done, and nothing of a signer that there is not", async () => {
		const host = new SwapHost({ swap: "reload" });
		const [odd, nobody] = await foretell(host, [
			{ ...TURN, from: "other" },
			{ ...TURN, signer: "nobody" },
		]);
		expect(odd?.problem).toEqual(expect.any(String));
		expect(nobody).toEqual({ domain: "a.example", files: [], problem: null });
	});
});
