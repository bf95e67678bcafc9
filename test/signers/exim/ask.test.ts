import { expect, test } from "vitest";
import type { ProgramRequest } from "../../../src/ports/programs.ts";
import {
	type SigningTransport,
	signingTransports,
	unsigningTransports,
	valuesFor,
	whyNotRead,
	whyUnreadable,
} from "../../../src/signers/exim/ask.ts";

const transport: SigningTransport = {
	name: "remote_smtp",
	domain: "$sender_address_domain",
	selector: "${extract{selector}{${lookup{$dkim_domain}lsearch{/etc/exim4/dkim.table}}}}",
	key: "/keys/$dkim_selector",
};

/** An Exim that prints this for whatever it is to expand. */
function eximThatSays(stdout: string, status = 0, stderr = "no room on the device\n") {
	return {
		programs: {
			run: async () => Promise.resolve({ status, signal: null, stdout, stderr }),
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
	expect(await valuesFor(eximThatSays("\n"), transport, "example.com")).toEqual({
		domains: [],
		selector: "",
		path: "",
	});
	expect(await whyUnreadable(eximThatSays("1704\n"), "/keys/202612")).toBeNull();
});

test("the table that is looked in for the domain is the staged one, and the From field that of the domain", async () => {
	const asked: string[] = [];
	const exim = eximThatSays("x\n");
	const programs = {
		run: async ({ argv }: ProgramRequest) => {
			asked.push(argv.at(-1) ?? "");
			return exim.programs.run();
		},
	};
	const domain = "${lookup{${domain:$h_From:}}lsearch{/etc/exim4/dkim.table}{$dkim_domain$rheader_from:}}";
	const staged = new Map([["/etc/exim4/dkim.table", "/run/staged"]]);
	await valuesFor({ ...exim, programs }, { ...transport, domain }, "example.com", staged);
	expect(asked[0]).toBe(
		"${lookup{${domain:postmaster@example.com}}lsearch{/run/staged}{$dkim_domainpostmaster@example.com}}",
	);
});

test("an Exim that did not run says nothing of what it would sign with", async () => {
	const failure = { code: "signer.probe", message: expect.stringContaining("no room on the device") };
	await expect(valuesFor(eximThatSays("", 1), transport, "example.com")).rejects.toMatchObject(failure);
	await expect(valuesFor(eximThatSays("2026", 137), transport, "example.com")).rejects.toMatchObject(failure);
	await expect(whyUnreadable(eximThatSays("", 1), "/keys/202612")).rejects.toMatchObject(failure);
	const listed = "remote_smtp transport:\ndriver = smtp\ndkim_private_key = /key\n";
	for (const partly of ["", listed]) {
		await expect(signingTransports(eximThatSays(partly, 1))).rejects.toMatchObject(failure);
		await expect(unsigningTransports(eximThatSays(partly, 1))).rejects.toMatchObject(failure);
	}
});

test("an Exim that fails is quoted, whichever of its outputs it speaks on", async () => {
	const failing = eximThatSays("permission denied\n", 1, "");
	const said = "permission denied (exit status 1)";
	expect(await whyNotRead(failing)).toBe(`exim -bV: ${said}`);
	await expect(signingTransports(failing)).rejects.toMatchObject({
		message: `exim -bP transports: ${said}`,
	});
	expect(await whyNotRead(eximThatSays("", 137, ""))).toBe("exim -bV: it said nothing (exit status 137)");
	const cutOff = eximThatSays("remote_smtp transport:\ndkim_private_key = -----BEGIN", 137, "");
	await expect(signingTransports(cutOff)).rejects.toMatchObject({
		message: "exim -bP transports: it said nothing (exit status 137)",
	});
});

test("an Exim none of whose transports signs is one whose configuration has to be changed", async () => {
	const transports = "remote_smtp transport:\ndriver = smtp\n";
	await expect(signingTransports(eximThatSays(transports))).rejects.toMatchObject({
		code: "signer.config",
		message: "no transport of Exim's has a dkim_private_key",
	});
});
