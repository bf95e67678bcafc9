/** Whose mail a real rspamd signs: the probe is such a sender, whatever its configuration says of loopback and users. */

import { describe, expect, test } from "vitest";
import { makeKey } from "../opendkim/opendkim-host.ts";
import { type HostOptions, mayRun, prepareHost } from "./rspamd-host.ts";

const key = makeKey();

async function probed(options: string, given: HostOptions = {}): Promise<string | undefined> {
	const host = await prepareHost(given);
	const path = await host.write("keys/mail.private", key.pem);
	const block = `domain { example.com { path = "${path}"; selector = "mail"; } }`;
	await host.write("dkim_signing.conf", `${options}\n${block}\n`);
	const running = await host.start();
	const reading = await host.signer.read();
	const expectation = { domain: "example.com", selector: "mail", record: key.record };
	const [verdict] = await host.signer.probe([expectation], reading);
	await running.kill();
	return verdict?.outcome;
}

describe.skipIf(!mayRun)("the probe of a running rspamd", () => {
	test.each([
		["sign_local = true;"],
		["sign_local = false;"],
		["sign_authenticated = false; sign_local = true;"],
		['use_domain = "auth";'],
		["use_milter_headers = true;"],
		['use_domain = "envelope"; allow_username_mismatch = true; use_esld = false;'],
	])("is signed with %s", async (options) => {
		expect(await probed(options)).toBe("signed");
	});

	test("is signed by a selector without quotes, with a path that has its variables in braces", async () => {
		const host = await prepareHost();
		await host.write("keys/example.com.2024b.private", key.pem);
		const path = `${host.directory}/keys/\${domain}.\${selector}.private`;
		const block = `example.com { path = "${path}"; selector = 2024b; }`;
		await host.write(
			"dkim_signing.conf",
			`domain {\n${block}\nExample.org { path = "${path}"; selector = x; }\n}\n`,
		);
		await host.start();
		const reading = await host.signer.read();
		expect(reading.lines).toMatchObject([
			{ problem: null },
			{ problem: expect.stringContaining("Example.org") as string },
		]);
		const verdicts = await host.signer.probe(
			[
				["example.com", "2024b"],
				["example.org", "x"],
			].map(([domain = "", selector = ""]) => ({ domain, selector, record: key.record })),
			reading,
		);
		expect(verdicts.map(({ outcome }) => outcome)).toEqual(["signed", "failed"]);
	});

	test("is signed by the controller, where no normal worker runs", async () => {
		expect(await probed("", { worker: "controller" })).toBe("signed");
	});

	test("proves nothing where neither loopback nor users are signed for", async () => {
		expect(await probed("sign_authenticated = false; sign_local = false;")).toBe("unproven");
	});
});
