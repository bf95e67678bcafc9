import { describe, expect, test } from "vitest";
import { KeyturnError } from "../../src/errors.ts";
import type { AlertSink } from "../../src/ports/alert-sink.ts";
import type { DnsProvider } from "../../src/ports/dns-provider.ts";
import { createMeters } from "../../src/report/meters.ts";
import { type MetricsGiven, renderMetrics } from "../../src/report/metrics.ts";
import { AgentWorld } from "../fakes/agent-world.ts";
import { eventOf, NOW, sampleLook, sampleStatus, server, troubleOf } from "./sample.ts";

const world = new AgentWorld();
const signal = new AbortController().signal;

async function metricsOf(changes: Partial<MetricsGiven> = {}): Promise<readonly string[]> {
	const text = await renderMetrics({
		status: sampleStatus(),
		lookAt: (_, selector) => sampleLook(selector),
		tickedAt: NOW,
		versions: { keyturn: "0.1.0", node: "20.19.0" },
		counted: createMeters(world.clock).registry,
		...changes,
	});
	return text.split("\n");
}

describe("of how it stands", () => {
	test.each([
		'keyturn_build_info{version="0.1.0",node="20.19.0"} 1',
		"keyturn_reconcile_timestamp_seconds 1795953600",
		"keyturn_alerts_undelivered 2",
		'keyturn_next_rotation_timestamp_seconds{domain="example.com"} 1796094000',
		'keyturn_last_success_timestamp_seconds{domain="example.com"} 1794798000',
		'keyturn_consecutive_failures{domain="example.com"} 0',
		'keyturn_domain_signed{domain="example.com"} 1',
		'keyturn_signing_selector_mismatch{domain="example.com"} 0',
		'keyturn_key_info{domain="example.com",selector="202611",algorithm="ed25519",bits="",role="active"} 1',
		'keyturn_key_info{domain="example.com",selector="202610",algorithm="ed25519",bits="",role="old"} 1',
		'keyturn_key_state{domain="example.com",selector="202612",state="published"} 1',
		'keyturn_key_state{domain="example.com",selector="202612",state="active"} 0',
		'keyturn_key_activated_timestamp_seconds{domain="example.com",selector="202611"} 1794798000',
		'keyturn_key_retire_after_timestamp_seconds{domain="example.com",selector="202610"} 1796007600',
		'keyturn_dns_match{domain="example.com",selector="202612",nameserver="ns1.example.com"} 1',
		'keyturn_dns_match{domain="example.com",selector="202612",nameserver="ns2.example.com"} 0',
	])("%s", async (line) => {
		expect(await metricsOf()).toContain(line);
	});

	test.each([
		[["right", "timeout"], 1],
		[["right", "unreachable", "lame"], 1],
		[["right", "absent_name"], 0],
		[["wrong_key", "timeout"], 0],
		[["not_signed"], 0],
		[["timeout", "unreachable"], null],
		[["lame"], null],
		[["servfail"], null],
	] as const)("a server whose addresses give %j is %j", async (outcomes, value) => {
		const lookAt = (_: string, selector: string) => {
			const look = sampleLook(selector);
			const one = outcomes.map((outcome) => ({ ...server("ns3.example.com", "", false), outcome }));
			return look === null ? null : { ...look, servers: [...look.servers, ...one] };
		};
		const lines = await metricsOf({ lookAt });
		const series = 'keyturn_dns_match{domain="example.com",selector="202611",nameserver=';
		expect(lines).toContain(`${series}"ns1.example.com"} 1`);
		expect(lines.filter((line) => line.startsWith(`${series}"ns3.example.com"}`))).toEqual(
			value === null ? [] : [`${series}"ns3.example.com"} ${value}`],
		);
	});

	test("no tick that has gone through is one that was long ago, and not a series that alerts miss", async () => {
		expect(await metricsOf({ tickedAt: null })).toContain("keyturn_reconcile_timestamp_seconds 0");
	});

	test("a key that is gone has no series", async () => {
		expect((await metricsOf()).filter((line) => line.includes("202609"))).toEqual([]);
	});

	test("troubles are counted, and drift is of its domain", async () => {
		const drift = { ...troubleOf("x", "example.com"), event: "drift_detected", severity: "warning" };
		const lines = await metricsOf({ status: sampleStatus(["example.com"], [drift, drift]) });
		expect(lines).toContain('keyturn_troubles{event="drift_detected",severity="warning"} 2');
		expect(lines).toContain('keyturn_signing_selector_mismatch{domain="example.com"} 1');
	});
});

