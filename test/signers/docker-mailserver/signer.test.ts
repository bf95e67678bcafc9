import { expect, test } from "vitest";
import { settingsSchema } from "../../../src/signers/docker-mailserver/settings.ts";
import { createDockerMailserverSigner } from "../../../src/signers/docker-mailserver/signer.ts";
import { SimDisk } from "../../fakes/sim-disk.ts";
import { createSimProcess } from "../../fakes/sim-process.ts";

const VOLUME = "/srv/dms/config";
const ACCEPTS = "Postfix lets mail out unsigned";

async function notesWith(postfixMain: string | null): Promise<string> {
	const sim = new SimDisk(() => new Date(0));
	sim.put(
		`${VOLUME}/opendkim/KeyTable`,
		"mail example.com:mail:/etc/opendkim/keys/example.com/mail.private\n",
	);
	sim.put(`${VOLUME}/opendkim/SigningTable`, "*@example.com mail\n");
	if (postfixMain !== null) sim.put(`${VOLUME}/postfix-main.cf`, postfixMain);
	const signer = createDockerMailserverSigner({
		name: "main",
		settings: settingsSchema.parse({ volume: VOLUME }),
		service: "mailserver",
		swap: "restart",
		disk: sim.open({ process: createSimProcess() }),
		outside: { run: async () => Promise.reject(new Error("nothing is run here")) },
		runProbe: async () => Promise.reject(new Error("nothing is probed here")),
	});
	return (await signer.read()).notes.join("\n");
}

test.each([
	["nothing", null],
	["something else", "maximal_queue_lifetime = 1d\n#milter_default_action = tempfail\n"],
	["what is overridden", "milter_default_action = tempfail\nmilter_default_action=accept\n"],
])(
	"notes that its Postfix lets mail out unsigned while it is stopped, where postfix-main.cf says %s",
	async (_, text) => {
		expect(await notesWith(text)).toContain(ACCEPTS);
	},
);

test.each(["milter_default_action = tempfail\n", "x = y\n milter_default_action=tempfail \n"])(
	"notes nothing of it where postfix-main.cf says %j",
	async (text) => {
		const notes = await notesWith(text);
		expect(notes).toContain("retire.grace");
		expect(notes).not.toContain(ACCEPTS);
	},
);
