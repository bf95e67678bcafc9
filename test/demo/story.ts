/** The story as it goes: the agent ticks and time passes, mail is sent at every change, and what happened is told. */

import { readFile } from "node:fs/promises";
import type { KeyturnEvent } from "../../src/ports/alert-sink.ts";
import type { DomainState } from "../../src/rotation/domain-state.ts";
import type { Change } from "./chronicle.ts";
import type { Display } from "./display.ts";
import type { DemoWorld, Listeners } from "./demo-world.ts";
import { DOMAINS } from "./scratch-host.ts";

export interface Chapter {
	readonly title: string;
	/** Of each domain. */
	readonly isOver: (state: DomainState) => boolean;
}

export interface StoryOptions {
	readonly display: Display;
	readonly signal: AbortSignal;
	/** Takes old records out of DNS as soon as their keys retire, behind keyturn's back. */
	readonly removeEarly: boolean;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** From each domain, while nothing happens. */
const MAIL_EVERY_MS = 3 * 24 * HOUR_MS;
/** Half a year of daily looks at three domains, several times over. */
const TICKS_LIMIT = 3_000;
const LOCK_WAIT_MS = 5_000;

/** Lets the agent tick and time pass, sends mail at every change, and says what happened. */
export class Story implements Listeners {
	readonly troubles: string[] = [];
	/** How long mail waited for each switch. */
	readonly pausesMs: number[] = [];
	readonly #options: StoryOptions;
	readonly #display: Display;
	#world: DemoWorld | null = null;
	#serials = "";
	#stoppedAtMs = 0;
	#tableBefore: readonly string[] = [];
	#tableAfter: readonly string[] = [];
	#acts: string[] = [];
	#lag = "";
	#ticks = 0;

	constructor(options: StoryOptions) {
		this.#options = options;
		this.#display = options.display;
	}

	get world(): DemoWorld {
		if (this.#world === null) throw new Error("the demo has not begun");
		return this.#world;
	}

	set world(world: DemoWorld) {
		this.#world = world;
	}

	async tell(chapter: Chapter): Promise<void> {
		const { chronicle, mail, clock } = this.world;
		this.#display.chapter(chapter.title);
		if (mail.sent.length === 0) {
			for (const domain of DOMAINS) await mail.send(domain, "before keyturn came");
			this.#display.event(
				clock.now(),
				`${mail.sent.length} messages, signed before keyturn knows of anything`,
			);
		}
		const isOver = (): boolean =>
			DOMAINS.every((domain) => {
				const state = chronicle.stateOf(domain);
				return state !== null && chapter.isOver(state);
			});
		while (!isOver()) await this.#tick();
		await mail.receiveLate();
		const { failures, sent, counts } = mail;
		const words = `mail: ${sent.length} signed, ${counts.atOnce} checks at once, ${counts.late} later`;
		this.#display.closing(`${words}: ${failures.length} unverifiable`, failures.length === 0);
	}

	/** One tick of the agent; then the time until it wants to be woken passes in an instant. */
	async #tick(): Promise<void> {
		const { agent, clock, mail, servers } = this.world;
		this.#options.signal.throwIfAborted();
		this.#ticks += 1;
		if (this.#ticks > TICKS_LIMIT)
			throw new Error(`after ${TICKS_LIMIT} ticks the keys are not where they should be`);
		const report = await agent.tick(this.#options.signal, { lockWaitMs: LOCK_WAIT_MS });
		if (report === "held") throw new Error("somebody else holds the lock of the demo's state");
		for (const { domain, error } of report.domains)
			if (error !== null) this.#trouble(`${domain}: ${error.message}`);
		this.#tellLag();
		if (servers.serials() !== this.#serials) await mail.receiveLate();
		this.#serials = servers.serials();
		const now = clock.now();
		const nextAt = report.nextAt ?? new Date(now.getTime() + HOUR_MS);
		const waits = report.domains
			.flatMap((one) => one.waits)
			.find(({ until }) => until?.getTime() === nextAt.getTime());
		this.#display.moment(
			now,
			`${mail.sent.length} signed, ${mail.failures.length} bad; ${waits?.reason ?? "waiting"}`,
		);
		await this.#passUntil(nextAt);
	}

	/** Mail goes on meanwhile. */
	async #passUntil(at: Date): Promise<void> {
		const { clock, mail } = this.world;
		for (const domain of DOMAINS) {
			const last = mail.sent.findLast((message) => message.domain === domain)?.at ?? clock.now();
			const nextMailAt = new Date(last.getTime() + MAIL_EVERY_MS);
			if (nextMailAt > at) continue;
			clock.passUntil(nextMailAt);
			await mail.send(domain, "on a quiet day");
		}
		clock.passUntil(nextMinute(new Date(Math.max(at.getTime(), clock.now().getTime() + 1))));
	}

