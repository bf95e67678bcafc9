/** The demo: three domains turned to the end by the real agent, door, provider and DNS code, with mail signed all the while. */

import { stat } from "node:fs/promises";
import { duration, wrap } from "../../src/report/words.ts";
import { activeKey, type DomainState } from "../../src/rotation/domain-state.ts";
import { createDisplay, type DemoTerminal, type Display, minute } from "./display.ts";
import { type DemoWorld, LAG_MS, openWorld } from "./demo-world.ts";
import { DOMAINS } from "./scratch-host.ts";
import { type Chapter, Story } from "./story.ts";
import { lifeTable } from "./summary.ts";

export interface DemoOptions {
	readonly terminal: DemoTerminal;
	readonly signal: AbortSignal;
	/** Takes old records out of DNS as soon as their keys retire, behind keyturn's back: the demo has to notice. */
	readonly removeEarly: boolean;
}

/** True if everything came to its end and every message verified whenever it was looked at. */
export async function runDemo({ terminal, signal, removeEarly }: DemoOptions): Promise<boolean> {
	const display = createDisplay(terminal);
	display.text(display.colors.bold("keyturn demo: the life of DKIM keys, on this machine alone"));
	display.moment(new Date(), "keys are made for three domains");
	const story = new Story({ display, signal, removeEarly });
	const world = await openWorld(story);
	story.world = world;
	try {
		introduce(world, display);
		for (const chapter of CHAPTERS) {
			await story.tell(chapter);
			if (world.mail.failures.length > 0) break;
		}
		return await conclude(world, display, story);
	} finally {
		display.end();
		await world.close();
	}
}

const CHAPTERS: readonly Chapter[] = [
	{
		title: "1. Keys in use, which keyturn did not make",
		isOver: (state) => activeKey(state) !== null,
	},
	{
		title: "2. The next keys: made, published ahead, seen at every server",
		isOver: (state) => state.keys.some((key) => key.state === "verified") || hasTurned(state),
	},
	{
		title: "3. The switch: one stop for all that are due",
		isOver: (state) => hasTurned(state),
	},
	{
		title: "4. Grace: the old records stand until the mail under way has arrived",
		isOver: (state) => state.keys[0]?.state === "retired",
	},
	{
		title: "5. A month later: the next turn, by schedule",
		isOver: (state) => state.keys.length > 2 && state.keys.at(-1)?.state === "active",
	},
	{
		title: "6. The first made keys: records gone after grace, files after 90 days more",
		isOver: (state) => state.keys.slice(0, -1).every((key) => key.state === "retired" && key.owes === null),
	},
];

function hasTurned(state: DomainState): boolean {
	return activeKey(state)?.origin === "made";
}

function introduce({ host, text, servers }: DemoWorld, { colors, text: say }: Display): void {
	const { primary, second } = servers;
	say("");
	for (const [name, words] of [
		[
			"real",
			"keyturn's agent, door, switch journal and state files; its OpenDKIM code, which reads and writes the tables below; RFC 2136 updates signed with TSIG; looks at every name server; RSA keys; the probe over a milter socket; signatures verified by mailauth",
		],
		[
			"stand-in",
			"no OpenDKIM and no Postfix run here. A milter of the demo signs, by mailauth, with what OpenDKIM's tables say; keyturn stops and starts it, and so the mail before it",
		],
		[
			"dns",
			`a primary on ${primary.address}:${primary.port} takes updates; a second server on ${second.address}:${second.port} has them ${duration(LAG_MS)} later`,
		],
		["clock", "the real one, in UTC, put forward while keyturn would only wait"],
		["files", `all below ${host.directory}, removed at the end`],
	] as const)
		say(wrap(words, WIDTH, " ".repeat(10)).replace(/^ {10}/, name.padEnd(10)));
	say(`\n${colors.bold("keyturn.yaml")}, where . is ${host.directory}:`);
	say(text.trimEnd().replace(/^/gm, "  ").replaceAll(host.directory, "."));
}

const WIDTH = 79;
const SHOWN_FAILURES = 10;

async function conclude(world: DemoWorld, display: Display, story: Story): Promise<boolean> {
	const { mail, chronicle } = world;
	const { counts, failures, sent } = mail;
	display.end();
	const { colors, text: say } = display;
	// A story broken off leaves what it had not come to.
	const leftovers = failures.length === 0 ? await findLeftovers(world) : [];
	const problems = [...story.troubles, ...leftovers];
	const [first, last] = [sent[0]?.at, sent.at(-1)?.at];
	display.chapter(
		`What happened, ${first === undefined ? "" : minute(first)} to ${last === undefined ? "" : minute(last)} UTC`,
	);
	say(lifeTable(DOMAINS, chronicle.changes, mail));
	say("");
	say(
		`switches  ${story.pausesMs.length}, each for all three domains; mail waited ${story.pausesMs.join(" and ")} ms`,
	);
	say(
		`messages  ${sent.length} signed, ${counts.atOnce} checks at once, ${counts.late} later, at both servers`,
	);
	for (const { message, seenAt, server, why } of failures.slice(0, SHOWN_FAILURES))
		say(
			colors.red(
				wrap(
					`message ${message.number} of ${message.domain}, signed ${minute(message.at)} (${message.when}), seen ${minute(seenAt)} at ${server}: ${why}`,
					WIDTH,
				),
			),
		);
	for (const problem of problems) say(colors.red(wrap(`not as it should be: ${problem}`, WIDTH)));
	const isGood = failures.length === 0 && problems.length === 0;
	const verdict = `${failures.length} unverifiable${problems.length === 0 ? "" : `, and ${problems.length} things not as they should be`}`;
	say(isGood ? colors.green(verdict) : colors.red(verdict));
	return isGood;
}

/** At the end DNS holds the records of the keys in use and no others, and dropped key files are gone. */
async function findLeftovers({ chronicle, servers, resolver, host }: DemoWorld): Promise<readonly string[]> {
	const faults: string[] = [];
	for (const domain of DOMAINS)
		for (const { selector, state, origin, record } of chronicle.stateOf(domain)?.keys ?? []) {
			for (const server of [servers.primary, servers.second]) {
				const question = { name: record.name, type: "TXT", recursive: false, dnssec: false } as const;
				const answer = await resolver.ask(server, question, NEVER);
				const count = answer.kind === "message" ? answer.answers.length : -1;
				const expected = state === "active" ? 1 : 0;
				if (count !== expected)
					faults.push(`${record.name} at ${server.name}: expected ${expected} records, got ${count}`);
			}
			const path = `${host.directory}/keys/${domain}/${selector}.private`;
			if (state === "retired" && origin === "made" && (await isThere(path)))
				faults.push(`${path} is still there`);
		}
	return faults;
}

const NEVER = new AbortController().signal;

async function isThere(path: string): Promise<boolean> {
	return stat(path).then(
		() => true,
		() => false,
	);
}
