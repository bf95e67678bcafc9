import { expect, test } from "vitest";
import { settingsSchema } from "../../../src/signers/dkimproxy/settings.ts";
import { createDkimproxySigner } from "../../../src/signers/dkimproxy/signer.ts";
import { SimDisk } from "../../fakes/sim-disk.ts";
import { createSimProcess } from "../../fakes/sim-process.ts";

const CONFIG = "/etc/dkimproxy/dkimproxy_out.conf";

function proxyWith(configuration: string) {
	const sim = new SimDisk(() => new Date(0));
	sim.put(CONFIG, `listen 127.0.0.1:10027\n${configuration}`);
	sim.put("/etc/dkimproxy/senders", "example.com dkim(s=mail,key=/k/mail)\n");
	return createDkimproxySigner({
		name: "main",
		service: "dkimproxy",
		swap: "restart",
		disk: sim.open({ process: createSimProcess() }),
		programs: { run: async () => Promise.reject(new Error("nothing is run here")) },
		runProbe: async () => Promise.reject(new Error("nothing is probed here")),
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
