import { expect, test } from "vitest";
import { createAuthorities } from "../../src/dns/authorities.ts";
import type { Served } from "../../src/ports/authorities.ts";
import type { Resolver } from "../../src/ports/resolver.ts";
import { createHookProvider, type HookCall } from "../../src/publishing/hook/hook-provider.ts";
import { createDnsWorld } from "../fakes/dns-world.ts";
import { policyOf } from "../fakes/policies.ts";
import { createSleepingClock } from "../fakes/sleeping-clock.ts";

const ZONE = "example.test";
const NAME = `202611._domainkey.${ZONE}`;
const OURS = "v=DKIM1;k=rsa;p=OURS";
const signal = new AbortController().signal;

interface SceneOptions {
	readonly quorum?: number | "all";
	/** Ends what is asked; never if left out. */
	readonly deadline?: AbortSignal;
	/** While a server is asked for the name itself. */
	readonly whileAsked?: () => void;
}

function createScene({ quorum = "all", deadline, whileAsked = () => {} }: SceneOptions = {}) {
	const sleeping = createSleepingClock();
	const clock = {
		...sleeping,
		deadline: (ms: number, ended: AbortSignal) => deadline ?? sleeping.deadline(ms, ended),
	};
	const world = createDnsWorld({ clock });
	world.addServer("ns1.host.test", ["192.0.2.1"]);
	world.addServer("ns2.host.test", ["192.0.2.2"]);
	world.addZone({ name: ZONE, servers: ["ns1.host.test", "ns2.host.test"] });
	world.addResolver("127.0.0.53", { system: true });
	const resolver: Resolver = {
		...world.resolver,
		ask: async (server, question, ended) => {
			const answer = await world.resolver.ask(server, question, ended);
			if (question.type === "TXT") whileAsked();
			return answer;
		},
	};
	const verify = { ...policyOf().verify, resolvers: ["system" as const], quorum };
	const authorities = createAuthorities({ resolver, clock, verifyFor: () => verify });
	const served = async (name = NAME): Promise<Served> => authorities.served(name, signal);
	const told: HookCall[] = [];
	const hook = createHookProvider({
		name: "hook",
		account: "hook",
		authorities,
		clock,
		tell: async (call) => void told.push(call),
	});
	return { world, served, told, hook };
}

test("what stands at a name is told, of all servers together", async () => {
	const { world, served } = createScene();
	world.lag("ns2.host.test", "frozen");
	world.set(NAME, "TXT", [OURS]);
	expect(await served()).toEqual({ kind: "served", zone: ZONE, values: [OURS], isAlias: false });
});

test("as many servers have to answer as the quorum asks for", async () => {
	for (const quorum of ["all", 2, 1, 9] as const) {
		const { world, served } = createScene({ quorum });
		world.set(NAME, "TXT", [OURS]);
		world.fault("ns2.host.test", "timeout");
		expect(await served()).toEqual(
			quorum === 1
				? { kind: "served", zone: ZONE, values: [OURS], isAlias: false }
				: { kind: "unknown", zone: ZONE, why: "ns2.host.test (192.0.2.2): no answer in time" },
		);
		world.fault("ns1.host.test", "refused");
		expect(await served()).toMatchObject({ kind: "unknown", why: expect.stringContaining("REFUSED") });
	}
});

test("what was told until the time was over is not all that stands there", async () => {
	const over = new AbortController();
	const { served } = createScene({ quorum: 1, whileAsked: () => over.abort(), deadline: over.signal });
	expect(await served()).toEqual({
		kind: "unknown",
		zone: ZONE,
		why: "not every one could be asked in time",
	});
});

test("a wildcard's record stands at no name of its own; what stands there beside it does", async () => {
	const { world, served } = createScene();
	world.set(`*._domainkey.${ZONE}`, "TXT", ["v=DKIM1; p="]);
	expect(await served()).toEqual({ kind: "served", zone: ZONE, values: [], isAlias: false });
	world.set(NAME, "TXT", [OURS]);
	expect(await served()).toEqual({ kind: "served", zone: ZONE, values: [OURS], isAlias: false });
});

test.each([`*.${ZONE}`, `*._domainkey.${ZONE}`])(
	"the alias of %s stands at no name of its own",
	async (owner) => {
		const { world, served } = createScene();
		world.set(owner, "CNAME", ["www.elsewhere.test"]);
		expect(await served()).toEqual({ kind: "served", zone: ZONE, values: [], isAlias: false });
		world.set(NAME, "CNAME", ["keys.elsewhere.test"]);
		expect(await served()).toEqual({ kind: "served", zone: ZONE, values: [], isAlias: true });
	},
);

test.each([
	["TXT", "v=DKIM1; p="],
	["CNAME", "www.elsewhere.test"],
] as const)("a hook is told to make a record where only a wildcard's %s was", async (type, value) => {
	const { world, told, hook } = createScene();
	world.set(`*._domainkey.${ZONE}`, type, [value]);
	const change = { kind: "add", name: NAME, value: OURS, ttlSeconds: 60 } as const;
	expect(await hook.change(ZONE, [change], signal)).toEqual([{ kind: "done" }]);
	expect(told).toEqual([{ act: "present", zone: ZONE, name: NAME, value: OURS, ttlSeconds: 60 }]);
	expect(await hook.list(ZONE, NAME, signal)).toEqual([]);
});

test("a server that is silent is told as that, and not as a zone that is missing", async () => {
	const { world, hook } = createScene();
	world.fault("ns2.host.test", "timeout");
	expect(await hook.findZone(NAME, signal)).toEqual({ kind: "zone", zone: ZONE });
	await expect(hook.list(ZONE, NAME, signal)).rejects.toMatchObject({
		code: "provider.unreachable",
		message: expect.stringContaining("ns2.host.test (192.0.2.2): no answer in time"),
	});
});
