import { describe, expect, it } from "vitest";
import { keyPlace } from "../../src/swap/key-places.ts";
import type { LedgerKey } from "../../src/swap/ledger.ts";

const KEY = { signer: "main", domain: "a.example", selector: "kt1", hash: "new" };

function known(path: string, domain = "b.example"): LedgerKey {
	return {
		signer: "main",
		domain,
		selector: "kt1",
		path,
		origin: "made",
		id: "1",
		hash: "old",
		wasLive: true,
	};
}

describe("a new key's place", () => {
	const keyPath = (domain: string, selector: string) => `/k/${domain}/${selector}`;

	it("is that of its name, or the next one where others' keys lie", () => {
		expect(keyPlace({ keyPath }, [], KEY)).toBe("/k/a.example/kt1");
		const taken = [known("/k/a.example/kt1"), known("/k/a.example/kt1-2")];
		expect(keyPlace({ keyPath }, taken, KEY)).toBe("/k/a.example/kt1-3");
	});

	it("is that of its name where the same key lies there, or one of its own name", () => {
		const same = { ...known("/k/a.example/kt1"), hash: "new" };
		expect(keyPlace({ keyPath }, [same, known("/k/a.example/kt1", "a.example")], KEY)).toBe(
			"/k/a.example/kt1",
		);
	});

	it("is the next one where a key lies that was in use before ours, even under its own name", () => {
		const found = { ...known("/k/a.example/kt1", "a.example"), origin: "found" as const, hash: null };
		for (const hash of ["new", null])
			expect(keyPlace({ keyPath }, [found], { ...KEY, hash })).toBe("/k/a.example/kt1-2");
	});

	it("is the only one there is, taken or not", () => {
		expect(keyPlace({ keyPath: () => "/k/key" }, [known("/k/key")], KEY)).toBe("/k/key");
	});
});
