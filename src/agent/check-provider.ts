/**
 * `provider check`: writes a long scratch record through a provider, sees what became of it there and at every name server,
 * and removes it. What it writes is noted beforehand, so that the next check finds what a killed one has left.
 */

import { isBelow, keyRecordName } from "../dkim/names.ts";
import { scratchRecord, type ScratchOctets } from "../dkim/scratch-record.ts";
import { asKeyturnError, KeyturnError } from "../errors.ts";
import type { DnsProvider } from "../ports/dns-provider.ts";
import type { LookReport } from "../ports/propagation.ts";
import type { VerifyPolicy } from "../rotation/policy.ts";
import { type CheckReport, formOf, sightings } from "./check-report.ts";
import type { Scratch } from "./host-state.ts";
import type { AgentPorts, AgentSettings } from "./run.ts";
import { changeError, ScratchRecords } from "./scratch-records.ts";
import { zoneHolding } from "./zone-holding.ts";

export interface CheckAsked {
	/** Its name in keyturn.yaml. */
	readonly provider: string;
	/** Where to write; null takes the first domain that is with the provider. */
	readonly zone: string | null;
	/** How long to look for the record at the name servers, in milliseconds. */
	readonly waitMs: number;
	/** Told what is done next. */
	readonly say: (words: string) => void;
}

export interface CheckGiven {
	readonly ports: Pick<AgentPorts, "clock" | "random" | "store" | "propagation" | "providers">;
	readonly settings: AgentSettings;
}

const TTL_SECONDS = 300;
/** Between looks, the last again and again. */
const LAST_GAP_MS = 20_000;
const GAPS_MS = [1_000, 2_000, 5_000, 10_000, LAST_GAP_MS] as const;

/**
 * Fails with `usage` where there is no such provider or nothing says where to write, and with `lease.lost` where another
 * keyturn keeps the lock and so nothing was begun. Whatever happens later is in the report.
 */
export async function checkProvider(
	given: CheckGiven,
	asked: CheckAsked,
	signal: AbortSignal,
): Promise<CheckReport> {
	const provider = providerNamed(given, asked.provider);
	const place = placeFor(given.settings, asked);
	const scratches = new ScratchRecords(given.ports, provider);
	const left = await scratches.noted(signal);
	const check = new Check({ ...given, provider, place, scratches, asked });
	return check.run(left, signal);
}

interface CheckPlace {
	readonly domain: string;
	/** As configured; null has the provider find it. */
	readonly zone: string | null;
	readonly verify: VerifyPolicy;
}

interface CheckTools extends CheckGiven {
	readonly provider: DnsProvider;
	readonly place: CheckPlace;
	readonly scratches: ScratchRecords;
	readonly asked: CheckAsked;
}

class Check {
	readonly #tools: CheckTools;
	#report: CheckReport;

