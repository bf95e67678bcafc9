import { describe, expect, it } from "vitest";
import { SwapHost } from "../fakes/swap-host.ts";
import { ID, turn } from "./crashes.ts";

const TABLE = "/etc/main/key.table";

/** Somebody edits the key table right after the change number `at` of the disk; null when the switch had ended before. */
async function editedAt(swap: "restart" | "reload", at: number, edit: (table: string) => string) {
	const host = new SwapHost({ swap });
	let changes = 0;
	let edited: string | null = null;
	const door = host.door({
		onChange: () => {
			changes += 1;
			if (changes !== at + 1) return;
			edited = edit(host.disk.text(TABLE) ?? "");
			host.disk.put(TABLE, edited);
		},
	});
	const answer = await host.switchKeys(door, ID, turn(host));
	await host.door().handle({ act: "recover", filesOnly: false });
	const outcome =
		answer.act === "commit" ? answer.result.outcome : answer.act === "refused" ? answer.why : answer.act;
	return edited === null ? null : { host, outcome, edited: edited as string };
}

describe.each(["restart", "reload"] as const)("the table edited by hand at every point of a %s", (swap) => {
	it("keeps their lines, and ours wholly old or wholly new", { timeout: 60_000 }, async () => {
		const outcomes = new Set<string>();
		for (let at = 0; ; at += 1) {
			const found = await editedAt(
				swap,
				at,
				(table) => `# before\n${table}news n.example:n:/etc/main/keys/b.example/old.private\n`,
			);
			if (found === null) break;
			const { host, outcome } = found;
			outcomes.add(outcome);
			const table = host.disk.text(TABLE) ?? "";
			expect(table, `${at}: ${outcome}`).toMatch(
				/^# before\n# ours and theirs\n[^]*\nnews n\.example:n:\/etc\/main\/keys\/b\.example\/old\.private\n$/,
			);
			const selector = /a\.example:(old|new):/.exec(table)?.[1];
			expect(table, `${at}`).toContain(`b.example:${selector}:`);
			if (outcome === "table_changed" || outcome === "conflict") expect(table, `${at}`).toBe(found.edited);
			expect(host.services.runs("main") && host.services.runs("postfix"), `${at}`).toBe(true);
			expect(host.leftovers(), `${at}: ${outcome}`).toEqual([]);
		}
		expect([...outcomes]).toEqual(expect.arrayContaining(["done", "conflict"]));
	});

	it("leaves a line of ours that they changed as they left it", { timeout: 60_000 }, async () => {
		let points = 0;
		for (let at = 0; ; at += 1) {
			const found = await editedAt(swap, at, (table) =>
				table.replace(/a\.example:\w+:\S+/, "a.example:mine:/etc/mine.private"),
			);
			if (found === null) break;
			points += 1;
			const table = found.host.disk.text(TABLE) ?? "";
			expect(table, `${at}: ${found.outcome}`).toContain("a.example:mine:/etc/mine.private");
			expect(found.host.services.runs("postfix"), `${at}`).toBe(true);
		}
		expect(points).toBeGreaterThan(20);
	});
});
