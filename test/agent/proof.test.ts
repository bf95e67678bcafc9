import { expect, test } from "vitest";
import type { Switching } from "../../src/agent/left-behind.ts";
import { proveOffline } from "../../src/agent/proof.ts";
import type { Run } from "../../src/agent/run.ts";
import type { MailVerifier } from "../../src/ports/mail-verifier.ts";

/** As mailauth does: the record's name is looked up in lower case, whatever the signature has. */
const verify: MailVerifier["verify"] = async (_, lookup) => {
	const values = await lookup("mail-a._domainkey.example.com");
	const outcome = values?.join() === "v=DKIM1;p=x" ? "pass" : "fail";
	return [{ domain: "example.com", selector: "Mail-A", outcome, reason: null }];
};

test("a staged key whose selector has capitals is proven", async () => {
	const record = { name: "Mail-A._domainkey.example.com", value: "v=DKIM1;p=x" };
	const one = {
		job: { doc: { policy: { domain: "example.com" } } },
		key: { selector: "Mail-A", record },
	} as unknown as Switching;
	const run = { ports: { verifier: { verify } } } as unknown as Run;
	const messages = [{ signer: "main", domain: "example.com", selector: "Mail-A", message: "signed" }];
	expect(
		await proveOffline(run, [one], { act: "stage", id: "1", messages, tableHashes: {} } as never),
	).toEqual([one]);
});
