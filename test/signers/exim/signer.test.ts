import { expect, test } from "vitest";
import type { ProgramRequest } from "../../../src/ports/programs.ts";
import { settingsSchema } from "../../../src/signers/exim/settings.ts";
import { createEximSigner } from "../../../src/signers/exim/signer.ts";
import { SimDisk } from "../../fakes/sim-disk.ts";
import { createSimProcess } from "../../fakes/sim-process.ts";
import { simKey } from "../../fakes/sim-signer.ts";

const TABLE = "/etc/exim4/dkim.table";
const KEY = "/etc/exim4/dkim/key";
const record = simKey("example.com s").record;

interface Exim {
	readonly selector?: string;
	/** What it says of the length of the key. */
	readonly length?: string;
	/** What it ends with when it is asked for its version. */
	readonly status?: number;
	/** What becomes of each message; null: there is no verdict. */
	readonly outcome?: "signed" | "failed" | null;
}

/** Its one transport has these for `dkim_domain`, and signs with `s` whoever sends; it can read the key. */
function eximWith(
	domains: string,
	{ selector: signsWith = "s", length = "1704", status = 0, outcome = "signed" }: Exim = {},
) {
	const sim = new SimDisk(() => new Date(0));
	sim.put("/etc/passwd", "root:x:0:0::/root:/bin/sh\nDebian-exim:x:107:113::/:/bin/false\n");
	sim.put("/etc/group", "root:x:0:\nDebian-exim:x:113:\n");
	sim.put(TABLE, `example.com: selector=s key=${KEY}\n`);
	sim.put(KEY, simKey("example.com s").key);
	const transport = `remote_smtp transport:\ndriver = smtp\ndkim_domain = ${domains}\ndkim_private_key = ${KEY}\ndkim_selector = ${signsWith}\n`;
	const run = async ({ argv }: ProgramRequest) => {
		const text = argv.at(-1) ?? "";
		const from = /@(.*)/.exec(argv[argv.indexOf("-f") + 1] ?? "")?.[1] ?? "";
		const value = text.startsWith("${strlen:")
			? length
			: text.replaceAll("$sender_address_domain", from).replaceAll("\\n", "\n");
		if (argv.includes("-bV"))
			return Promise.resolve({ status, signal: null, stdout: "", stderr: "line 7: no such option" });
		const stdout = argv.includes("-bP") ? transport : `${value}\n`;
		return Promise.resolve({ status: 0, signal: null, stdout, stderr: "" });
	};
	return createEximSigner({
		name: "main",
		service: "exim4",
		swap: "reload",
		disk: sim.open({ process: createSimProcess() }),
		programs: { run },
		runProbe: async (request) => {
			const expectations = "expectations" in request ? request.expectations : [];
			const verdicts = expectations.flatMap(({ domain, selector }) =>
				outcome === null ? [] : [{ domain, selector, outcome, reason: outcome === "signed" ? null : "bad" }],
			);
			return Promise.resolve({ isUp: true, reason: null, verdicts });
		},
		settings: settingsSchema.parse({ table: TABLE, keys: "/etc/exim4/dkim" }),
	});
}

test.each([
	["example.net", "signs for example.net, not for example.com"],
	["example.net : www.example.com", "signs for example.net, www.example.com, not for example.com"],
	["<; example.net ; a:example.com", "signs for example.net, a:example.com, not for example.com"],
	["", "signs for no domain, not for example.com"],
	['Failed: "example.com" : example.com', "signs for no domain, not for example.com"],
])(
	"a key is not proven where dkim_domain says that no mail of its domain is signed: %s",
	async (option, why) => {
		const signer = eximWith(option);
		const reading = await signer.read();
		const key = { domain: "example.com", selector: "s", record };
		await expect(signer.signOffline(new Map(), [key], reading)).rejects.toMatchObject({
			code: "signer.config",
			message: `example.com: transport remote_smtp ${why}`,
		});
		expect(await signer.probe([key, { ...key, record: null }], reading)).toEqual([
			{ domain: "example.com", selector: "s", outcome: "failed", reason: `transport remote_smtp ${why}` },
			{ domain: "example.com", selector: "s", outcome: "unsigned", reason: null },
		]);
	},
);

test.each([
	"$sender_address_domain",
	"example.net : Example.com",
	"<; example.net ; example.com",
	"<\\n example.net\\n example.com",
])("a key is proven where its domain is one of dkim_domain: %s", async (option) => {
	const signer = eximWith(option);
	const reading = await signer.read();
	const key = { domain: "example.com", selector: "s", record };
	expect(await signer.signOffline(new Map(), [key], reading)).toHaveLength(1);
	expect(await signer.probe([key, { ...key, record: null }], reading)).toMatchObject([
		{ outcome: "signed" },
		{ outcome: "failed", reason: "transport remote_smtp still signs with it" },
	]);
});

const KEY_IN_USE = { domain: "example.com", selector: "s", record };

test.each<readonly [string, Exim, string]>([
	["would sign with another selector", { selector: "t" }, 'would sign with "t", expected s'],
	[
		"cannot read its key",
		{ length: 'Failed: failed to open "/k"' },
		'cannot read its key, and mail would leave unsigned: Failed: failed to open "/k"',
	],
	["would sign with an empty key", { length: "0" }, "cannot read its key, and mail would leave unsigned: 0"],
])("a key is not proven where the transport %s", async (_, exim, why) => {
	const signer = eximWith("$sender_address_domain", exim);
	const reading = await signer.read();
	await expect(signer.signOffline(new Map(), [KEY_IN_USE], reading)).rejects.toMatchObject({
		code: "signer.config",
		message: `example.com: transport remote_smtp ${why}`,
	});
	expect(await signer.probe([KEY_IN_USE], reading)).toEqual([
		{ domain: "example.com", selector: "s", outcome: "failed", reason: `transport remote_smtp ${why}` },
	]);
});

test.each<readonly ["failed" | null, string, string]>([
	["failed", "failed", "bad"],
	[null, "unproven", "the probe gave no verdict"],
])("what the probe says of its message (%s) counts", async (said, outcome, reason) => {
	const signer = eximWith("$sender_address_domain", { outcome: said });
	expect(await signer.probe([KEY_IN_USE], await signer.read())).toMatchObject([{ outcome, reason }]);
});

test("is up where it can read its configuration", async () => {
	const well = eximWith("");
	await well.ready(1000, await well.read());
	const broken = eximWith("", { status: 1 });
	await expect(broken.ready(1000, await broken.read())).rejects.toMatchObject({
		code: "signer.probe",
		message: "exim -bV: line 7: no such option (exit status 1)",
	});
});

test("a line has one key: a domain that is to get one of each algorithm has no place for them", async () => {
	const faults = await eximWith("").firstKeyFaults(["example.net", "example.org"], new Set(["example.org"]));
	expect([...faults]).toEqual([["example.org", expect.stringContaining("has one key for a domain")]]);
});
