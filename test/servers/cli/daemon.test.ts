import { describe, expect, test } from "vitest";
import { waitUntil } from "../program.ts";
import { FIRST_SELECTOR, mayRun, upCliHost, waitForWords } from "./cli-host.ts";

const DOMAIN = "example.test";

describe.skipIf(!mayRun)("keyturn run", () => {
	test("does what is wished, keeps the configuration that was good, and parks", async () => {
		const host = await upCliHost();
		const daemon = host.start(["run"]);
		await waitForWords(daemon, '"started"');
		await waitForWords(daemon, '"adopt"');

		expect(await host.keyturn(["run"])).toMatchObject({
			code: 75,
			stderr: "another keyturn daemon is running\n",
		});

		const turned = await host.keyturn(["rotate", "--now"]);
		expect(turned).toMatchObject({ code: 0, stderr: expect.stringContaining("the daemon has been asked") });
		expect(await host.selectorOf(DOMAIN)).not.toBe(FIRST_SELECTOR);
		expect((await host.keyturn(["status"])).stdout).toContain("the daemon is running");

		await host.configure((text) => text.replace("jitter", "jittre"));
		daemon.child.kill("SIGHUP");
		await waitForWords(daemon, "the old one stays");
		await host.configure();
		await waitUntil("the trouble to be told", async () =>
			(await host.keyturn(["status"])).stdout.includes("config_rejected"),
		);
		const status = await host.keyturn(["status"]);
		expect(status.stdout).toContain("jittre");
		daemon.child.kill("SIGHUP");
		await waitForWords(daemon, "configuration read again");
		await waitUntil("the trouble to end", async () => {
			const { stdout } = await host.keyturn(["status", "--json"]);
			return (JSON.parse(stdout) as { troubles: unknown[] }).troubles.length === 0;
		});

		const asked = performance.now();
		daemon.child.kill("SIGTERM");
		expect(await daemon.ended).toMatchObject({ code: 0, stderr: "" });
		expect(performance.now() - asked).toBeLessThan(10_000);
		const lines = daemon.stdout().trim().split("\n");
		for (const line of lines) expect(JSON.parse(line)).toMatchObject({ level: expect.any(String) });
	});

	test("parks within ten seconds while a server does not answer", async () => {
		const host = await upCliHost();
		await host.keyturn(["rotate"]);
		host.bind.freeze();
		const daemon = host.start(["run"]);
		await waitForWords(daemon, '"started"');
		const asked = performance.now();
		daemon.child.kill("SIGINT");
		expect((await daemon.ended).code).toBe(0);
		expect(performance.now() - asked).toBeLessThan(10_000);
		host.bind.thaw();
	});
});
