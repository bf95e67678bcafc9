import { expect, test } from "vitest";
import type { RunProbe } from "../../../src/signers/probe-protocol.ts";
import { settingsSchema } from "../../../src/signers/dkimproxy/settings.ts";
import { createDkimproxySigner } from "../../../src/signers/dkimproxy/signer.ts";
import { SimDisk } from "../../fakes/sim-disk.ts";
import { createSimProcess } from "../../fakes/sim-process.ts";

const CONFIG = "/etc/dkimproxy/dkimproxy_out.conf";

function proxyWith(
	configuration: string,
	runProbe: RunProbe = async () => Promise.reject(new Error("nothing is probed here")),
) {
	const sim = new SimDisk(() => new Date(0));
	sim.put(CONFIG, `listen 127.0.0.1:10027\n${configuration}`);
	sim.put("/etc/passwd", "root:x:0:0::/root:/bin/sh\ndkimproxy:x:107:113::/:/bin/false\n");
	sim.put("/etc/group", "root:x:0:\ndkimproxy:x:113:\n");
	sim.put("/etc/dkimproxy/senders", "example.com dkim(s=mail,key=/k/mail)\n");
	return createDkimproxySigner({
		name: "main",
		service: "dkimproxy",
		swap: "restart",
		disk: sim.open({ process: createSimProcess() }),
		programs: { run: async () => Promise.reject(new Error("nothing is run here")) },
		runProbe,
		settings: settingsSchema.parse({ config: CONFIG, keys: "/etc/dkimproxy/keys" }),
	});
}

test("a first key has its place in the sender_map, but not one of each algorithm at once", async () => {
	const signer = proxyWith("sender_map /etc/dkimproxy/senders\n");
	const domains = ["example.com", "example.net", "example.org"];
	expect([...(await signer.firstKeyFaults(domains, new Set(["example.org"])))]).toEqual([
		["example.org", expect.stringContaining("has one key for a domain")],
		["example.com", "it has a line already: mail"],
	]);
});

test("is up once it greets, by 421 too: the mail server behind it may be stopped", async () => {
	const asked: unknown[] = [];
	const proxy = (isUp: boolean) =>
		proxyWith("sender_map /etc/dkimproxy/senders\n", async (request) => {
			asked.push(request);
			return Promise.resolve({ isUp, reason: isUp ? null : "refused", verdicts: [] });
		});
	const reading = await proxy(true).read();
	await proxy(true).ready(1000, reading);
	const socket = { kind: "inet", host: "127.0.0.1", port: 10_027 };
	expect(asked).toEqual([{ kind: "smtp", socket, timeoutMs: 1000, greetings: ["220", "421"] }]);
	await expect(proxy(false).ready(1000, reading)).rejects.toMatchObject({
		code: "signer.probe",
		message: "dkimproxy does not answer: refused",
	});
});
