import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { outsideTheUnit, type RunningCommand } from "../../src/joining/credentials.ts";
import { createMachine } from "../../src/joining/machine.ts";
import { createSecrets } from "../../src/system/secrets.ts";
import { AgentWorld } from "../fakes/agent-world.ts";
import { commandBench } from "../fakes/command-bench.ts";
import { temporaryDirectory } from "../system/temporary-directory.ts";

const SETTINGS = {
	...commandBench(new AgentWorld()).workbench.settings,
	providers: [{ name: "cf", type: "cloudflare", isProven: true, settings: { token: { credential: "cf" } } }],
};

/** On a host without systemd, where a command cannot be run again. */
async function outside(
	env: RunningCommand["env"],
	{ isDaemon = false, held = new Map<string, string>() } = {},
) {
	const machine = createMachine(() => false);
	const { disk } = machine;
	const stat: typeof disk.stat = async (path) =>
		path === "/run/systemd/system" ? Promise.resolve(null) : disk.stat(path);
	const never = (): never => {
		throw new Error("expected no end of the process");
	};
	const command: RunningCommand = {
		argv: ["/usr/bin/node", "/opt/keyturn/main.js", "status"],
		directory: "/",
		env,
		isDaemon,
		signal: new AbortController().signal,
		stoppedBy: () => null,
		flush: async () => Promise.resolve(),
		end: never,
	};
	return outsideTheUnit({ ...machine, disk: { ...disk, stat } }, SETTINGS, command, held);
}

test("the directory of another unit, as a console's login hands it on, is none that has the credentials", async () => {
	const ofGetty = await temporaryDirectory();
	for (const CREDENTIALS_DIRECTORY of [ofGetty, join(ofGetty, "gone")]) {
		const env = { CREDENTIALS_DIRECTORY };
		const why = await outside(env);
		expect(why).toMatchObject({ why: expect.stringMatching(/no systemd runs here|only root/) });
		const secrets = createSecrets({
			disk: createMachine(() => false).disk,
			env,
			held: new Map(),
			outside: why,
		});
		await expect(secrets.read({ credential: "cf" })).rejects.toMatchObject({
			message: expect.stringContaining("exists inside keyturn.service only"),
			hint: why?.hint,
		});
	}
});

test("a unit that has one of the credentials, a daemon and a command that was run again stay where they are", async () => {
	const CREDENTIALS_DIRECTORY = await temporaryDirectory();
	expect(await outside({ CREDENTIALS_DIRECTORY }, { isDaemon: true })).toBeNull();
	expect(await outside({ CREDENTIALS_DIRECTORY, KEYTURN_RUN_AGAIN: "1" })).toBeNull();
	expect(await outside({ CREDENTIALS_DIRECTORY }, { held: new Map([["cf", "hush"]]) })).toBeNull();
	await writeFile(join(CREDENTIALS_DIRECTORY, "cf"), "hush");
	expect(await outside({ CREDENTIALS_DIRECTORY })).toBeNull();
	expect(await outside({})).not.toBeNull();
});
