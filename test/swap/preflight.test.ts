import { describe, expect, it } from "vitest";
import type { SignerReading } from "../../src/ports/signer.ts";
import type { ServiceInstance } from "../../src/ports/services.ts";
import { makeDirectories, signerNamed, type SwapContext } from "../../src/swap/context.ts";
import { lookAtService, refuseByHost, refuseByPreflight } from "../../src/swap/preflight.ts";
import { writeLeft } from "../../src/swap/results.ts";
import { hashOf } from "../../src/durable.ts";
import { SwapHost } from "../fakes/swap-host.ts";

const CONFIGURATION = "/etc/main/opendkim.conf";
const TABLE = "/etc/main/key.table";

describe("the host", () => {
	it.each(["starting", "stopping"] as const)("that is %s keeps its services as they are", async (phase) => {
		const host = new SwapHost({ swap: "restart" });
		host.services.phase = phase;
		expect(await refuseByHost(host.context())).toMatchObject({
			why: "not_now",
			message: `the host is ${phase}: no service is touched`,
			hint: phase === "starting" ? "what it still waits for: systemctl list-jobs" : null,
		});
	});

	it("lets them be touched when it runs and no packages are being installed", async () => {
		expect(await refuseByHost(new SwapHost({ swap: "restart" }).context())).toBeNull();
	});
});

describe("a service", () => {
	const look = async (...states: readonly ServiceInstance["state"][]) => {
		const context = new SwapHost({ swap: "restart" }).context();
		const instances = states.map((state, at) => ({ unit: `postfix@${at}`, state, startedAt: null }));
		const services = { ...context.services, look: async (service: string) => ({ service, instances }) };
		return lookAtService({ ...context, services }, "postfix");
	};

	it("counts as those of its units that run", async () => {
		expect(await look("running", "stopped", "failed", "masked", "running")).toEqual({
			ran: { service: "postfix", units: ["postfix@0", "postfix@4"] },
			instances: [
				{ unit: "postfix@0", state: "running", startedAt: null },
				{ unit: "postfix@4", state: "running", startedAt: null },
			],
		});
	});

	it("is left alone while one of them is changing", async () => {
		expect(await look("running", "changing")).toMatchObject({
			act: "refused",
			why: "not_now",
			message: "postfix@1 is just being started or stopped",
		});
	});
});

