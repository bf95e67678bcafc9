/** The status as metrics, in the text format of Prometheus: base units, no time stamps, no series of keys that are gone. */

import { Gauge, Registry } from "prom-client";
import { type LookReport, SAYING_NOTHING } from "../ports/propagation.ts";
import { KEY_STATES } from "../rotation/life.ts";
import type { DomainStatus, KeyShown, Status } from "./status.ts";

export interface MetricsGiven {
	readonly status: Status;
	readonly lookAt: (domain: string, selector: string) => LookReport | null;
	/** When a tick last went through; null until one has. */
	readonly tickedAt: Date | null;
	readonly versions: { readonly keyturn: string; readonly node: string };
	/** What this process has counted. */
	readonly counted: Registry;
}

/** Resolves to the whole text; the same for the same input. */
export async function renderMetrics(given: MetricsGiven): Promise<string> {
	const { status, tickedAt, versions } = given;
	const registry = new Registry();
	const gauge = (name: string, help: string, labelNames: readonly string[] = []) => {
		const made = new Gauge({ name: `keyturn_${name}`, help, labelNames, registers: [registry] });
		return (labels: Readonly<Record<string, string>>, value: number) => made.set(labels, value);
	};
	gauge("build_info", "The version of keyturn and of Node.js.", ["version", "node"])(
		{ version: versions.keyturn, node: versions.node },
		1,
	);
	gauge(
		"reconcile_timestamp_seconds",
		"When keyturn last looked after all domains; 0 where none of its ticks has gone through since it was started.",
	)({}, tickedAt === null ? 0 : seconds(tickedAt));
	gauge("alerts_undelivered", "Alerts that could not be delivered yet.")({}, status.undelivered);
	tellTroubles(status, gauge);
	tellDomains(status.domains, status, gauge);
	tellKeys(status.domains, given, gauge);
	return Registry.merge([registry, given.counted]).metrics();
}

type Tell = (labels: Readonly<Record<string, string>>, value: number) => void;
type MakeGauge = (name: string, help: string, labelNames?: readonly string[]) => Tell;

function tellTroubles({ troubles }: Status, gauge: MakeGauge): void {
	const counts = new Map<string, number>();
	const tell = gauge("troubles", "Troubles that last, by event and severity.", ["event", "severity"]);
	for (const { event, severity } of troubles) {
		const id = `${event} ${severity}`;
		counts.set(id, (counts.get(id) ?? 0) + 1);
		tell({ event, severity }, counts.get(id) ?? 0);
	}
}

function tellDomains(domains: readonly DomainStatus[], { troubles }: Status, gauge: MakeGauge): void {
	const next = gauge("next_rotation_timestamp_seconds", "When the next key is due to sign.", ["domain"]);
	const last = gauge("last_success_timestamp_seconds", "When the key in use began to sign.", ["domain"]);
	const failures = gauge("consecutive_failures", "Failures in a row of the step that the next key is at.", [
		"domain",
	]);
	const signed = gauge("domain_signed", "Whether a key is known to sign for the domain.", ["domain"]);
	const mismatch = gauge("signing_selector_mismatch", "Whether something else signs than keyturn knows of.", [
		"domain",
	]);
	const drifting = new Set(
		troubles.filter(({ event }) => event === "drift_detected").flatMap((trouble) => trouble.domains),
	);
	for (const { domain, nextDueAt, active, failures: count, leaving } of domains) {
		if (nextDueAt !== null) next({ domain }, seconds(new Date(nextDueAt)));
		if (active?.usedFrom != null) last({ domain }, seconds(new Date(active.usedFrom)));
		failures({ domain }, count);
		if (!leaving) signed({ domain }, active === null ? 0 : 1);
		mismatch({ domain }, drifting.has(domain) ? 1 : 0);
	}
}

function tellKeys(domains: readonly DomainStatus[], { lookAt }: MetricsGiven, gauge: MakeGauge): void {
	const key = ["domain", "selector"];
	const info = gauge(
		"key_info",
		"A key: its algorithm, bits, and whether it is in use, the next, or an old one.",
		[...key, "algorithm", "bits", "role"],
	);
	const states = gauge("key_state", "The state of a key: 1 for the one it is in.", [...key, "state"]);
	const activated = gauge("key_activated_timestamp_seconds", "When a key began to sign.", key);
	const removable = gauge("key_retire_after_timestamp_seconds", "When the record of an old key may go.", key);
	const match = gauge(
		"dns_match",
		"Whether a server served the record rightly when it was last asked; none where it did not answer.",
		[...key, "nameserver"],
	);
	for (const { domain, keys } of domains)
		for (const one of keys.filter(({ state }) => state !== "retired")) {
			const { selector, algorithm, bits, state, usedFrom, removableFrom } = one;
			info({ domain, selector, algorithm, bits: bits === null ? "" : String(bits), role: roleOf(one) }, 1);
			for (const each of KEY_STATES) states({ domain, selector, state: each }, each === state ? 1 : 0);
			if (usedFrom !== null) activated({ domain, selector }, seconds(new Date(usedFrom)));
			if (removableFrom !== null) removable({ domain, selector }, seconds(new Date(removableFrom)));
			for (const [nameserver, isRight] of servers(lookAt(domain, selector)))
				match({ domain, selector, nameserver }, isRight ? 1 : 0);
		}
}

function roleOf({ state }: KeyShown): "active" | "next" | "old" {
	if (state === "active") return "active";
	return state === "retiring" || state === "revoked" ? "old" : "next";
}

/**
 * By name: wrong if any of its addresses is. Whoever asks one that says nothing asks the next, so that it counts for nothing;
 * nothing is known of a name all of whose addresses are so.
 */
function servers(look: LookReport | null): ReadonlyMap<string, boolean> {
	const found = new Map<string, boolean>();
	for (const { server, outcome } of look?.servers ?? [])
		if (!SAYING_NOTHING.has(outcome)) found.set(server, (found.get(server) ?? true) && outcome === "right");
	return found;
}

function seconds(at: Date): number {
	return Math.floor(at.getTime() / 1000);
}
