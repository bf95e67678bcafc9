import { describe, expect, it } from "vitest";
import { makeDirectories } from "../../src/swap/context.ts";
import { enter, isSameKey, type LedgerKey, readLedger, writeLedger } from "../../src/swap/ledger.ts";
import { DOOR_DIRECTORY, SwapHost } from "../fakes/swap-host.ts";

const made: LedgerKey = {
	signer: "main",
	domain: "a.example",
	selector: "new",
	path: "/keys/a.example/new.private",
	origin: "made",
	id: "0a",
	hash: "ab",
	wasLive: false,
};

describe("the ledger", () => {
	it("is empty before the first key, and outlives the power", async () => {
		const host = new SwapHost({ swap: "restart" });
		const context = host.context();
		await makeDirectories(context);
		expect(await readLedger(context)).toEqual([]);
		await writeLedger(context, [made]);
		expect(await readLedger(context)).toEqual([made]);
		expect(host.disk.powerLoss(() => 0).text(`${DOOR_DIRECTORY}/ledger.json`)).toContain(made.path);
	});

	it("has one entry for a key at a path: the newer one", () => {
		const live = { ...made, wasLive: true };
		expect(enter([made], [live])).toEqual([live]);
		const others = [
			{ ...made, signer: "other" },
			{ ...made, domain: "b.example" },
			{ ...made, selector: "old" },
			{ ...made, path: "/elsewhere" },
		];
		expect(enter([...others, made], [live])).toEqual([...others, live]);
	});

	it("tells keys apart by signer, domain and selector", () => {
		expect(isSameKey(made, { signer: "main", domain: "a.example", selector: "new" })).toBe(true);
		for (const changes of [{ signer: "other" }, { domain: "b.example" }, { selector: "old" }])
			expect(isSameKey(made, { ...made, ...changes })).toBe(false);
	});
});
