import { expect, test } from "vitest";
import { createKeyStore } from "../../src/system/key-store.ts";
import { createKeyMaker } from "../../src/system/key-maker.ts";
import { SimDisk } from "../fakes/sim-disk.ts";
import { createSimProcess, runUntilDeath } from "../fakes/sim-process.ts";

const never = new AbortController().signal;
const makeKey = createKeyMaker();

function storeOn(disk: SimDisk, process = createSimProcess()) {
	return createKeyStore({ directory: "/state/keys", disk: disk.open({ process }), makeKey });
}

test("a key that was given out survives power loss, wherever an earlier run died while making it", async () => {
	let deaths = 0;
	for (let dieAt = 0; ; dieAt += 1) {
		const disk = new SimDisk(() => new Date(0));
		disk.putDirectory("/state", 0o700);
		const process = createSimProcess({ dieAt });
		const first = storeOn(disk, process).make("a.test", "s", { algorithm: "ed25519" }, never);
		const ended = await runUntilDeath(process, first);
		if (ended.kind === "ended") break;
		deaths += 1;
		const made = await storeOn(disk).make("a.test", "s", { algorithm: "ed25519" }, never);
		const after = disk.powerLoss(() => 0);
		expect(
			await storeOn(after).make("a.test", "s", { algorithm: "ed25519" }, never),
			`died at ${dieAt}`,
		).toEqual(made);
	}
	expect(deaths).toBeGreaterThan(5);
});
