/** Whose mail a real rspamd signs: the probe is such a sender, whatever its configuration says of loopback and users. */

import { describe, expect, test } from "vitest";
import { makeKey } from "../opendkim/opendkim-host.ts";
import { mayRun, prepareHost } from "./rspamd-host.ts";

const key = makeKey();

async function probed(options: string): Promise<string | undefined> {
	const host = await prepareHost();
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
		['use_domain = "envelope"; allow_username_mismatch = true; use_esld = false;'],
	])("is signed with %s", async (options) => {
		expect(await probed(options)).toBe("signed");
	});

	test("proves nothing where neither loopback nor users are signed for", async () => {
		expect(await probed("sign_authenticated = false; sign_local = false;")).toBe("unproven");
	});
});
