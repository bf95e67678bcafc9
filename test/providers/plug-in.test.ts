import { describe, expect, test } from "vitest";
import { z } from "zod";
import { plugInType } from "../../providers/plug-in.ts";
import type { ProviderTools } from "../../providers/registry.ts";
import type { ChangeResult, DnsProvider, ZoneChange, ZoneFound } from "../../src/ports/dns-provider.ts";
import { createTestTools } from "../../src/provider.ts";

const signal = new AbortController().signal;
const settingsSchema = z.strictObject({});

/** What a class has stands on its prototype, its getters too, and wants `this`. */
class MyProvider implements DnsProvider {
	readonly #zone = "example.test";
	readonly name = "of its own";
	readonly limits = { valueOctets: 4_000, minTtlSeconds: 60, batch: 1 };
	readonly readsBack = "dns";

	get account(): string {
		return `mine ${this.#zone}`;
	}

	async findZone(): Promise<ZoneFound> {
		return { kind: "zone", zone: this.#zone };
	}

	async list(_zone: string, name: string): Promise<readonly string[]> {
		return [`${name} in ${this.#zone}`];
	}

	async change(_zone: string, changes: readonly ZoneChange[]): Promise<readonly ChangeResult[]> {
		return changes.map(({ name }) => ({ kind: "occupied", values: [name, this.#zone] }));
	}

	async forms(_zone: string, name: string): Promise<readonly string[]> {
		return [`"${name} in ${this.#zone}"`];
	}
}

const created = async (made: unknown): Promise<DnsProvider> => {
	const type = plugInType("./mine.js", { settingsSchema, createProvider: async () => made });
	const tools: ProviderTools = createTestTools({ secret: "" });
	return type.create({ ...tools, name: "mine", settings: {} });
};

describe("what a plug-in makes", () => {
	test("works as an instance of a class as well, under its name in keyturn.yaml", async () => {
		const provider = await created(new MyProvider());
		expect(provider).toMatchObject({
			name: "mine",
			account: "mine example.test",
			limits: { valueOctets: 4_000, minTtlSeconds: 60, batch: 1 },
			readsBack: "dns",
		});
		expect(await provider.findZone("s.example.test", signal)).toEqual({ kind: "zone", zone: "example.test" });
		expect(await provider.list("example.test", "s", signal)).toEqual(["s in example.test"]);
		const removal = { kind: "remove", name: "s", value: "v" } as const;
		expect(await provider.change("example.test", [removal], signal)).toEqual([
			{ kind: "occupied", values: ["s", "example.test"] },
		]);
		expect(await provider.forms?.("example.test", "s", signal)).toEqual(['"s in example.test"']);
	});

	test("has no member that it did not bring", async () => {
		const { account, limits, ...made } = new MyProvider();
		const bare = { ...made, account: "mine", limits, findZone: async () => null, list: async () => [] };
		const provider = await created({ ...bare, readsBack: undefined, change: async () => [] });
		expect(Object.keys(provider).toSorted()).toEqual([
			"account",
			"change",
			"findZone",
			"limits",
			"list",
			"name",
		]);
		expect(account).toBe("mine example.test");
	});

	test("has to be one", async () => {
		await expect(created({ account: "mine", limits: new MyProvider().limits })).rejects.toMatchObject({
			code: "config.invalid",
			message: expect.stringContaining("findZone, list, change"),
		});
	});
});
