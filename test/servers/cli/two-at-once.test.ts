import { readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { type CliHost, FIRST_SELECTOR, mayRun, upCliHost } from "./cli-host.ts";
import { treeOf } from "./surroundings.ts";

const DOMAIN = "example.test";
/** `npm run two-at-once` has fifty. */
const AT_ONCE = Number(process.env["AT_ONCE"] ?? 8);

describe.skipIf(!mayRun)("many hands at once", () => {
	test("rotate --now asked for many times is one turn, and leaves nothing", {
		timeout: 180_000,
	}, async () => {
		const host = await upCliHost();
		await host.keyturn(["rotate"]);
		const all = Array.from({ length: AT_ONCE }, async () => host.keyturn(["rotate", "--now"]));
		const ended = await Promise.all(all);
		for (const { code, stderr } of ended) expect([0, 75], stderr).toContain(code);
		expect(ended.some(({ code }) => code === 0)).toBe(true);
		expect((await host.keyturn(["rotate"])).code).toBe(0);
		expect(await host.asked()).toEqual(["stop mail", "stop signer", "start signer", "start mail"]);
		const selector = await host.selectorOf(DOMAIN);
		expect(await keysOf(host)).toEqual([
			[FIRST_SELECTOR, "retiring"],
			[selector, "active"],
		]);
		await expectNothingLeft(host);
		expect((await host.keyturn(["verify"])).code).toBe(0);
	});

	test("foreign bytes stay in the tables, and a state directory that is gone is rebuilt from what signs", {
		timeout: 120_000,
	}, async () => {
		const host = await upCliHost();
		await host.keyturn(["rotate", "--now"]);
		const path = join(dirname(host.directory), "key.table");
		const edited = `# theirs\n${await readFile(path, "utf8")}\n# newsletter, by hand\n`;
		await writeFile(path, edited);
		const before = await host.selectorOf(DOMAIN);
		const turned = await host.keyturn(["rotate", "--now"]);
		const after = await host.selectorOf(DOMAIN);
		expect(turned).toMatchObject({ code: 0 });
		expect(after).not.toBe(before);
		expect(await readFile(path, "utf8")).toBe(edited.replaceAll(before ?? "", after ?? ""));
		const selector = await host.selectorOf(DOMAIN);
		await rename(host.state, `${host.state}.gone`);
		expect((await host.keyturn(["rotate"])).code).toBe(0);
		expect(await keysOf(host)).toEqual([[selector, "active"]]);
		const history = await host.keyturn(["history"]);
		expect(history.stdout).toContain("the state directory is empty");
		await rm(join(host.state, "domains", `${DOMAIN}.json`));
		await writeFile(join(host.state, "domains", `${DOMAIN}.json`), "{");
		expect((await host.keyturn(["rotate"])).code).toBe(0);
		expect(await keysOf(host)).toEqual([[selector, "active"]]);
		expect((await host.keyturn(["verify"])).code).toBe(0);
	});
});

async function keysOf(host: CliHost): Promise<readonly (readonly [string, string])[]> {
	const text = await readFile(join(host.state, "domains", `${DOMAIN}.json`), "utf8");
	const { keys } = JSON.parse(text) as { readonly keys: readonly { selector: string; state: string }[] };
	return keys.map(({ selector, state }) => [selector, state] as const);
}

/** No wish, no half-written file, nothing staged, no journal, and one private key for each of the two turns' keys. */
async function expectNothingLeft(host: CliHost): Promise<void> {
	expect(await readdir(join(host.state, "wishes"))).toEqual([]);
	const names = Object.keys(await treeOf(host));
	expect(names.length).toBeGreaterThan(10);
	expect(names.filter((name) => /keyturn-(new|before|staged)|journal\.json|\/staged\//.test(name))).toEqual(
		[],
	);
	expect(names.filter((name) => name.endsWith(".private"))).toHaveLength(2);
}
