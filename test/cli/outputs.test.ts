import { expect, test } from "vitest";
import { createOutputs } from "../../src/cli/outputs.ts";
import { KeyturnError } from "../../src/errors.ts";
import { AgentWorld } from "../fakes/agent-world.ts";
import { commandBench } from "../fakes/command-bench.ts";

const ALL = {
	metrics: { textfile: "/metrics/keyturn.prom", listen: { address: "127.0.0.1", port: 9710 } },
	pagePath: "/www/keyturn.html",
};
const MINUTE_MS = 60_000;

async function benchOf(given: Parameters<typeof commandBench>[1] = {}) {
	const world = new AgentWorld();
	await world.agent.tick(new AbortController().signal, { lockWaitMs: 0 });
	const bench = commandBench(world, given);
	const outputs = createOutputs(bench.workbench);
	const show = async (changes: Partial<typeof ALL>, hasWorked = true): Promise<void> =>
		outputs.show({ ...bench.workbench.settings, ...changes }, hasWorked);
	return { ...bench, world, show, served: (path: string) => bench.served.answerFor?.(path) ?? null };
}

test("page and metrics are written, and served, as configured", async () => {
	const { show, shared, served, world } = await benchOf();
	await show(ALL);
	const [domain = ""] = world.policies.map((policy) => policy.domain);
	expect([...shared.keys()]).toEqual(["/www/keyturn.html", "/metrics/keyturn.prom"]);
	expect(shared.get("/www/keyturn.html")).toContain(domain);
	expect(shared.get("/metrics/keyturn.prom")).toContain(`keyturn_domain_signed{domain="${domain}"} 1`);
	expect(served("/metrics")?.body).toBe(shared.get("/metrics/keyturn.prom"));
	expect(served("/healthz")).toMatchObject({ status: 200, body: expect.stringContaining("ok") as string });
	expect(served("/etc/passwd")).toBeNull();
});

test("nothing is written or served that is not asked for", async () => {
	const { show, shared, served } = await benchOf();
	await show({});
	expect(shared.size).toBe(0);
	expect(served("/metrics")).toBeNull();
});

test("it is healthy while ticks go through, and ill once they do not", async () => {
	const { show, served, world } = await benchOf();
	await show(ALL, false);
	expect(served("/healthz")?.status).toBe(503);
	await show(ALL);
	world.pass(20 * MINUTE_MS);
	await show(ALL, false);
	expect(served("/healthz")?.status).toBe(200);
	world.pass(MINUTE_MS);
	await show(ALL, false);
	expect(served("/healthz")).toMatchObject({ status: 503 });
});

test("a lock that cannot be looked at keeps the daemon from showing, not from its work, and is logged once", async () => {
	const errors: unknown[] = [];
	let isBroken = true;
	const { show, shared } = await benchOf({
		changes: {
			daemonAlive: async () => {
				if (isBroken) throw new KeyturnError("program.missing", "/usr/bin/flock: EMFILE");
				return Promise.resolve(true);
			},
			log: async () =>
				Promise.resolve({
					debug: () => undefined,
					info: () => undefined,
					warn: () => undefined,
					error: (message, fields) => void errors.push([message, fields?.["error"]]),
				}),
		},
	});
	await show(ALL);
	await show(ALL);
	expect(errors).toEqual([
		[
			"what is shown of the domains could not be renewed",
			expect.objectContaining({ message: "/usr/bin/flock: EMFILE" }),
		],
	]);
	isBroken = false;
	await show(ALL);
	expect([...shared.keys()]).toEqual(["/www/keyturn.html", "/metrics/keyturn.prom"]);
});

test("one that cannot be written keeps no other from its place, and is logged once", async () => {
	const full = new KeyturnError("disk.failed", "/www/keyturn.html: ENOSPC");
	const written: string[] = [];
	const errors: string[] = [];
	const { show } = await benchOf({
		changes: {
			replaceShared: async (path) => {
				if (path.endsWith(".html")) return Promise.reject(full);
				return Promise.resolve(void written.push(path));
			},
			log: async () =>
				Promise.resolve({
					debug: () => undefined,
					info: () => undefined,
					warn: () => undefined,
					error: (message) => void errors.push(message),
				}),
		},
	});
	await show(ALL);
	await show(ALL);
	expect(written).toEqual(["/metrics/keyturn.prom", "/metrics/keyturn.prom"]);
	expect(errors).toEqual(["the status page could not be renewed"]);
});