	constructor(tools: CheckTools) {
		const { name, limits } = tools.provider;
		this.#tools = tools;
		this.#report = {
			schema: 1,
			provider: name,
			outcome: "failed",
			problem: null,
			hint: null,
			zone: null,
			name: null,
			octets: octetsFor(tools.provider),
			form: null,
			ttlAskedSeconds: Math.max(TTL_SECONDS, limits.minTtlSeconds),
			ttlGivenSeconds: null,
			visibleAfterSeconds: null,
			servers: [],
			left: [],
			swept: [],
			warnings: [],
		};
	}

	async run(left: readonly Scratch[], signal: AbortSignal): Promise<CheckReport> {
		try {
			for (const scratch of left) await this.#sweep(scratch, signal);
			if (!signal.aborted) await this.#try(signal);
		} catch (thrown) {
			const { message, hint } = asKeyturnError(thrown);
			this.#note({ outcome: "failed", problem: message, hint });
		}
		if (signal.aborted && this.#report.outcome !== "passed")
			this.#note({ outcome: "interrupted", hint: null });
		return this.#report;
	}

	/** What an earlier check has left: one that was killed, or that could not remove its record. */
	async #sweep(scratch: Scratch, signal: AbortSignal): Promise<void> {
		this.#note({ left: [...this.#report.left, scratch.name] });
		const why = await this.#takeBack(scratch, signal);
		if (why === null) this.#note({ swept: [...this.#report.swept, scratch.name] });
	}

	async #try(signal: AbortSignal): Promise<void> {
		const selector = `keyturn-check-${this.#tools.ports.random.id().slice(0, 16)}`;
		const scratch = await this.#locate(selector, signal);
		await this.#tools.scratches.note(scratch, signal);
		this.#note({ zone: scratch.zone, name: scratch.name, left: [...this.#report.left, scratch.name] });
		let left: string | null = null;
		try {
			await this.#write(scratch, signal);
			await this.#watch(selector, scratch.value, signal);
		} finally {
			left = await this.#takeBack(scratch, signal);
		}
		if (this.#report.outcome !== "passed") return;
		if (left === null) {
			await this.#tools.scratches.passed();
			return;
		}
		await this.#tools.scratches.failed();
		this.#note({
			outcome: "waiting",
			problem: `${scratch.name} could not be removed: ${left}`,
			hint: "records of old and of compromised keys would stay as well: find out why, and check again",
		});
	}

	/** Where the record has to be written, and whether the world would look there. */
	async #locate(selector: string, signal: AbortSignal): Promise<Scratch> {
		const { ports, provider, place } = this.#tools;
		const vacancy = await ports.propagation.vacancy(place.domain, selector, place.verify, signal);
		const name = vacancy.kind === "unknown" ? keyRecordName(selector, place.domain) : vacancy.owner;
		const zone = await zoneHolding(provider, name, [place.zone], signal);
		if (vacancy.kind === "unknown") this.#warn(vacancy.summary);
		else if (vacancy.zone !== null && vacancy.zone !== zone)
			throw new KeyturnError(
				"provider.zone",
				`the world looks for ${name} in the zone ${vacancy.zone}, and ${provider.name} would write into ${zone}: nobody would see it there`,
				{
					hint: `use the provider that serves ${vacancy.zone}, or take its delegation out of the zone above; nothing was written`,
				},
			);
		return { zone, name, value: scratchRecord(selector, octetsFor(provider)) };
	}

	async #write({ zone, name, value }: Scratch, signal: AbortSignal): Promise<void> {
		const { provider, asked } = this.#tools;
		asked.say(`writing ${name}, ${this.#report.octets} octets, into ${zone}`);
		const ttlSeconds = this.#report.ttlAskedSeconds;
		const [result] = await provider.change(zone, [{ kind: "add", name, value, ttlSeconds }], signal);
		if (result?.kind !== "done") throw changeError(provider.name, result);
		const [form] = (await provider.forms?.(zone, name, signal)) ?? [];
		if (form !== undefined) this.#note({ form: formOf(form) });
	}

	/** Asks every name server until all are right, the time is over, or somebody ends it. */
	async #watch(selector: string, record: string, signal: AbortSignal): Promise<void> {
		const { ports, place, asked } = this.#tools;
		const { domain, verify } = place;
		const begunMs = ports.clock.uptimeMs();
		for (let looks = 0; ; looks += 1) {
			const question = { domain, selector, record, verify, askResolvers: false };
			const look = await ports.propagation.look(question, signal);
			const afterMs = ports.clock.uptimeMs() - begunMs;
			if (signal.aborted) return;
			this.#see(look, afterMs);
			if (look.verdict === "right" || afterMs >= asked.waitMs) return;
			if (looks === 0) asked.say("waiting for every name server to serve it");
			await ports.clock.sleep(GAPS_MS[looks] ?? LAST_GAP_MS, signal);
		}
	}

	#see(look: LookReport, afterMs: number): void {
		const afterSeconds = Math.round(afterMs / 100) / 10;
		const servers = sightings(this.#report.servers, look, afterSeconds);
		const ttls = servers.flatMap(({ ttlSeconds }) => ttlSeconds ?? []);
		const isRight = look.verdict === "right";
		this.#note({
			servers,
			ttlGivenSeconds: ttls.length === 0 ? null : Math.max(...ttls),
			visibleAfterSeconds: isRight ? afterSeconds : null,
			outcome: isRight ? "passed" : "waiting",
			problem: isRight ? null : look.summary,
			hint: isRight ? null : this.#lateHint(servers),
		});
		for (const warning of look.warnings) this.#warn(warning);
	}

	/** The provider's own list showed the record before anybody was asked. */
	#lateHint(servers: CheckReport["servers"]): string {
		const longer = "some providers take an hour: --wait-max 2h looks for longer";
		const { provider } = this.#tools;
		if (provider.readsBack === "dns" || servers.some((one) => one.visibleAfterSeconds !== null))
			return longer;
		return `${longer}; if none of the name servers ever serves it, the zone ${this.#report.zone ?? ""} at ${provider.name} is not the one that is delegated to: compare its name servers with the NS records that the zone above has`;
	}

	/** Null when the record is gone, else why it may still stand. */
	async #takeBack(scratch: Scratch, signal: AbortSignal): Promise<string | null> {
		const { scratches, ports, asked } = this.#tools;
		asked.say(`removing ${scratch.name}`);
		const untilMs = ports.clock.uptimeMs() + this.#removalMs();
		let why = await scratches.takeBack(scratch);
		for (let waits = 0; why !== null && ports.clock.uptimeMs() < untilMs && !signal.aborted; waits += 1) {
			if (waits === 0) asked.say("waiting for every name server to serve it no more");
			await ports.clock.sleep(LAST_GAP_MS, signal);
			why = await scratches.takeBack(scratch);
		}
		if (why === null) this.#note({ left: this.#report.left.filter((name) => name !== scratch.name) });
		else this.#warn(`${scratch.name} may still stand in ${scratch.zone}: ${why}`);
		return why;
	}

	/** What DNS alone shows may take as long to go as to come; only a check that has passed until then waits for it. */
	#removalMs(): number {
		const { provider, asked } = this.#tools;
		return provider.readsBack === "dns" && this.#report.outcome === "passed" ? asked.waitMs : 0;
	}

	#note(found: Partial<CheckReport>): void {
		this.#report = { ...this.#report, ...found };
	}

	#warn(words: string): void {
		if (!this.#report.warnings.includes(words)) this.#note({ warnings: [...this.#report.warnings, words] });
	}
}

