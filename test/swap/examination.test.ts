/** What an inspection tells besides, for `keyturn doctor`: wiring, services, what holds a switch, key files that nobody uses. */

import { describe, expect, it } from "vitest";
import { KeyturnError } from "../../src/errors.ts";
import type { Examined, MailWiring } from "../../src/ports/door.ts";
import { createSwap, type SwapOptions } from "../../src/swap/swap.ts";
import { SwapHost } from "../fakes/swap-host.ts";

const WIRING: MailWiring = {
	lists: [],
	filters: [],
	listeners: [],
	actions: [{ milter: "inet:127.0.0.1:8891", action: "accept", setBy: "milter_default_action" }],
	tables: [],
	queueDirectory: "/var/spool/postfix",
};

async function examine(context: SwapOptions): Promise<Examined> {
	const answer = await createSwap(context).handle({ act: "inspect", ids: [], examine: true });
	if (answer.act !== "inspect" || answer.examined === undefined) throw new Error(JSON.stringify(answer));
	return answer.examined;
}

describe("an examination", () => {
	it("is made only where it is asked for", async () => {
		const answer = await new SwapHost({ swap: "restart" }).door().handle({ act: "inspect", ids: [] });
		expect(answer).not.toHaveProperty("examined");
	});

	it("tells the services of a signer, and that nothing holds a switch", async () => {
		const host = new SwapHost({ swap: "restart", wiring: WIRING });
		expect(await examine(host.context())).toEqual({
			mail: WIRING,
			signers: [
				{
					signer: "main",
					socket: null,
					services: [
						{ service: "postfix", running: true },
						{ service: "main", running: true },
					],
					filter: null,
					unsignedWays: [],
					holds: null,
					writes: ["/etc/main", "/etc/main/keys"],
					reads: ["/etc/main/opendkim.conf", "/etc/main/key.table", "/etc/main/signing.table"],
					strayKeys: [],
				},
			],
		});
	});

	it("tells what is down", async () => {
		const host = new SwapHost({ swap: "restart" });
		host.services.stop("postfix");
		const [signer] = (await examine(host.context())).signers;
		expect(signer?.services).toEqual([
			{ service: "postfix", running: false },
			{ service: "main", running: true },
		]);
	});

	it("tells that the signer has not read its own table", async () => {
		const host = new SwapHost({ swap: "restart" });
		const context = host.context();
		const [path = ""] =
			(await context.signers.get("main")?.signer.read())?.files.map((file) => file.path) ?? [];
		host.nowMs += 3_600_000;
		host.disk.put(path, `${host.disk.text(path)}# by hand\n`);
		const [signer] = (await examine(host.context())).signers;
		expect(signer?.holds).toMatchObject({
			why: expect.stringContaining("it was changed since the signer was started"),
			hint: expect.stringContaining("restart the signer once"),
		});
	});

	it("tells why Postfix would not be stopped", async () => {
		const host = new SwapHost({ swap: "restart" });
		const context = host.context();
		const preflight = async (service: string) =>
			Promise.resolve(service === "postfix" ? "check failed" : null);
		const examined = await examine({ ...context, services: { ...context.services, preflight } });
		expect(examined.signers[0]?.holds?.why).toBe("postfix: check failed");
	});

	it("finds key files that nobody names, and no other", async () => {
		const host = new SwapHost({
			swap: "restart",
			otherReaders: [
				{
					program: "amavis",
					where: "its configuration",
					domain: null,
					selector: null,
					keyPath: "/etc/main/keys/shared.private",
					publicKey: null,
					problem: null,
				},
			],
		});
		for (const name of ["shared.private", "stray.private", "a.example/lost.private", "readme.txt"])
			host.disk.put(`/etc/main/keys/${name}`, "a key", 0o600);
		const [signer] = (await examine(host.context())).signers;
		expect(signer?.strayKeys).toEqual([
			"/etc/main/keys/a.example/lost.private",
			"/etc/main/keys/stray.private",
		]);
	});

	it("takes no key for stray while a signer cannot be read: it may be the one in use", async () => {
		const host = new SwapHost({ swap: "restart" });
		host.disk.put("/etc/main/keys/stray.private", "a key", 0o600);
		expect((await examine(host.context())).signers[0]?.strayKeys).toHaveLength(1);
		const context = host.context();
		const main = context.signers.get("main");
		if (main === undefined) throw new Error("no signer");
		const signer = { ...main.signer, read: async () => Promise.reject(new Error("not now")) };
		const answer = await examine({ ...context, signers: new Map([["main", { ...main, signer }]]) });
		expect(answer.signers[0]?.strayKeys).toEqual([]);
	});

	it("tells why a signer does not say on which ways mail leaves unsigned", async () => {
		const context = new SwapHost({ swap: "restart" }).context();
		const main = context.signers.get("main");
		if (main === undefined) throw new Error("no signer");
		const examined = async (unsignedWays: () => Promise<readonly string[]>) => {
			const signers = new Map([["main", { ...main, signer: { ...main.signer, unsignedWays } }]]);
			return (await examine({ ...context, signers })).signers[0];
		};
		const told = await examined(async () => Promise.resolve(["transport a"]));
		expect(told).toMatchObject({ unsignedWays: ["transport a"] });
		expect(told).not.toHaveProperty("unsignedUnknown");
		expect(
			await examined(async () => Promise.reject(new KeyturnError("signer.probe", "no room"))),
		).toMatchObject({
			unsignedWays: [],
			unsignedUnknown: "no room",
		});
	});

	it("does not take a key for stray that it placed itself", async () => {
		const host = new SwapHost({ swap: "restart" });
		const change = host.change("a.example", "old", "next");
		await host.door().handle({ act: "stage", id: "0123456789abcdef0123456789abcdef", changes: [change] });
		expect(host.disk.all().map(({ path }) => path)).toContain(host.keyPath("a.example", "next"));
		expect((await examine(host.context())).signers[0]?.strayKeys).toEqual([]);
	});

	it("changes nothing", async () => {
		const host = new SwapHost({ swap: "restart", wiring: WIRING });
		await host.door().handle({ act: "inspect", ids: [] });
		const before = host.disk.all();
		await examine(host.context());
		expect(host.disk.all()).toEqual(before);
	});
});
