/** Faults in what operators ask for, as a careless agent would have them: each has to be caught. */

import type { Door, StageChange, SwitchResult } from "../../src/ports/door.ts";
import { blind, type PlantedFault, rewriting, withLuck } from "./planting.ts";
import { HONEST } from "./wrappers.ts";

const HOUR_MS = 3_600_000;

export const PLANTED_IN_WISHES: readonly PlantedFault[] = [
	{
		name: "a record emptied before the turn",
		breaks: ["1 never unverifiable", "3 never removed early"],
		wrappers: emptiedTooEarly(),
		adjust: withLuck({ wishes: 16 }),
	},
	{
		name: "a record removed before the signing line",
		breaks: ["1 never unverifiable", "3 never removed early"],
		wrappers: takenOutOnHope(),
		adjust: withLuck({ wishes: 16 }),
	},
	{
		name: "a rollback that asks no server again",
		breaks: ["1 never unverifiable", "2 never switched on hope"],
		wrappers: backBlindly(false),
		adjust: withLuck({ wishes: 24, serverFaults: 24 }),
	},
	{
		name: "a rollback to a revoked key",
		from: 3,
		breaks: ["revoked for good"],
		wrappers: backBlindly(true),
		adjust: withLuck({ wishes: 24 }),
	},
	{
		name: "a name of a ring used again too soon",
		breaks: ["I6 no selector twice"],
		wrappers: {
			...HONEST,
			disk: rewriting(({ keys }) => keys.filter(({ state }) => state !== "retired"), "write"),
		},
		adjust: (scenario) => ({
			...withLuck({})(scenario),
			queueLifetimeMs: HOUR_MS,
			// By wishes every hour or two: a name would be free again a little later than it is wanted.
			swap: "restart",
			policies: scenario.policies.map((policy) => ({
				...policy,
				swap: "restart",
				selector: { kind: "ring", names: ["kt1", "kt2", "kt3"] },
				record: { ttlSeconds: 3600 },
				retire: { ...policy.retire, adopted: true, graceMs: 2.2 * HOUR_MS },
			})),
		}),
	},
];

/** The agent takes a key that is compromised for one that signs no more, and does not see the lines that name it. */
function emptiedTooEarly(): PlantedFault["wrappers"] {
	const hidden = new Set<string>();
	const disk = rewriting(
		({ domain, wants, keys }) =>
			keys.map((key) => {
				const isCompromised = wants.revoke.some((wish) => wish.selector === key.selector);
				if (key.state !== "active" || !isCompromised) return key;
				hidden.add(`${domain} ${key.selector}`);
				return { ...key, state: "retiring", uses: [] };
			}),
		"read",
	);
	return { ...HONEST, disk, door: (honest) => hiding(honest, hidden) };
}

/** The agent believes that lines are taken out as soon as it has asked for it. */
function takenOutOnHope(): PlantedFault["wrappers"] {
	const hidden = new Set<string>();
	const door = (honest: Door): Door => {
		const asked = new Map<string, readonly StageChange[]>();
		return {
			request: async (request, signal) => {
				if (request.act === "stage" && request.changes.every(({ to }) => to === null))
					asked.set(request.id, request.changes);
				const changes = request.act === "commit" ? asked.get(request.id) : undefined;
				if (request.act !== "commit" || changes === undefined) return honest.request(request, signal);
				await honest.request({ act: "drop", keys: [], staged: [request.id] }, signal);
				for (const { domain, from } of changes) hidden.add(`${domain} ${from}`);
				return { act: "commit", result: allGone(request.id, changes) };
			},
		};
	};
	return { ...HONEST, door: (honest) => hiding(door(honest), hidden) };
}

/** Long ago. */
const AT = new Date(0).toISOString();

function allGone(id: string, changes: readonly StageChange[]): SwitchResult {
	const keys = changes.map(({ signer, domain, from }) => ({
		signer,
		domain,
		from,
		selector: null,
		outcome: "done" as const,
		reason: null,
	}));
	return { id, outcome: "done", at: AT, keys, oldProcessGone: true, reason: null, pauseMs: null };
}

function hiding(honest: Door, hidden: ReadonlySet<string>): Door {
	return {
		request: async (request, signal) => {
			const answer = await honest.request(request, signal);
			if (answer.act !== "inspect") return answer;
			const signers = answer.signers.map((signer) => ({
				...signer,
				lines: signer.lines.filter(({ domain, selector }) => !hidden.has(`${domain} ${selector}`)),
			}));
			return { ...answer, signers };
		},
	};
}

/** Whatever was right once is right for the way back; with `forgives` a revoked key is taken for one that only signs no more. */
function backBlindly(forgives: boolean): PlantedFault["wrappers"] {
	const goneBackTo = new Set<string>();
	const forgiven = new Set<string>();
	const reading = rewriting(
		({ domain, keys }) =>
			keys.map((key) => {
				if (!forgives || key.state !== "revoked") return key;
				forgiven.add(`${domain} ${key.selector}`);
				return { ...key, state: "retiring", owes: null };
			}),
		"read",
	);
	const writing = rewriting(({ domain, revision, wants, keys }) => {
		// The first document of a domain: another seed has begun, and nothing of the one before counts.
		if (revision === 1)
			for (const names of [goneBackTo, forgiven])
				for (const name of names) if (name.startsWith(`${domain} `)) names.delete(name);
		if (wants.rollback !== null) goneBackTo.add(`${domain} ${wants.rollback.selector}`);
		return keys.map((key) =>
			key.state === "retiring" && forgiven.has(`${domain} ${key.selector}`)
				? { ...key, state: "revoked" }
				: key,
		);
	}, "write");
	return {
		...HONEST,
		disk: (honest) => reading(writing(honest)),
		propagation: (honest) => blind(honest, (domain, selector) => goneBackTo.has(`${domain} ${selector}`)),
	};
}