describe("of what this process did", () => {
	test("a provider's answers and errors are counted by operation", async () => {
		const meters = createMeters(world.clock);
		const bare: DnsProvider = {
			name: "home",
			account: "a",
			limits: { valueOctets: 4096, minTtlSeconds: 1, batch: 10 },
			findZone: async () => Promise.resolve({ kind: "zone", zone: "example.com" }),
			list: async () => Promise.reject(new KeyturnError("provider.denied", "no")),
			change: async () => Promise.resolve([{ kind: "done" }, { kind: "unknown", why: "timeout" }]),
		};
		const port = meters.provider(bare);
		expect(await port.findZone("x.example.com", signal)).toEqual({ kind: "zone", zone: "example.com" });
		await expect(port.list("example.com", "x", signal)).rejects.toMatchObject({ code: "provider.denied" });
		await port.change("example.com", [], signal);
		const lines = await metricsOf({ counted: meters.registry });
		const counts = lines.filter((line) => line.startsWith("keyturn_provider_requests_total{"));
		expect(counts).toEqual([
			'keyturn_provider_requests_total{provider="home",op="find_zone",code="done"} 1',
			'keyturn_provider_requests_total{provider="home",op="list",code="provider.denied"} 1',
			'keyturn_provider_requests_total{provider="home",op="change",code="done"} 1',
			'keyturn_provider_requests_total{provider="home",op="change",code="unknown"} 1',
		]);
	});

	test("alerts are counted by result, and fail as before", async () => {
		const meters = createMeters(world.clock);
		const failing: AlertSink = {
			name: "webhook 1",
			on: null,
			repeatMs: 1,
			deliver: async () => Promise.reject(new KeyturnError("alert.undelivered", "no")),
		};
		await expect(meters.sink(failing).deliver(eventOf("x"), signal)).rejects.toMatchObject({
			code: "alert.undelivered",
		});
		await meters
			.sink({ ...failing, deliver: async () => Promise.resolve(undefined) })
			.deliver(eventOf("x"), signal);
		const lines = await metricsOf({ counted: meters.registry });
		expect(lines).toContain('keyturn_alerts_total{hook="webhook 1",result="failed"} 1');
		expect(lines).toContain('keyturn_alerts_total{hook="webhook 1",result="delivered"} 1');
	});

	test("looks are timed", async () => {
		const meters = createMeters({ ...world.clock, uptimeMs: () => (uptime += 1500) });
		let uptime = 0;
		const look = sampleLook("202611");
		if (look === null) throw new Error("no look");
		const port = meters.propagation({ ...world.ports.propagation, look: async () => Promise.resolve(look) });
		const { verify } = world.policies[0] ?? { verify: null };
		if (verify === null) throw new Error("no policy");
		await port.look({ domain: "a", selector: "b", record: "c", verify, askResolvers: false }, signal);
		const lines = await metricsOf({ counted: meters.registry });
		expect(lines).toContain('keyturn_dns_verify_duration_seconds_bucket{le="1"} 0');
		expect(lines).toContain('keyturn_dns_verify_duration_seconds_bucket{le="2.5"} 1');
		expect(lines).toContain("keyturn_dns_verify_duration_seconds_sum 1.5");
	});
});
