import { describe, expect, test } from "vitest";
import { FIRST_SELECTOR, mayRun, upCliHost } from "./cli-host.ts";

describe.skipIf(!mayRun)("keyturn rotate", () => {
	test("adopts what signs, and turns it when told to", async () => {
		const host = await upCliHost();
		expect((await host.keyturn(["rotate"])).code).toBe(0);
		expect(await host.selectorOf("example.test")).toBe(FIRST_SELECTOR);
		expect((await host.keyturn(["rotate", "--now"])).code).toBe(0);
		expect(await host.selectorOf("example.test")).toMatch(/^\d{6}$/);
		expect(await host.selectorOf("example.test")).not.toBe(FIRST_SELECTOR);
		expect(await host.asked()).toEqual(["stop mail", "stop signer", "start signer", "start mail"]);
	});
});
