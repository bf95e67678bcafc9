/** What keyturn takes of the machine when nothing happens, beside a bare node. */

import { setTimeout as sleep } from "node:timers/promises";
import { type AgentHost, upAgentHost } from "../e2e/host/agent-host.ts";
import { NODE } from "../e2e/host/mail-host.ts";
import { median } from "./figures.ts";

const SETTLED_MS = 30_000;
const TIMES = 15;

export async function measureMemory(): Promise<{ readonly keyturn: number; readonly node: number }> {
	return withDaemon(async (host) => {
		await host.must(["systemd-run", "--quiet", "--unit=idle", NODE, "-e", "setInterval(() => {}, 1e6)"]);
		await sleep(SETTLED_MS);
		return { keyturn: await rssKb(host, "keyturn"), node: await rssKb(host, "idle") };
	});
}

/** Each once beforehand, so that none pays for a cold disk. */
export async function measureCommands(): Promise<ReadonlyMap<string, number>> {
	return withDaemon(async (host) => {
		const times = new Map<string, number>();
		for (const command of ["node -e 0", "keyturn status", "keyturn verify"]) {
			const words = command.replace(/^node/, NODE);
			const loop = `for time in $(seq ${TIMES + 1}); do
				from=$(date +%s%N); ${words} >/dev/null; echo $(( ($(date +%s%N) - from) / 1000 )); done`;
			const lines = (await host.script(loop, { timeoutSeconds: 300 })).trim().split("\n");
			times.set(command, median(lines.slice(1).map(Number)) / 1000);
		}
		return times;
	});
}

async function withDaemon<Result>(measure: (host: AgentHost) => Promise<Result>): Promise<Result> {
	const host = await upAgentHost({ swap: "reload" });
	try {
		await host.script("systemctl start keyturn-apply.socket keyturn.service");
		await host.eventually("the first tick is done", async () =>
			(await host.keyturn("status")).stdout.includes("the daemon is running"),
		);
		return await measure(host);
	} finally {
		await host.down();
	}
}

async function rssKb(host: AgentHost, unit: string): Promise<number> {
	const script = `grep VmRSS /proc/$(systemctl show --value -p MainPID ${unit})/status`;
	return Number(/\d+/.exec(await host.script(script))?.[0] ?? Number.NaN);
}
