/** Mail flowing through a guide host while something is done to it, and the judgement over every message afterwards. */

import { once } from "node:events";
import { createInterface } from "node:readline";
import { eventually } from "./eventually.ts";
import type { Arrival, Fate } from "./fate.ts";
import type { GuideHost } from "./guide-host.ts";
import { inside, PRIMARY, SECONDARY } from "./name-servers.ts";

export interface MailOptions {
	/** One connection per message, or five that stay open. */
	readonly connections: "short" | "long";
	readonly perSecond?: number;
	/** Who it is from: all domains of the host if left out. */
	readonly domains?: readonly string[];
	/** Where a domain's mail is offered, over short connections: at port 25 if left out. */
	readonly ports?: Readonly<Record<string, number>>;
	/** The sender ends by itself after so many: two minutes' worth if left out. */
	readonly atMost?: number;
}

export interface MailRun {
	readonly fates: readonly Fate[];
	/** The number of its first message. */
	readonly first: number;
	/** Whether a message of that number is of this run, its fate known or not. */
	sent(number: number): boolean;
	/** Waits until so many more messages have been accepted. */
	accepted(count: number): Promise<void>;
	/** Ends the sending and waits for the last answer; can be repeated. */
	stop(): Promise<void>;
}

export interface Judgement {
	readonly accepted: number;
	/** Those whose answer got lost as services stopped among them: the mail server had taken them (RFC 5321 section 4.5.3.2.6). */
	readonly arrived: number;
	/** By selector; a message counts with each of its signatures. */
	readonly valid: Readonly<Record<string, number>>;
	readonly invalid: Readonly<Record<string, number>>;
	readonly unsigned: number;
	/** Of the messages that arrived unsigned. */
	readonly unsignedNumbers: readonly number[];
	/** Accepted, and never delivered. */
	readonly lost: number;
	readonly refused: number;
	readonly tempfailed: number;
	readonly rejected: number;
	readonly dropped: number;
	/** The longest time in which no message that was offered was accepted. */
	readonly pauseMs: number;
	/** Of the accepted message that took longest. */
	readonly slowestMs: number;
	/** Why the invalid ones are, each reason once. */
	readonly reasons: readonly string[];
}

let numbersGiven = 0;

export function startMail(host: GuideHost, options: MailOptions): MailRun {
	const atMost = options.atMost ?? 6000;
	const first = numbersGiven;
	numbersGiven += atMost;
	const command = inside("sender");
	const numbers = [options.perSecond ?? 50, atMost, first].map(String);
	const child = host.start([
		...command.split(" "),
		options.connections,
		...numbers,
		...(options.domains ?? host.domains).map((domain) => `${domain}:${options.ports?.[domain] ?? 25}`),
	]);
	const fates: Fate[] = [];
	let complaint = "";
	child.stderr.on("data", (chunk: Buffer) => (complaint += chunk.toString()));
	child.stdin.on("error", () => undefined);
	createInterface(child.stdout).on("line", (line) => fates.push(JSON.parse(line) as Fate));
	const ended = once(child, "close");
	const acceptedCount = (): number => fates.filter(({ fate }) => fate === "accepted").length;
	return {
		fates,
		first,
		sent: (number) => number >= first && number < first + atMost,
		accepted: async (count) => {
			const enough = acceptedCount() + count;
			const explain = async (): Promise<string> => {
				const { stdout } = await host.in(["journalctl", "--no-pager", "-n", "80"]);
				return `${JSON.stringify(fates.at(-1))} ${complaint}\n${stdout}`;
			};
			await eventually(`${count} more messages accepted`, () => Promise.resolve(acceptedCount() >= enough), {
				explain,
			});
		},
		stop: async () => {
			child.stdin.end();
			await ended;
		},
	};
}

