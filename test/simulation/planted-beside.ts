/** Faults towards those around keyturn (hooks, other programs, the queue, readers of old keys): each has to be caught. */

import { createHash } from "node:crypto";
import type { Disk } from "../../src/ports/disk.ts";
import type { Door, InspectAnswer } from "../../src/ports/door.ts";
import { DOOR_STATE } from "./world.ts";
import { type PlantedFault, rewriting, withLuck } from "./planting.ts";
import { SHELF } from "./promises-to-others.ts";
import { type Scenario, withTwoHosts } from "./scenario.ts";
import { HONEST } from "./wrappers.ts";

const HOUR_MS = 3_600_000;
const LONG_AGO = new Date(0).toISOString();

export const PLANTED_BESIDE: readonly PlantedFault[] = [
	{
		name: "a private half laid out too soon",
		breaks: ["old private halves only"],
		wrappers: {
			...HONEST,
			disk: rewriting(
				({ keys }) => keys.map((key) => (key.state === "retired" ? { ...key, since: LONG_AGO } : key)),
				"read",
			),
		},
		adjust: brief({}),
	},
	{
		name: "an adopted key's private half laid out",
		breaks: ["our private halves only"],
		wrappers: {
			...HONEST,
			disk: (honest) =>
				withOwnLedger(
					rewriting(
						({ keys }) =>
							keys.map((key) => ({
								...key,
								origin: "made",
								...(key.state === "retired" ? { since: LONG_AGO } : {}),
							})),
						"read",
					)(honest),
				),
		},
		adjust: brief({}),
	},
	{
		name: "a hook that holds a switch ignored",
		breaks: ["hooks are asked"],
		wrappers: {
			...HONEST,
			pre: (honest) => ({
				...honest,
				run: async (event, signal) => {
					await honest.run(event, signal);
					return { kind: "done" };
				},
			}),
		},
		adjust: brief({ holds: 12 }),
	},
	{
		name: "an end that no hook hears of",
		breaks: ["8 never silent"],
		wrappers: {
			...HONEST,
			sink: (honest) => (honest.hook === "post" ? { ...honest, deliver: async () => {} } : honest),
		},
		adjust: (scenario) => ({ ...brief({})(scenario), days: 0.2, calmDays: 0.2 }),
	},
	{
		name: "another program not waited for",
		breaks: ["others are waited for"],
		wrappers: { ...HONEST, door: told((answer) => ({ ...answer, otherReaders: [] })) },
		adjust: brief({ otherPrograms: 12 }),
	},
	{
		name: "no grace once another program is done with a key",
		breaks: ["1 never unverifiable", "3 never removed early"],
		wrappers: {
			...HONEST,
			disk: rewriting(({ keys }) => keys.map((key) => ({ ...key, usedBy: undefined })), "read"),
		},
		adjust: brief({ otherPrograms: 12 }),
	},
	{
		name: "mail in the queue ignored",
		breaks: ["the queue is waited for"],
		wrappers: {
			...HONEST,
			door: told((answer) => ({
				...answer,
				queue: answer.queue === null ? null : { ...answer.queue, waiting: [] },
			})),
		},
		adjust: brief({ stuckMail: 24 }),
	},
	{
		name: "grace shorter than mail may wait",
		breaks: ["1 never unverifiable", "3 never removed early"],
		wrappers: { ...HONEST, door: told((answer) => ({ ...answer, queue: null })) },
		adjust: (scenario) => ({
			...brief({})(scenario),
			policies: brief({})(scenario).policies.map((policy) => ({
				...policy,
				retire: { ...policy.retire, graceMs: policy.record.ttlSeconds * 1000 },
			})),
		}),
	},
	{
		name: "a record left at one of two DNS hosts",
		breaks: ["gone everywhere"],
		wrappers: {
			...HONEST,
			publishing: (bare) => ({
				...bare,
				change: async (zone, changes, signal) =>
					bare.name.startsWith("second-") && changes.every(({ kind }) => kind === "remove")
						? changes.map(() => ({ kind: "done" }) as const)
						: bare.change(zone, changes, signal),
			}),
		},
		adjust: (scenario) => withTwoHosts(brief({})(scenario), () => true),
	},
	{
		name: "a record that is never removed",
		breaks: ["nothing is kept for good"],
		wrappers: {
			...HONEST,
			policy: (honest) => ({ ...honest, retire: { ...honest.retire, graceMs: 90 * 24 * HOUR_MS } }),
		},
		adjust: (scenario) => ({ ...brief({})(scenario), days: 0.1, calmDays: 2.2, wishEveryMs: 6 * HOUR_MS }),
	},
];

/** Old records go within hours, since after a restart nothing signs over old connections; private halves are laid out. */
function brief(luck: Parameters<typeof withLuck>[0]): (scenario: Scenario) => Scenario {
	return (scenario) => ({
		...withLuck(luck)(scenario),
		queueLifetimeMs: HOUR_MS,
		swap: "restart",
		wishEveryMs: 2.5 * HOUR_MS,
		policies: scenario.policies.map((policy) => ({
			...policy,
			swap: "restart",
			selector: { kind: "template", template: "{yyyy}{mm}" },
			record: { ttlSeconds: 300 },
			retire: {
				...policy.retire,
				adopted: true,
				graceMs: 1.1 * HOUR_MS,
				tombstoneMs: 0,
				publishPrivate: SHELF,
			},
		})),
	});
}

/** What the door tells of the host, other than it is. */
function told(change: (answer: InspectAnswer) => InspectAnswer): (honest: Door) => Door {
	return (honest) => ({
		request: async (request, signal) => {
			const answer = await honest.request(request, signal);
			return answer.act === "inspect" ? change(answer) : answer;
		},
	});
}

/** Every key file counts as the door's own. */
function withOwnLedger(honest: Disk): Disk {
	return {
		...honest,
		read: async (path, limitBytes) => {
			const bytes = await honest.read(path, limitBytes);
			if (bytes === null || path !== `${DOOR_STATE}/ledger.json`) return bytes;
			const ledger = JSON.parse(Buffer.from(bytes).toString("utf8")) as {
				keys: { origin: string; path: string; hash: string | null }[];
			};
			for (const key of ledger.keys.filter(({ origin }) => origin === "found")) {
				const pem = await honest.read(key.path, limitBytes);
				if (pem !== null)
					Object.assign(key, { origin: "made", hash: createHash("sha256").update(pem).digest("hex") });
			}
			return Buffer.from(JSON.stringify(ledger));
		},
	};
}
