/** What only a running process knows: how often its providers and alerts were asked, and how long its looks at DNS took. */

import { Counter, Histogram, Registry } from "prom-client";
import { asKeyturnError } from "../errors.ts";
import type { AlertSink } from "../ports/alert-sink.ts";
import type { Clock } from "../ports/clock.ts";
import type { ChangeResult, DnsProvider } from "../ports/dns-provider.ts";
import type { Propagation } from "../ports/propagation.ts";

export interface Meters {
	readonly registry: Registry;
	/** Each gives the same port, which counts what goes through it. */
	provider(port: DnsProvider): DnsProvider;
	sink(port: AlertSink): AlertSink;
	propagation(port: Propagation): Propagation;
}

/** In seconds: from one quick server to all the time that a look has. */
const LOOK_BUCKETS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40];

export function createMeters(clock: Clock): Meters {
	const registry = new Registry();
	const requests = new Counter({
		name: "keyturn_provider_requests_total",
		help: "Requests to DNS providers by operation and result: done, occupied, refused, unknown, or the code of the error.",
		labelNames: ["provider", "op", "code"],
		registers: [registry],
	});
	const alerts = new Counter({
		name: "keyturn_alerts_total",
		help: "Attempts to tell somebody, by way of telling and result.",
		labelNames: ["hook", "result"],
		registers: [registry],
	});
	const looks = new Histogram({
		name: "keyturn_dns_verify_duration_seconds",
		help: "How long it took to ask every server for one record.",
		buckets: LOOK_BUCKETS,
		registers: [registry],
	});

	async function counted<Answer>(
		provider: string,
		op: string,
		ask: Promise<Answer>,
		codesOf: (answer: Answer) => readonly string[],
	): Promise<Answer> {
		try {
			const answer = await ask;
			for (const code of codesOf(answer)) requests.inc({ provider, op, code });
			return answer;
		} catch (thrown) {
			requests.inc({ provider, op, code: asKeyturnError(thrown).code });
			throw thrown;
		}
	}

	return {
		registry,
		provider: (port) => ({
			...port,
			findZone: async (name, signal) =>
				counted(port.name, "find_zone", port.findZone(name, signal), ({ kind }) => [
					kind === "zone" ? "done" : kind,
				]),
			list: async (zone, name, signal) =>
				counted(port.name, "list", port.list(zone, name, signal), () => ["done"]),
			change: async (zone, changes, signal) =>
				counted(port.name, "change", port.change(zone, changes, signal), (results) => results.map(codeOf)),
		}),
		sink: (port) => ({
			...port,
			deliver: async (event, signal) => {
				try {
					const shortfall = await port.deliver(event, signal);
					alerts.inc({ hook: port.name, result: "delivered" });
					return shortfall;
				} catch (thrown) {
					alerts.inc({ hook: port.name, result: "failed" });
					throw thrown;
				}
			},
		}),
		propagation: (port) => ({
			...port,
			look: async (request, signal) => {
				const began = clock.uptimeMs();
				try {
					return await port.look(request, signal);
				} finally {
					looks.observe((clock.uptimeMs() - began) / 1000);
				}
			},
		}),
	};
}

function codeOf({ kind }: ChangeResult): string {
	return kind;
}
