/** Mail all through the year, and receivers that judge it as it comes. */

import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { AgentHost } from "../e2e/host/agent-host.ts";
import { eventually } from "../e2e/host/eventually.ts";
import type { Arrival, LateLook } from "../e2e/host/fate.ts";
import { isQueueEmpty, type MailRun, startMail } from "../e2e/host/mail-run.ts";
import { inside, PRIMARY, SECONDARY } from "../e2e/host/name-servers.ts";
import type { Harvest } from "./mail-count.ts";
import { LAZY_ENVIRONMENT } from "./moved-clock.ts";
import { MAIL_DIRECTORY } from "./year-host.ts";

/** Postfix gives a message up after five days. */
const LATE_HOURS = 5 * 24;
/** More than a year takes. */
const AT_MOST = 200_000;
/** Two seconds' worth. */
const BEHIND_AT_MOST = 100;

export class MailFlow {
	readonly #host: AgentHost;
	readonly #arrived: string;
	readonly #perSecond: number;
	readonly #runs: MailRun[] = [];
	readonly #arrivals: Arrival[] = [];
	readonly #late: LateLook[] = [];
	readonly #pauses: { readonly from: number; readonly to: number }[] = [];
	#receiver: ChildProcessWithoutNullStreams | null = null;
	#said = "";

	constructor(host: AgentHost, perSecond: number) {
		this.#host = host;
		this.#arrived = join(host.outside, "mail");
		this.#perSecond = perSecond;
	}

	/** At the beginning, and after each boot. */
	async start(): Promise<void> {
		const argv = inside("receiver").split(" ");
		const env = Object.entries(LAZY_ENVIRONMENT).map(([name, value]) => `${name}=${value}`);
		const judging = [...argv, MAIL_DIRECTORY, String(LATE_HOURS), PRIMARY, SECONDARY];
		// On a busy machine they would fall behind, and judge mail by a later month's DNS.
		const receiver = this.#host.start(["nice", "-n", "-10", "env", ...env, ...judging]);
		receiver.stdin.on("error", () => undefined);
		receiver.stderr.on("data", (chunk: Buffer) => (this.#said += chunk.toString()));
		createInterface(receiver.stdout).on("line", (line) => this.#take(JSON.parse(line) as Arrival | LateLook));
		this.#receiver = receiver;
		const run = startMail(this.#host, { connections: "short", perSecond: this.#perSecond, atMost: AT_MOST });
		this.#runs.push(run);
		await run.accepted(10);
	}

	#take(line: Arrival | LateLook): void {
		if ("number" in line) this.#arrivals.push(line);
		else this.#late.push(line);
	}

	/** Services are stopped or broken meanwhile: mail that is refused is no wonder. */
	async expectingRefusals<Result>(action: () => Promise<Result>): Promise<Result> {
		const from = Date.now();
		try {
			return await action();
		} finally {
			this.#pauses.push({ from, to: Date.now() });
		}
	}

	/** The clock may move on only when what has arrived is judged: a receiver does not wait for weeks. */
	async isJudged(): Promise<void> {
		const isJudged = async (): Promise<boolean> => (await readdir(this.#arrived)).length <= BEHIND_AT_MOST;
		const explain = (): Promise<string> => Promise.resolve(this.#said);
		await eventually("the receivers catch up", isJudged, { seconds: 300, explain });
	}

	async accepted(count: number): Promise<void> {
		await this.#runs.at(-1)?.accepted(count);
	}

	/** The plug was pulled: sender and receivers are gone too, and their last lines are read. */
	async isCut(): Promise<void> {
		await this.#runs.at(-1)?.stop();
		const receiver = this.#receiver;
		if (receiver !== null && receiver.exitCode === null && receiver.signalCode === null)
			await once(receiver, "close");
		this.#receiver = null;
	}

	/** Until every accepted message has arrived and is judged. */
	async end(): Promise<void> {
		await this.#runs.at(-1)?.stop();
		await eventually("the queue is empty", async () => isQueueEmpty(this.#host), { seconds: 180 });
		const receiver = this.#receiver;
		if (receiver === null) return;
		receiver.stdin.end();
		const [code] = (await once(receiver, "close")) as [number | null];
		if (code !== 0) throw new Error(`the receivers ended ${code}: ${this.#said}`);
		this.#receiver = null;
	}

	harvest(): Harvest {
		return {
			fates: this.#runs.flatMap(({ fates }) => fates),
			arrivals: this.#arrivals,
			late: this.#late,
			pauses: this.#pauses,
		};
	}
}
