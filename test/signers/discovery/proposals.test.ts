/** What `keyturn init` writes for each way in which a signer may be set up: keyturn reads it, and finds the very keys in it. */

import { describe, expect, test } from "vitest";
import { init } from "../../../src/cli/init.ts";
import { formatFaults } from "../../../src/settings/faults.ts";
import { parseDoorSettings } from "../../../src/settings/parse-door-settings.ts";
import { parseSettings } from "../../../src/settings/parse-settings.ts";
import type { SignerSettings } from "../../../src/settings/settings.ts";
import { readYaml } from "../../../src/settings/yaml-source.ts";
import { discoverSigners } from "../../../src/signers/discovery/discovery.ts";
import type { DiscoveryTools } from "../../../src/signers/discovery/proposal.ts";
import { SIGNER_TYPES, type SignerTools } from "../../../src/signers/registry.ts";
import { AgentWorld } from "../../fakes/agent-world.ts";
import { commandBench } from "../../fakes/command-bench.ts";
import { foundHost } from "../../fakes/found-host.ts";
import { initHost } from "../../fakes/init-host.ts";
import { schemas } from "../../settings/schemas.ts";
import { SET_UPS, type SetUp } from "./set-ups.ts";

const PATH = "/etc/keyturn/keyturn.yaml";

async function proposed(tools: DiscoveryTools, mail: string | null): Promise<string> {
	const host = initHost({
		signers: async () => discoverSigners(tools),
		mailServer: async () => Promise.resolve(mail),
	});
	const { context } = commandBench(new AgentWorld());
	const surroundings = async () => Promise.resolve({ host, path: PATH, prompt: null });
	expect(await init({ ...context, surroundings }, { yes: true })).toBe(0);
	return host.files.get(PATH) ?? "";
}

/** As agent and door read it. */
function read(text: string) {
	const given = { path: PATH, schemas, host: "mx1", timezone: "UTC" };
	const agent = parseSettings(readYaml(text, PATH), given);
	const door = parseDoorSettings(text, { path: PATH, signers: schemas.signers });
	if ("faults" in agent) throw new Error(formatFaults(agent.faults));
	if ("faults" in door) throw new Error(formatFaults(door.faults));
	return { settings: agent.settings, signers: door.settings.signers };
}

/** What the door would tell of the signer. */
async function inspected(tools: SignerTools, { name, type, swap, settings, services }: SignerSettings) {
	const known = await SIGNER_TYPES[type]?.();
	const service = services.stop.at(-1) ?? "";
	const signer = await known?.create({ ...tools, name, service, swap, settings });
	return signer?.read();
}

describe.each(Object.entries(SET_UPS))("%s", (_, setUp: SetUp) => {
	test("is proposed as it stands, and its keys are read with what is proposed", async () => {
		const tools = foundHost(setUp);
		const text = await proposed(tools, setUp.mail);
		for (const [domain, selector, path] of setUp.keys) {
			expect(text).toContain(`{ name: ${domain}, provider: home`);
			expect(text).toContain(`${selector} (${path})`);
		}
		for (const line of text.split("\n")) expect(line.length).toBeLessThan(131);

		const { settings, signers } = read(text);
		const { type, swap, settings: own, stop } = setUp.signer;
		expect(signers).toMatchObject([{ type, swap, settings: own, services: { stop } }]);
		expect(new Set(settings.policies.map(({ domain }) => domain))).toEqual(
			new Set(setUp.keys.map(([domain]) => domain)),
		);
		for (const policy of settings.policies)
			expect(policy.keys?.map(({ algorithm }) => algorithm)).toEqual(setUp.algorithms);

		const [signer] = signers;
		const reading = signer === undefined ? undefined : await inspected(tools, signer);
		const filter = reading?.filter;
		expect(filter && [filter.listen.port, filter.relay?.port]).toEqual(setUp.filter);
		expect(reading?.lines).toMatchObject(
			setUp.keys.map(([domain, selector, keyPath]) => ({
				domain,
				selector,
				keyPath,
				problem: null,
				signs: true,
				publicKey: expect.any(String),
			})),
		);
	});
});
