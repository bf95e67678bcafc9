/**
 * What is asked of DNS in one tick. A dead server is waited for without the lock: a step finds its answer here, or is put
 * off until it has been asked.
 */

import type { Clock } from "../ports/clock.ts";
import type { LookReport, LookRequest, Propagation, Vacancy } from "../ports/propagation.ts";
import { each } from "./run.ts";

/** Asked at once. */
const WIDTH = 8;
/** After this long no further question is begun: what is known is used, and whoever waits for the lock gets it in between. */
const BUDGET_MS = 10_000;

interface Question {
	readonly id: string;
	readonly domain: string;
	readonly ask: (signal: AbortSignal) => Promise<void>;
}

export class Inquiries {
	readonly #propagation: Propagation;
	readonly #clock: Clock;
	readonly #looks = new Map<string, LookReport>();
	readonly #vacancies = new Map<string, Vacancy>();
	readonly #asked = new Set<string>();
	/** Domains that cannot go on before something is asked. */
	readonly #waiting = new Set<string>();
	#open: Question[] = [];

	constructor(propagation: Propagation, clock: Clock) {
		this.#propagation = propagation;
		this.#clock = clock;
	}

	/** A report serves one step; null if it has to be asked first. */
	look(request: LookRequest): LookReport | null {
		const id = `look ${request.domain} ${request.selector} ${request.record} ${String(request.askResolvers)}`;
		const report = this.#looks.get(id);
		this.#looks.delete(id);
		if (report !== undefined) return report;
		this.#want({
			id,
			domain: request.domain,
			ask: async (signal) => void this.#looks.set(id, await this.#propagation.look(request, signal)),
		});
		return null;
	}

	/** Serves the whole tick; null if it has to be asked first. */
	vacancy(domain: string, selector: string, verify: LookRequest["verify"]): Vacancy | null {
		const id = `vacancy ${domain} ${selector}`;
		const vacancy = this.#vacancies.get(id);
		if (vacancy !== undefined) return vacancy;
		this.#want({
			id,
			domain,
			ask: async (signal) =>
				void this.#vacancies.set(id, await this.#propagation.vacancy(domain, selector, verify, signal)),
		});
		return null;
	}

	/** What was not asked before the lock was taken again is wanted anew, or not any more. */
	begin(): void {
		this.#open = [];
		this.#waiting.clear();
	}

	isWaiting(domain: string): boolean {
		return this.#waiting.has(domain);
	}

	/** Something waits, for this tick or the next. */
	get areWaiting(): boolean {
		return this.#waiting.size > 0;
	}

	/** False when nothing is left that this tick may ask. */
	get areOpen(): boolean {
		return this.#open.length > 0;
	}

	/** Without the lock. Fails when `signal` aborts. */
	async ask(signal: AbortSignal): Promise<void> {
		const ends = this.#clock.uptimeMs() + BUDGET_MS;
		await each(this.#open, WIDTH, async (question) => {
			if (this.#clock.uptimeMs() >= ends) return;
			this.#asked.add(question.id);
			await question.ask(signal);
			signal.throwIfAborted();
		});
	}

	/** Nothing is asked twice: where servers are slow, others' answers would make a tick without end. */
	#want(question: Question): void {
		this.#waiting.add(question.domain);
		if (this.#asked.has(question.id) || this.#open.some((one) => one.id === question.id)) return;
		this.#open.push(question);
	}
}
