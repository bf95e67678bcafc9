import { expect, test } from "vitest";
import { createDkimpySigner } from "../../../src/signers/dkimpy/signer.ts";
import type { ProbeRequest } from "../../../src/signers/probe-protocol.ts";
import { SimDisk } from "../../fakes/sim-disk.ts";
import { createSimProcess } from "../../fakes/sim-process.ts";

const CONFIG = "/etc/dkimpy-milter/dkimpy-milter.conf";

/** Signs for example.com and, by a line that catches no ordinary mail, for example.org. */
function dkimpyHost(isUp = true) {
	const sim = new SimDisk(() => new Date(0));
	sim.put("/etc/passwd", "root:x:0:0::/root:/bin/sh\ndkimpy-milter:x:107:113::/:/bin/false\n");
	sim.put("/etc/group", "root:x:0:\ndkimpy-milter:x:113:\n");
	sim.put(CONFIG, "KeyTable /t/keys\nSigningTable refile:/t/signing\nSocket inet:8893@localhost\n");
	sim.put("/t/keys", "com example.com:s:/k/com\norg example.org:s:/k/org\nidle example.net:s:/k/net\n");
	sim.put("/t/signing", "*@example.com com\nnews@example.org org\n");
	const asked: ProbeRequest[] = [];
	const signer = createDkimpySigner({
		name: "main",
		settings: { config: CONFIG, keys: "/keys" },
		service: "dkimpy-milter",
		swap: "restart",
		disk: sim.open({ process: createSimProcess() }),
		runProbe: async (request) => {
			asked.push(request);
			return Promise.resolve({ isUp, reason: isUp ? null : "refused", verdicts: [] });
		},
	});
	return { signer, asked };
}

const key = (domain: string, record: string | null = "v=DKIM1;p=x") => ({ domain, selector: "s", record });

test("of a key whose mail its tables catch no signature is a failure, and nothing is proven by one elsewhere", async () => {
	const { signer, asked } = dkimpyHost();
	await signer.probe([key("example.com"), key("example.org"), key("example.com", null)], await signer.read());
	const [request] = asked;
	expect(request).toMatchObject({ kind: "milter", socket: { kind: "inet", port: 8893 } });
	expect(request?.kind === "milter" ? request.expectations.map(({ unsigned }) => unsigned) : null).toEqual([
		{ means: "failed" },
		{ means: "unproven", why: "no line of its SigningTable catches postmaster@example.org" },
		{ means: "unsigned" },
	]);
});

test("that takes no connections is not up, and proves nothing", async () => {
	const { signer } = dkimpyHost(false);
	const reading = await signer.read();
	await expect(signer.ready(1_000, reading)).rejects.toMatchObject({ code: "signer.probe" });
	await expect(signer.probe([key("example.com")], reading)).rejects.toThrow("does not answer: refused");
});

test("reads which lines sign, and is held by a change of its own configuration", async () => {
	const reading = await dkimpyHost().signer.read();
	expect(reading.lines.map(({ domain, signs }) => [domain, signs])).toEqual([
		["example.com", true],
		["example.org", true],
		["example.net", false],
	]);
	expect(reading.configuration).toEqual([CONFIG]);
});
