/** What the daemon shows of itself after every tick: the status page, and metrics in a file and for whoever asks. */

import { asKeyturnError } from "../errors.ts";
import type { LocalAnswer } from "../ports/local-server.ts";
import type { LookReport } from "../ports/propagation.ts";
import type { Settings } from "../settings/settings.ts";
import { recentEvents } from "./history.ts";
import { gather } from "./status.ts";
import type { Workbench } from "./workbench.ts";

export interface Outputs {
	/**
	 * Renews all that is configured; never fails: what cannot be written is logged, once for each reason. `hasWorked`:
	 * whether the tick before went through.
	 */
	show(settings: Settings, hasWorked: boolean): Promise<void>;
}

/** Ticks come every five minutes: after so long without one something is wrong. */
const HEALTHY_MS = 20 * 60_000;

export function createOutputs(bench: Workbench): Outputs {
	let tickedAt: Date | null = null;
	let metrics = "";
	const complaints = new Map<string, string>();
	const server = bench.serveLocally((path) => {
		if (path === "/metrics") return { status: 200, type: METRICS_TYPE, body: metrics };
		return path === "/healthz" ? healthOf(tickedAt, bench.clock.now()) : null;
	});

	async function attempt(what: string, act: () => Promise<void>): Promise<void> {
		try {
			await act();
			complaints.delete(what);
		} catch (thrown) {
			const error = asKeyturnError(thrown);
			if (complaints.get(what) === error.message) return;
			complaints.set(what, error.message);
			(await bench.log()).error(`${what} could not be renewed`, { error });
		}
	}

	async function render(settings: Settings): Promise<void> {
		const { pagePath, metrics: asked } = settings;
		const status = await gather({ ...bench, settings });
		const agent = await bench.agent();
		const lookAt = (domain: string, selector: string): LookReport | null => agent.lastLook(domain, selector);
		if (pagePath !== null)
			await attempt("the status page", async () => {
				const { renderPage } = await import("../report/page.ts");
				const events = await recentEvents(bench);
				await bench.replaceShared(
					pagePath,
					renderPage({ status, lookAt, events, timezone: settings.timezone }),
				);
			});
		if (asked.textfile === null && asked.listen === null) return;
		await attempt("the metrics", async () => {
			const { renderMetrics } = await import("../report/metrics.ts");
			const { registry: counted } = await bench.meters();
			metrics = await renderMetrics({ status, lookAt, tickedAt, versions: bench.versions, counted });
			if (asked.textfile !== null) await bench.replaceShared(asked.textfile, metrics);
		});
	}

	return {
		async show(settings, hasWorked) {
			if (hasWorked) tickedAt = bench.clock.now();
			const { pagePath, metrics: asked } = settings;
			await attempt("the metrics' address", async () => server.listen(asked.listen));
			if (pagePath === null && asked.textfile === null && asked.listen === null) return;
			await attempt("what is shown of the domains", async () => render(settings));
		},
	};
}

/** https://prometheus.io/docs/instrumenting/exposition_formats/ */
const METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

function healthOf(tickedAt: Date | null, now: Date): LocalAnswer {
	const type = "text/plain; charset=utf-8";
	if (tickedAt === null) return { status: 503, type, body: "no tick has gone through yet\n" };
	const at = tickedAt.toISOString();
	return now.getTime() - tickedAt.getTime() <= HEALTHY_MS
		? { status: 200, type, body: `ok: all domains were looked after at ${at}\n` }
		: { status: 503, type, body: `no tick has gone through since ${at}\n` };
}
