import { expect, test } from "vitest";
import { type SigningTransport, valuesFor, whyUnreadable } from "../../../src/signers/exim/ask.ts";

const transport: SigningTransport = {
	name: "remote_smtp",
	domain: "$sender_address_domain",
	selector: "${extract{selector}{${lookup{$dkim_domain}lsearch{/etc/exim4/dkim.table}}}}",
	key: "/keys/$dkim_selector",
};

/** An Exim that prints this for whatever it is to expand. */
function eximThatSays(stdout: string, status = 0) {
	return {
		programs: {
			run: async () => Promise.resolve({ status, signal: null, stdout, stderr: "no room on the device\n" }),
		},
		settings: {
			program: "/usr/sbin/exim4",
			config: null,
			table: "/etc/exim4/dkim.table",
			user: "exim",
			keys: "/keys",
		},
		owner: { uid: 101, gid: 101, user: "exim" },
	};
}

test("what Exim expands to nothing is not signed with", async () => {
	expect(await valuesFor(eximThatSays("\n"), transport, "example.com")).toEqual({ selector: "", path: "" });
	expect(await whyUnreadable(eximThatSays("1704\n"), "/keys/202612")).toBeNull();
});

test("an Exim that did not run says nothing of what it would sign with", async () => {
	const failure = { code: "signer.probe", message: expect.stringContaining("no room on the device") };
	await expect(valuesFor(eximThatSays("", 1), transport, "example.com")).rejects.toMatchObject(failure);
	await expect(valuesFor(eximThatSays("2026", 137), transport, "example.com")).rejects.toMatchObject(failure);
	await expect(whyUnreadable(eximThatSays("", 1), "/keys/202612")).rejects.toMatchObject(failure);
});