describe("before anything is stopped", () => {
	async function setUp() {
		const host = new SwapHost({ swap: "restart" });
		const context = host.context();
		await makeDirectories(context);
		const startedAt = new Date(host.nowMs);
		const unit = (at: Date | null): ServiceInstance => ({
			unit: "main.service",
			state: "running",
			startedAt: at,
		});
		const check = async (
			given: SwapContext = context,
			running = [unit(startedAt)],
			changes: Partial<SignerReading> = {},
		) => {
			const reading = await signerNamed(context, "main").signer.read();
			return refuseByPreflight(given, "main", { ...reading, ...changes }, running, ["postfix", "main"]);
		};
		return { host, context, startedAt, unit, check };
	}

	it("nothing is refused where every program is content", async () => {
		expect(await (await setUp()).check()).toBeNull();
	});

	it("each service's own check is heard, and the signer's", async () => {
		const { host, context, check } = await setUp();
		host.services.of("main").complaint = "bad unit";
		expect(await check()).toMatchObject({ why: "preflight", message: "main: bad unit", domains: [] });
		host.services.of("main").complaint = null;
		const main = signerNamed(context, "main");
		const signer = { ...main.signer, preflight: async () => "line 3: bad" };
		expect(await check({ ...context, signers: new Map([["main", { ...main, signer }]]) })).toMatchObject({
			why: "preflight",
			message: "signer main: line 3: bad",
			domains: ["a.example", "b.example"],
		});
	});

	it.each([CONFIGURATION, TABLE])(
		"a %s that the running signer has not read is not tried out now",
		async (path) => {
			const { host, check } = await setUp();
			host.nowMs += 1_000;
			host.disk.put(path, `${host.disk.text(path)}`);
			expect(await check(), "within the second that managers round by").toBeNull();
			host.nowMs += 1;
			host.disk.put(path, `${host.disk.text(path)}`);
			expect(await check()).toMatchObject({
				why: "preflight",
				domains: ["a.example", "b.example"],
				message: `${path}: it was changed since the signer was started`,
				hint: "restart the signer once by hand, so that a fault in it does not show in the middle of a switch",
			});
		},
	);

	it("a file whose time lies ahead, which no restart would help, is to be touched first", async () => {
		const { host, check } = await setUp();
		const at = new Date(host.nowMs + 86_400_000).toISOString();
		host.nowMs += 86_400_000;
		host.disk.put(TABLE, `${host.disk.text(TABLE)}`);
		host.nowMs -= 86_400_000;
		expect(await check()).toMatchObject({
			message: `${TABLE}: it was changed since the signer was started`,
			hint: `its time is ${at}, in the future: touch it, then restart the signer once by hand`,
		});
	});

	it("a newer file is no fault as the last switch left it, and is one with any other content", async () => {
		const { host, context, check } = await setUp();
		host.nowMs += 60_000;
		const text = `${host.disk.text(TABLE)}`;
		host.disk.put(TABLE, text);
		await writeLeft(context, { files: { [TABLE]: hashOf(new TextEncoder().encode(text)) }, pausedAt: null });
		expect(await check()).toBeNull();
		host.disk.put(TABLE, `${text}# by hand\n`);
		expect(await check()).toMatchObject({
			why: "preflight",
			message: expect.stringContaining(TABLE) as string,
		});
	});

	it("a file that the last switch left is known by the link to it, too", async () => {
		const { host, context, check } = await setUp();
		host.disk.putSymlink("/etc/linked.conf", TABLE);
		host.nowMs += 60_000;
		const text = `${host.disk.text(TABLE)}`;
		host.disk.put(TABLE, text);
		await writeLeft(context, { files: { [TABLE]: hashOf(new TextEncoder().encode(text)) }, pausedAt: null });
		const linked = { configuration: ["/etc/linked.conf"] };
		expect(await check(context, undefined, linked)).toBeNull();
		host.disk.put(TABLE, `${text}# by hand\n`);
		expect(await check(context, undefined, linked)).toMatchObject({
			message: "/etc/linked.conf: it was changed since the signer was started",
		});
	});

	it("a file that is only taken up at a start holds the switch like any other", async () => {
		const { host, check } = await setUp();
		host.disk.put("/etc/main/proxy.inc", "");
		const takenUp = { takenUp: ["/etc/main/proxy.inc", "/etc/main/absent.inc"] };
		expect(await check(undefined, undefined, takenUp)).toBeNull();
		host.nowMs += 60_000;
		host.disk.put("/etc/main/proxy.inc", "bind_socket = elsewhere");
		expect(await check(undefined, undefined, takenUp)).toMatchObject({
			why: "preflight",
			message: "/etc/main/proxy.inc: it was changed since the signer was started",
		});
	});

	it("the oldest process counts, and none where its start cannot be told", async () => {
		const { host, startedAt, unit, check } = await setUp();
		host.nowMs += 60_000;
		host.disk.put(CONFIGURATION, "changed");
		const later = new Date(host.nowMs + 60_000);
		expect(await check(undefined, [unit(later), unit(startedAt)])).toMatchObject({ why: "preflight" });
		expect(await check(undefined, [unit(later)])).toBeNull();
		expect(await check(undefined, [unit(null)])).toBeNull();
		expect(await check(undefined, [unit(null), unit(startedAt)])).toMatchObject({ why: "preflight" });
		expect(await check(undefined, [])).toBeNull();
	});

	it("a configuration file that is absent is nobody's newer one", async () => {
		const { host, check } = await setUp();
		host.disk.remove(CONFIGURATION);
		expect(await check()).toBeNull();
	});
});
