import { describe, expect, test } from "vitest";
import { FIRST_SELECTOR, mayRun, type Outcome, TSIG_KEY, upCliHost } from "./cli-host.ts";
import { treeOf } from "./surroundings.ts";

const DOMAIN = "example.test";
const WRONG_SECRET = "YW5vdGhlciBjYW5hcnkgdGhhdCBub2JvZHkgbWF5IHNlZSE=";

describe.skipIf(!mayRun)("what is said when something is wrong", () => {
	test("a credential that the server refuses", async () => {
		const host = await upCliHost();
		await host.write(
			"tsig.key",
			`key "${TSIG_KEY.name}" { algorithm ${TSIG_KEY.algorithm}; secret "${WRONG_SECRET}"; };\n`,
		);
		const outcomes = [await host.keyturn(["rotate", "--now", "--wait-max", "20s"])];
		expect(outcomes[0]).toMatchObject({ code: 1 });
		expect(outcomes[0]?.stdout).toMatch(/^example\.test: failed, 202001 still signs: .*BADSIG/);
		for (const command of ["status", "history", "verify"]) outcomes.push(await host.keyturn([command]));
		expect(outcomes[1]?.stdout).toContain("critical: provider_denied");
		expect(outcomes[1]?.stdout).toContain("what to do:");
		expect(outcomes[3]?.code).toBe(0);
		expect(await host.selectorOf(DOMAIN)).toBe(FIRST_SELECTOR);
		expect(await host.asked()).toEqual([]);
		const state = Object.entries(await treeOf(host)).filter(([name]) => name.includes("state"));
		expect(state.length).toBeGreaterThan(1);
		expect(JSON.stringify([outcomes, state])).not.toContain(WRONG_SECRET);
	});

	test("a DNS server that does not answer", { timeout: 180_000 }, async () => {
		const host = await upCliHost();
		await host.keyturn(["rotate"]);
		host.bind.freeze();
		const verified = await host.keyturn(["verify"]);
		expect(verified.code).toBe(4);
		expect(verified.stdout).toMatch(/^UNSURE 202001\._domainkey\.example\.test\n/);
		const turned = await host.keyturn(["rotate", "--now", "--wait-max", "1s"]);
		expect(turned.code).toBe(3);
		expect(turned.stdout).toContain(`${DOMAIN}: waiting`);
		host.bind.thaw();
		expect((await host.keyturn(["verify"])).code).toBe(0);
	});

	test("a record that holds another key, and escape sequences", async () => {
		const host = await upCliHost({
			record: () => `v=DKIM1; k=rsa; p=MIGf\u001b[2J\u001b]0;owned\u0007 \u202e\u009b1m${"A".repeat(300)}`,
		});
		const outcomes: Outcome[] = [];
		for (const args of [
			["rotate"],
			["verify"],
			["status"],
			["history"],
			["verify", "--json"],
			["status", "--json"],
		])
			outcomes.push(await host.keyturn(args));
		expect(outcomes[1]?.code).toBe(4);
		expect(outcomes[1]?.stdout).toMatch(/^FAIL {3}202001\._domainkey\.example\.test\n/);
		expect(outcomes[2]?.stdout).toContain("critical: verification_failed");
		// oxlint-disable-next-line no-control-regex -- that there are none is the point
		// oxlint-disable-next-line no-control-regex -- that there are none is the point
		const obeyed = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e]/;
		for (const { stdout, stderr } of outcomes) expect(stdout + stderr).not.toMatch(obeyed);
	});

	test("five mistakes in the configuration", async () => {
		const host = await upCliHost();
		await host.configure((text) =>
			text
				.replace("jitter: 0s", "jittre: 0s")
				.replace("soak: 0s", "soak: soon")
				.replace("swap: restart", "swap: restrat")
				.replace("provider: home }", "provider: hoem }")
				.replace("timezone: UTC", "timezone: Mars/Olympus"),
		);
		for (const command of ["rotate", "status", "verify", "run"]) {
			const { code, stdout, stderr } = await host.keyturn([command]);
			expect(code, command).toBe(2);
			expect(stdout).toBe("");
			const places = ["jittre", "verify.soak", "signer.swap", "domains[0].provider", "timezone"];
			for (const place of places) expect(stderr, command).toContain(place);
			expect(stderr).toContain("jitter");
			expect(stderr).toContain("keyturn.yaml:");
		}
	});

	test("a configuration that is not there, given relatively", async () => {
		const host = await upCliHost();
		const { code, stderr } = await host.keyturn(["--config", "nowhere.yaml", "status"]);
		expect(code).toBe(2);
		expect(stderr).toContain(`${process.cwd()}/nowhere.yaml: expected the configuration, found nothing`);
	});

	test.each([
		[["rotate", "other.test"], "other.test is not configured"],
		[["rotate", "--nwo"], "unknown option '--nwo'"],
		[["rotate", "--wait-max", "soon"], "expected a\nduration such as 90s"],
		[["turn"], "unknown command 'turn'"],
		[["record"], "expected a domain, or --removals"],
		[["status", "\u001b[31mred"], "too many arguments"],
		[[], "Usage: keyturn"],
	])("a command line that makes no sense: %j", async (args, words) => {
		const host = await upCliHost();
		const { code, stdout, stderr } = await host.keyturn(args);
		expect(code).toBe(2);
		expect(stdout).toBe("");
		expect(stderr).toContain(words);
		expect(stderr).not.toContain("\u001b");
	});

	test("no secret in anything that a whole turn says or keeps", async () => {
		const host = await upCliHost();
		const outcomes = [await host.keyturn(["rotate", "--now"])];
		for (const args of [
			["status"],
			["verify"],
			["history"],
			["record", DOMAIN],
			["rotate", "--dry-run", "--now"],
		])
			for (const form of [args, [...args, "--json"]]) outcomes.push(await host.keyturn(form));
		expect(outcomes.every((outcome) => outcome.code === 0)).toBe(true);
		const selector = await host.selectorOf(DOMAIN);
		const tree = await treeOf(host);
		const pem = Object.entries(tree).find(([name]) => name.endsWith(`${selector}.private`))?.[1] ?? "";
		expect(pem).toContain("PRIVATE KEY");
		const kept = Object.entries(tree).filter(
			([name]) => !name.endsWith(".private") && !name.endsWith("tsig.key"),
		);
		const said = JSON.stringify([outcomes, kept]);
		for (const secret of [TSIG_KEY.secret, pem.split("\n")[3] ?? ""]) {
			expect(secret.length).toBeGreaterThan(20);
			expect(said).not.toContain(secret);
		}
	});
});