/** As long as the longest record that keyturn may have to write, where the provider takes it. */
function octetsFor({ limits }: DnsProvider): ScratchOctets {
	return limits.valueOctets < 754 ? 410 : 754;
}

function providerNamed({ ports }: CheckGiven, name: string): DnsProvider {
	const provider = ports.providers.get(name);
	if (provider !== undefined) return provider;
	throw new KeyturnError("usage", `no provider ${name} is configured`, {
		hint: `configured: ${[...ports.providers.keys()].join(", ") || "none"}`,
	});
}

function placeFor({ policies }: AgentSettings, { provider, zone }: CheckAsked): CheckPlace {
	const [own] = policies.filter(({ providers }) => providers.includes(provider));
	const verify = zone === null ? undefined : verifyIn(zone, policies);
	if (zone !== null && verify !== undefined)
		return { domain: zone.replace(/^_domainkey\./, ""), zone, verify };
	if (own !== undefined) return { domain: own.domain, zone: own.zone, verify: own.verify };
	throw new KeyturnError("usage", `no configured domain is with ${provider}: nothing says where to write`, {
		hint: "--zone names a zone of the account",
	});
}

/** A list of name servers stands for the zone of its domain; for any other only where all domains have the same. */
function verifyIn(zone: string, policies: AgentSettings["policies"]): VerifyPolicy | undefined {
	const own =
		policies.find((policy) => policy.zone === zone || policy.domain === zone) ??
		policies.find(({ domain }) => isBelow(domain, zone) || isBelow(zone, domain));
	const verify = (own ?? policies[0])?.verify;
	if (verify === undefined || own !== undefined) return verify;
	const lists = new Set(policies.map((policy) => JSON.stringify(policy.verify.nameservers)));
	return lists.size === 1 ? verify : { ...verify, nameservers: "auto" };
}