/** Mail from before until after the action, then the judgement over it. */
export async function underMail<Result>(
	host: GuideHost,
	options: MailOptions,
	action: () => Promise<Result>,
): Promise<{ readonly result: Result; readonly judgement: Judgement }> {
	const run = startMail(host, options);
	try {
		await run.accepted(100);
		const result = await action();
		await run.accepted(100);
		await run.stop();
		return { result, judgement: await judgeMail(host, [run]) };
	} finally {
		await run.stop();
	}
}

/** Waits until the queue is empty, then verifies all that arrived against the DNS as it is then. */
export async function judgeMail(host: GuideHost, runs: readonly MailRun[]): Promise<Judgement> {
	await eventually("the queue is empty", async () => isQueueEmpty(host), {
		seconds: 120,
		explain: async () => host.must(["postqueue", "-p"]),
	});
	const fates = runs.flatMap((run) => run.fates);
	const arrived = await arrivals(host, Math.min(...runs.map(({ first }) => first)));
	return judgementOf(
		fates,
		arrived.filter(({ number }) => runs.some((run) => run.sent(number))),
	);
}

export async function isQueueEmpty(host: GuideHost): Promise<boolean> {
	await host.must(["postqueue", "-f"]);
	return (await host.must(["postqueue", "-j"])).trim() === "";
}

async function arrivals(host: GuideHost, first: number): Promise<Arrival[]> {
	const command = inside("judge").split(" ");
	const argv = [...command, "/var/lib/sink", String(first), PRIMARY, SECONDARY];
	const lines = await host.must(argv, { timeoutSeconds: 300 });
	return lines
		.split("\n")
		.filter((line) => line !== "")
		.map((line) => JSON.parse(line) as Arrival);
}

/** A message whose fate is unknown (the plug was pulled) counts where it arrived: it must be signed and valid all the same. */
export function judgementOf(fates: readonly Fate[], arrived: readonly Arrival[]): Judgement {
	const accepted = fates.filter(({ fate }) => fate === "accepted");
	const numbers = new Set(arrived.map(({ number }) => number));
	const count = (wanted: Fate["fate"]): number => fates.filter(({ fate }) => fate === wanted).length;
	const isSigned = ({ selector }: Arrival): boolean => selector !== null;
	const reasonOf = ({ verdicts }: Arrival): string | null =>
		verdicts.find(({ reason }) => reason !== null)?.reason ?? null;
	const signed = arrived.filter(isSigned);
	const invalid = signed.filter((arrival) => reasonOf(arrival) !== null);
	return {
		accepted: accepted.length,
		arrived: arrived.length,
		valid: bySelector(signed.filter((arrival) => reasonOf(arrival) === null)),
		invalid: bySelector(invalid),
		unsigned: arrived.length - signed.length,
		unsignedNumbers: arrived.filter((arrival) => !isSigned(arrival)).map(({ number }) => number),
		lost: accepted.filter(({ number }) => !numbers.has(number)).length,
		refused: count("refused"),
		tempfailed: count("tempfailed"),
		rejected: count("rejected"),
		dropped: count("dropped"),
		pauseMs: longestPause(fates),
		slowestMs: Math.max(0, ...accepted.map(({ offeredAt, endedAt }) => endedAt - offeredAt)),
		reasons: [...new Set(invalid.map((arrival) => reasonOf(arrival) ?? ""))],
	};
}

function bySelector(arrived: readonly Arrival[]): Record<string, number> {
	const counts: Record<string, number> = {};
	for (const { selectors } of arrived)
		for (const selector of selectors) counts[selector] = (counts[selector] ?? 0) + 1;
	return counts;
}

function longestPause(fates: readonly Fate[]): number {
	let longest = 0;
	let since: number | null = null;
	for (const { fate, offeredAt } of [...fates].sort((one, other) => one.offeredAt - other.offeredAt)) {
		if (fate !== "accepted") since ??= offeredAt;
		if (since !== null) longest = Math.max(longest, offeredAt - since);
		if (fate === "accepted") since = null;
	}
	return longest;
}
