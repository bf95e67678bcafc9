/** Faults as a careless agent would have them, put between the shipped code and the world: each has to be caught. */

import type { Disk, DiskFile } from "../../src/ports/disk.ts";
import { KeyturnError } from "../../src/errors.ts";
import type { Answer, Resolver, ResourceRecord } from "../../src/ports/resolver.ts";
import { KEYS } from "./mail-host.ts";
import { blind, type PlantedFault, rewriting, withLuck } from "./planting.ts";
import { PLANTED_BESIDE } from "./planted-beside.ts";
import { PLANTED_TOGETHER } from "./planted-together.ts";
import { PLANTED_TWICE } from "./planted-twice.ts";
import { PLANTED_IN_WISHES } from "./planted-in-wishes.ts";
import { HONEST } from "./wrappers.ts";

export const PLANTED_FAULTS: readonly PlantedFault[] = [
	{
		name: "switch before verify",
		breaks: ["1 never unverifiable", "2 never switched on hope"],
		wrappers: {
			...HONEST,
			propagation: blind,
		},
		adjust: withLuck({ serverFaults: 4 }),
	},
	{
		name: "trust a success reply",
		from: 6,
		breaks: ["1 never unverifiable", "2 never switched on hope"],
		wrappers: {
			...HONEST,
			publishing: (bare) => ({
				...bare,
				change: async (zone, changes, signal) => {
					await bare.change(zone, changes, signal);
					return changes.map(() => ({ kind: "done" }) as const);
				},
			}),
			propagation: blind,
		},
		adjust: withLuck({ providerFaults: 24 }),
	},
	{
		name: "rename before fsync",
		breaks: ["1 never unverifiable", "5 all or nothing"],
		wrappers: { ...HONEST, disk: withoutSync },
		adjust: withLuck({ powerFails: 1 / 1500 }),
	},
	{
		name: "remove before grace",
		from: 3,
		breaks: ["1 never unverifiable", "3 never removed early"],
		wrappers: {
			...HONEST,
			policy: (honest) => ({ ...honest, retire: { ...honest.retire, graceMs: 0, adopted: true } }),
		},
		adjust: withLuck({}),
	},
	{
		name: "SERVFAIL taken for absent",
		breaks: ["2 never switched on hope"],
		wrappers: {
			...HONEST,
			resolver: (honest) => ({
				...honest,
				ask: async (server, question, signal) => {
					const answer = await honest.ask(server, question, signal);
					return answer.kind === "servfail" ? ABSENT : answer;
				},
			}),
		},
		adjust: (scenario) => ({
			...withLuck({ serverFaults: 12 })(scenario),
			policies: scenario.policies.map((policy) => ({ ...policy, publishAheadMs: 12 * 3_600_000 })),
		}),
	},
	{
		name: "overwrite a key path",
		breaks: ["1 never unverifiable", "4 never someone else's", "5 all or nothing"],
		wrappers: {
			...HONEST,
			signer: (honest) => ({ ...honest, keyPath: (domain) => `${KEYS}/${domain}/key.private` }),
			disk: overwriting,
		},
		adjust: withLuck({}),
	},
	{
		name: "no soak",
		from: 2,
		breaks: ["1 never unverifiable"],
		wrappers: {
			...HONEST,
			policy: (honest) => ({
				...honest,
				publishAheadMs: 0,
				verify: { ...honest.verify, soakMs: 0, resolvers: [] },
			}),
		},
		adjust: withLuck({ guesses: 200 }),
	},
	{
		name: "keys for everybody",
		breaks: ["6 never readable"],
		wrappers: {
			...HONEST,
			disk: (honest) => ({ ...honest, create: (path) => honest.create(path, 0o644) }),
		},
		adjust: withLuck({}),
	},
	{
		name: "a table written anew",
		breaks: ["4 never someone else's"],
		wrappers: {
			...HONEST,
			signer: (honest) => ({
				...honest,
				render: (reading, changes) =>
					honest.render(reading, changes).map((file) => ({
						...file,
						bytes: Buffer.from(
							Buffer.from(file.bytes)
								.toString("utf8")
								.replace(/^#.*\n/gm, ""),
						),
					})),
			}),
		},
		adjust: withLuck({}),
	},
	{
		name: "one account's refusal stops all",
		from: 6,
		breaks: ["7 one domain's trouble is its own"],
		wrappers: {
			...HONEST,
			publishing: (bare) => ({
				...bare,
				change: async () => {
					throw new KeyturnError("provider.unreachable", `${bare.name}: another account was refused`);
				},
			}),
		},
		adjust: (scenario) => ({
			...withLuck({})(scenario),
			broken: new Set([scenario.policies[0]?.domain ?? ""]),
		}),
	},
	{
		name: "nobody is told",
		from: 6,
		breaks: ["8 never silent"],
		wrappers: { ...HONEST, sink: (honest) => ({ ...honest, deliver: async () => {} }) },
		adjust: (scenario) => ({
			...withLuck({})(scenario),
			broken: new Set([scenario.policies[0]?.domain ?? ""]),
		}),
	},
	{
		name: "one right server is enough",
		breaks: ["1 never unverifiable", "2 never switched on hope"],
		wrappers: {
			...HONEST,
			policy: (honest) => ({ ...honest, verify: { ...honest.verify, quorum: 1 } }),
		},
		adjust: withLuck({ serverFaults: 12 }),
	},
	{
		name: "the zone's negative TTL ignored",
		from: 2,
		breaks: ["1 never unverifiable"],
		wrappers: {
			...HONEST,
			policy: (honest) => ({ ...honest, publishAheadMs: 0, verify: { ...honest.verify, resolvers: [] } }),
			resolver: withoutNegativeTtl,
		},
		adjust: (scenario) => ({
			...withLuck({ guesses: 200 })(scenario),
			zones: scenario.zones.map((zone) => ({ ...zone, minimumSeconds: 7200 })),
		}),
	},
	{
		name: "an adopted key's record removed without leave",
		from: 3,
		breaks: ["4 never someone else's"],
		wrappers: {
			...HONEST,
			policy: (honest) => ({ ...honest, retire: { ...honest.retire, adopted: true } }),
		},
		adjust: (scenario) => ({
			...withLuck({})(scenario),
			policies: scenario.policies.map((policy) => ({
				...policy,
				retire: { ...policy.retire, adopted: false },
			})),
		}),
	},
	{
		name: "a signer left stopped",
		breaks: ["1 never unverifiable", "5 all or nothing"],
		wrappers: {
			...HONEST,
			services: (honest) => ({
				...honest,
				start: async (service, units) => (service === "opendkim" ? undefined : honest.start(service, units)),
			}),
		},
		adjust: (scenario) => ({
			...withLuck({})(scenario),
			swap: "restart",
			policies: scenario.policies.map((policy) => ({ ...policy, swap: "restart" })),
		}),
	},
	{
		name: "the end of an alert lost",
		from: 6,
		breaks: ["8 never silent"],
		wrappers: {
			...HONEST,
			sink: (honest) => ({
				...honest,
				deliver: async (event, signal) => (event.phase === "end" ? undefined : honest.deliver(event, signal)),
			}),
		},
		adjust: withLuck({ serverFaults: 12, providerFaults: 6 }),
	},
	{
		name: "an old selector forgotten",
		from: 3,
		breaks: ["I6 no selector twice"],
		wrappers: {
			...HONEST,
			disk: rewriting(({ keys }) => keys.filter(({ state }) => state !== "retired"), "write"),
		},
		adjust: (scenario) => ({
			...withLuck({})(scenario),
			policies: scenario.policies.map((policy) => ({
				...policy,
				selector: { kind: "template", template: "{yyyy}{mm}" },
				retire: { ...policy.retire, adopted: true, graceMs: 0 },
			})),
		}),
	},
	{
		name: "a key in use taken over again and again",
		from: 2,
		breaks: ["I9 rest writes nothing"],
		wrappers: {
			...HONEST,
			disk: rewriting(
				({ keys }) => keys.map((key) => (key.state === "active" ? { ...key, state: "verified" } : key)),
				"read",
			),
		},
		adjust: (scenario) => ({ ...withLuck({})(scenario), days: 0.1, calmDays: 0.1, wishEveryMs: null }),
	},
	{
		name: "whatever is stopped is started",
		breaks: ["5 all or nothing"],
		wrappers: {
			...HONEST,
			services: (honest) => ({
				...honest,
				look: async (service) => {
					const seen = await honest.look(service);
					return {
						...seen,
						instances: seen.instances.map((one) => ({ ...one, state: "running" as const })),
					};
				},
			}),
		},
		adjust: withLuck({ stoppages: 12 }),
	},
	...PLANTED_IN_WISHES,
	...PLANTED_BESIDE,
	...PLANTED_TOGETHER,
	...PLANTED_TWICE,
];

const ABSENT: Answer = {
	kind: "message",
	rcode: "NXDOMAIN",
	authoritative: true,
	authenticated: false,
	answers: [],
	authority: [],
	additional: [],
	transport: "udp",
};

/** Zones that seem to let their absences expire at once. */
function withoutNegativeTtl(honest: Resolver): Resolver {
	const hasty = (record: ResourceRecord): ResourceRecord =>
		record.data.kind === "soa"
			? { ...record, ttlSeconds: 0, data: { ...record.data, minimumSeconds: 0 } }
			: record;
	return {
		...honest,
		ask: async (server, question, signal) => {
			const answer = await honest.ask(server, question, signal);
			return answer.kind === "message"
				? { ...answer, answers: answer.answers.map(hasty), authority: answer.authority.map(hasty) }
				: answer;
		},
	};
}

function withoutSync(honest: Disk): Disk {
	const careless = (file: DiskFile): DiskFile => ({ ...file, sync: async () => {} });
	return {
		...honest,
		syncDirectory: async () => {},
		create: async (path, mode) => {
			const file = await honest.create(path, mode);
			return file === "exists" ? file : careless(file);
		},
	};
}

/** Looks at nothing that may stand at a key's path, and writes over it. */
function overwriting(honest: Disk): Disk {
	return {
		...honest,
		lstat: async (path) => (path.endsWith(".private") ? null : honest.lstat(path)),
		create: async (path, mode) => {
			if (path.startsWith(KEYS)) await honest.unlink(path);
			return honest.create(path, mode);
		},
	};
}