	async changed(change: Change): Promise<void> {
		const { mail, servers } = this.world;
		const { domain, selector, state, at } = change;
		await mail.send(domain, `when ${selector} became ${state}`);
		this.#display.event(
			at,
			`${domain}  ${selector.padEnd(7)} ${this.#display.state(state)} ${wordsFor(change)}`,
		);
		if (state === "retiring" && this.#options.removeEarly) servers.remove(`${selector}._domainkey.${domain}`);
	}

	async mailStops(): Promise<void> {
		for (const domain of DOMAINS) await this.world.mail.send(domain, "just before the switch");
		this.#tableBefore = await this.#readTable();
		this.#stoppedAtMs = this.world.clock.uptimeMs();
	}

	async mailFlows(): Promise<void> {
		this.pausesMs.push(this.world.clock.uptimeMs() - this.#stoppedAtMs);
		for (const domain of DOMAINS) await this.world.mail.send(domain, "just after the switch");
		this.#tableAfter = await this.#readTable();
	}

	serviceActed(act: "stop" | "start", service: string): void {
		this.#acts.push(`${act} ${service.replace("demo-", "")}`);
		if (act === "stop" || service !== "demo-postfix") return;
		const at = this.world.clock.now();
		this.#display.event(at, this.#acts.join(", "));
		this.#display.event(at, `mail waited ${this.pausesMs.at(-1)} ms; the key table now:`);
		this.#tellTable();
		this.#acts = [];
	}

	told(event: KeyturnEvent): void {
		if (event.phase !== null && event.phase !== "end") this.#trouble(event.summary);
	}

	#tellTable(): void {
		const { colors, text } = this.#display;
		for (const line of this.#tableBefore.filter((line) => !this.#tableAfter.includes(line)))
			text(colors.red(`  - ${line}`));
		for (const line of this.#tableAfter.filter((line) => !this.#tableBefore.includes(line)))
			text(colors.green(`  + ${line}`));
	}

	/** Each line without the scratch directory, as the introduction says. */
	async #readTable(): Promise<readonly string[]> {
		const { directory } = this.world.host;
		const table = await readFile(`${directory}/key.table`, "utf8");
		return table.trimEnd().replaceAll(directory, ".").split("\n");
	}

	#trouble(words: string): void {
		this.troubles.push(words);
		this.#display.event(this.world.clock.now(), this.#display.colors.red(words));
	}

	/** Which server a published record still waits for. */
	#tellLag(): void {
		const { agent, chronicle, clock } = this.world;
		const lines = DOMAINS.flatMap((domain) => {
			const key = chronicle.stateOf(domain)?.keys.find(({ state }) => state === "published");
			const look = key === undefined ? null : agent.lastLook(domain, key.selector);
			if (key === undefined || look === null) return [];
			const right = look.servers.filter(({ outcome }) => outcome === "right").length;
			return [
				`${domain}  ${key.selector.padEnd(7)} ${" ".repeat(9)} ${right} of ${look.servers.length} servers have it${right === look.servers.length ? "; soaking" : ""}`,
			];
		});
		for (const line of lines) if (!this.#lag.includes(line)) this.#display.event(clock.now(), line);
		this.#lag = lines.join("\n");
	}
}

/** What is due within a minute is done in one tick. */
function nextMinute(at: Date): Date {
	return new Date(Math.ceil(at.getTime() / MINUTE_MS) * MINUTE_MS);
}

function wordsFor({ origin, state }: Change): string {
	switch (state) {
		case "pending":
			return "made: RSA, 2048 bits";
		case "published":
			return "record taken, read back";
		case "verified":
			return "at every server, soaked";
		case "active":
			return origin === "adopted" ? "found in use, adopted" : "mail is signed with it";
		case "retiring":
			return "record stays for 14 days";
		case "retired":
			return "record removed";
		case "dropped":
			return "key file deleted";
		case "revoked":
			return "revoked";
	}
}
