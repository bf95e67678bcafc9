import { spawnSync } from "node:child_process";
import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { mayRun, upCliHost, waitForWords } from "../cli/cli-host.ts";
import { freePort, makeDirectory, removeDirectory, waitUntil } from "../program.ts";

const CONFIG = join(import.meta.dirname, "../../../config");

describe.skipIf(!mayRun)("what the daemon shows", () => {
	test("is a page and metrics that promtool finds nothing wrong with, renewed as things change", async () => {
		const host = await upCliHost();
		const port = await freePort();
		const [page, textfile] = [join(host.state, "status.html"), join(host.state, "keyturn.prom")];
		await host.configure(
			(text) =>
				`${text}\nmetrics: { textfile: ${textfile}, listen: "127.0.0.1:${port}" }\nstatus: { html: ${page} }\n`,
		);
		const daemon = host.start(["run"]);
		await waitForWords(daemon, '"adopt"');
		const served = `http://127.0.0.1:${port}`;
		const metrics = async (): Promise<string> => (await fetch(`${served}/metrics`)).text();
		await waitUntil("a tick to be over", async () => {
			const answer = await fetch(`${served}/healthz`).catch(() => null);
			return answer?.status === 200;
		});
		expect((await host.keyturn(["rotate", "--now"])).code).toBe(0);
		let text = "";
		await waitUntil("the turn to be shown, and written", async () => {
			text = await readFile(textfile, "utf8");
			return [text, await metrics()].every((shown) => shown.includes('state="retiring"} 1'));
		});
		expect(promtool(["check", "metrics"], text)).toEqual({ status: 0, said: "" });
		expect(text).toContain('keyturn_provider_requests_total{provider="home",op="change",code="done"}');
		expect(text).toMatch(/keyturn_dns_match\{domain="example\.test",selector="\d{6}",nameserver="[^"]+"\} 1/);
		expect(await readFile(page, "utf8")).toContain("1 of 1 domain signing, no trouble");
		for (const path of [page, textfile]) expect((await stat(path)).mode & 0o777).toBe(0o644);

		daemon.child.kill("SIGTERM");
		expect((await daemon.ended).code).toBe(0);
	});
});

describe("config/prometheus-alerts.yml", () => {
	const rules = join(CONFIG, "prometheus-alerts.yml");

	test("is right, as promtool says", () => {
		expect(promtool(["check", "rules", rules])).toEqual({
			status: 0,
			said: expect.stringMatching(/SUCCESS: \d+ rules found/) as string,
		});
	});

	test("alerts of what it is for, and of nothing else", async () => {
		const directory = await makeDirectory("rules");
		try {
			const cases = await readFile(join(import.meta.dirname, "prometheus-alerts.test.yml"), "utf8");
			const path = join(directory, "cases.yml");
			await writeFile(path, cases.replace("[ALERTS]", JSON.stringify([rules])));
			expect(promtool(["test", "rules", path])).toEqual({
				status: 0,
				said: expect.stringContaining("SUCCESS") as string,
			});
		} finally {
			await removeDirectory(directory);
		}
	});

	test("and the dashboard ask for metrics that there are", async () => {
		const asked = new Set<string>();
		for (const name of ["prometheus-alerts.yml", "grafana-dashboard.json"])
			for (const [metric] of (await readFile(join(CONFIG, name), "utf8")).matchAll(/keyturn_[a-z_]+/g))
				asked.add(metric);
		const source = await Promise.all(
			["metrics.ts", "meters.ts"].map((name) => readFile(join(CONFIG, "../src/report", name), "utf8")),
		);
		const made = new Set(
			[...source.join("\n").matchAll(/(?:gauge\(\s*|name: )"(?:keyturn_)?([a-z_]+)"/g)].map(
				([, name]) => `keyturn_${name}`,
			),
		);
		expect(asked.size).toBeGreaterThan(8);
		expect([...asked].filter((name) => !made.has(name))).toEqual([]);
	});
});

function promtool(argv: readonly string[], input = "") {
	const { status, stdout, stderr } = spawnSync("promtool", argv, { input, encoding: "utf8" });
	return { status, said: `${stdout}${stderr}`.trim() };
}
