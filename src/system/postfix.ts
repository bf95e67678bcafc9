/** What Postfix says of itself: whether it defers mail while the signer is down, and where it greets. */

import type { Disk } from "../ports/disk.ts";
import type { InspectedQueue, MailWiring } from "../ports/door.ts";
import type { ProgramRequest, Programs } from "../ports/programs.ts";
import { ownValue, parseOwnValues } from "./master-values.ts";
import { parseServices } from "./master-services.ts";
import { milterActions } from "./milter-lists.ts";
import { milterLists } from "./milter-wiring.ts";

/** No member fails: what a program of Postfix's does not say in time cannot be told. */
export interface Postfix {
	/** Whether mail waits while a milter is down, whichever and on every way; false also where that cannot be told. */
	defersMail(): Promise<boolean>;
	/** Where it greets on loopback; null if it listens elsewhere only, or greets nobody but a proxy, or that cannot be told. */
	greetsAt(): Promise<{ readonly host: string; readonly port: number } | null>;
	/** What waits in its queue; null where that cannot be told. Reads only. */
	queue(): Promise<InspectedQueue | null>;
	/** How it hands mail to milters; null where that cannot be told. Reads only. */
	wiring(): Promise<MailWiring | null>;
}

/** Whoever is named there gets mail by SMTP. */
const FILTERS = ["content_filter", "smtpd_proxy_filter", "relayhost"];
/** Of the names that master.cf mostly has. */
const PORTS: Readonly<Record<string, string>> = {
	smtp: "25",
	submission: "587",
	submissions: "465",
	smtps: "465",
};
const POSTCONF = "/usr/sbin/postconf";
const POSTQUEUE = "/usr/sbin/postqueue";
/** Some thirty thousand messages. */
const QUEUE_LIMIT_BYTES = 8 * 1024 * 1024;
const MESSAGES_TOLD = 100;
const READ_MS = 10_000;
const NEVER = new AbortController().signal;

export function createPostfix({
	programs,
	disk,
}: {
	readonly programs: Programs;
	readonly disk: Disk;
}): Postfix {
	/** On a busy machine one may not even be started, or not end in time. */
	const run = async (request: Pick<ProgramRequest, "argv" | "outputLimitBytes">) =>
		programs.run({ ...request, timeoutMs: READ_MS }, NEVER).catch(() => null);
	const ask = async (args: readonly string[]): Promise<string | null> => {
		if (!(await isThere(disk, POSTCONF))) return null;
		const result = await run({ argv: [POSTCONF, ...args] });
		return result?.status === 0 ? result.stdout.trim() : null;
	};
	const value = async (name: string) => {
		const [raw, resolved] = await Promise.all([ask(["-h", name]), ask(["-x", "-h", name])]);
		return raw === null || resolved === null ? null : { raw, resolved };
	};
	const wiring = async (): Promise<MailWiring | null> => {
		const [milters, localMilters, defaultAction, queueDirectory, ofServices, masters] = await Promise.all([
			value("smtpd_milters"),
			value("non_smtpd_milters"),
			ask(["-x", "-h", "milter_default_action"]),
			ask(["-x", "-h", "queue_directory"]),
			ask(["-x", "-P"]),
			ask(["-M"]),
		]);
		if (milters === null || localMilters === null || defaultAction === null) return null;
		if (queueDirectory === null || ofServices === null || masters === null) return null;
		const own = parseOwnValues(ofServices);
		const rawOwn = parseOwnValues((await ask(["-P"])) ?? "");
		const level = (await ask(["-h", "compatibility_level"])) ?? "";
		const ownValues = (name: string) => own.flatMap((found) => (found.name === name ? [found.value] : []));
		const filters = await Promise.all(FILTERS.map(async (name) => ask(["-x", "-h", name])));
		const taken = {
			main: { smtpd_milters: milters, non_smtpd_milters: localMilters },
			own: { raw: rawOwn, resolved: own },
			services: parseServices(masters, level),
			queueDirectory,
		};
		return {
			lists: await milterLists(taken, disk),
			filters: [...filters.filter((filter) => filter !== null), ...FILTERS.flatMap(ownValues)].filter(
				(filter) => filter !== "",
			),
			listeners: parseListeners(masters),
			actions: milterActions(
				{
					smtpd_milters: milters.resolved,
					non_smtpd_milters: localMilters.resolved,
					milter_default_action: defaultAction,
				},
				own,
			),
			queueDirectory,
		};
	};
	return {
		async defersMail() {
			if ((await ask(["-x", "-h", "milter_default_action"])) !== "tempfail") return false;
			return (await wiring())?.actions.every(({ action }) => action === "tempfail") ?? false;
		},
		async greetsAt() {
			const listener = (await ask(["-M", "smtp/inet"])) ?? "";
			const program = /^smtp\s+inet(?:\s+\S+){5}\s+(\S+)/m.exec(listener)?.[1];
			if (program === undefined) return null;
			// Whoever has one waits for its first line before greeting.
			const proxy = `${program}_upstream_proxy_protocol`;
			const own = ownValue(parseOwnValues((await ask(["-x", "-P"])) ?? ""), "smtp/inet", proxy);
			if ((own ?? (await ask(["-x", "-h", proxy])) ?? "") !== "") return null;
			const host = loopbackOf(
				(await ask(["-h", "inet_interfaces"])) ?? "",
				(await ask(["-x", "-h", "inet_protocols"])) ?? "",
			);
			return host === null ? null : { host, port: 25 };
		},
		async queue() {
			const lifetimeSeconds = parsePeriod((await ask(["-h", "maximal_queue_lifetime"])) ?? "");
			if (lifetimeSeconds === null || !(await isThere(disk, POSTQUEUE))) return null;
			const result = await run({ argv: [POSTQUEUE, "-j"], outputLimitBytes: QUEUE_LIMIT_BYTES });
			// One too long to be told in time is still known to keep mail for so long.
			if (result === null) return { lifetimeSeconds, waiting: [], isComplete: false };
			return result.status === 0 ? { lifetimeSeconds, ...parseQueue(result.stdout) } : null;
		},
		wiring,
	};
}

async function isThere(disk: Disk, program: string): Promise<boolean> {
	return (await disk.stat(program).catch(() => null)) !== null;
}

/** Of `inet_interfaces` and `inet_protocols`, the address of this host's own at which it listens; the older protocol if both do. */
function loopbackOf(interfaces: string, protocols: string): string | null {
	const isOnAll = /^(all|loopback-only)$|\blocalhost\b/.test(interfaces);
	if (/\b(all|ipv4)\b/.test(protocols) && (isOnAll || /\b127\.0\.0\.1\b/.test(interfaces)))
		return "127.0.0.1";
	return /\b(all|ipv6)\b/.test(protocols) && (isOnAll || interfaces.includes("[::1]")) ? "::1" : null;
}

/** `127.0.0.1:10028 inet n …`, a line each; without an address it listens at all of them. */
function parseListeners(text: string): readonly string[] {
	const lines = text.matchAll(/^(?:(\S+):)?([\w-]+)\s+inet\s/gm);
	return [...lines].map(([, host = "*", port = ""]) => `${host}:${PORTS[port] ?? port}`);
}

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 };

/** A period as Postfix writes it; without a unit this one is in days (postconf(5), maximal_queue_lifetime). */
function parsePeriod(text: string): number | null {
	const match = /^(\d{1,9})([smhdw]?)$/.exec(text);
	if (match === null) return null;
	const [, count = "", unit = ""] = match;
	return Number(count) * (UNIT_SECONDS[unit === "" ? "d" : unit] ?? 0);
}

/** A line of JSON for each message (postqueue(1), -j), in no order of time. */
function parseQueue(text: string): Pick<InspectedQueue, "waiting" | "isComplete"> {
	const lines = text.split("\n").filter((line) => line !== "");
	const read = lines.map(parseMessage);
	const waiting = read.flatMap((message) => (message === null || message.isHeld ? [] : [message]));
	waiting.sort((one, other) => (one.arrivedAt < other.arrivedAt ? -1 : 1));
	return {
		waiting: waiting.slice(0, MESSAGES_TOLD).map(({ id, arrivedAt }) => ({ id, arrivedAt })),
		isComplete: !read.includes(null),
	};
}

/** Null for a line that was cut, or is not what it should be. */
function parseMessage(
	line: string,
): { readonly id: string; readonly arrivedAt: string; readonly isHeld: boolean } | null {
	let message: unknown;
	try {
		message = JSON.parse(line);
	} catch {
		return null;
	}
	if (typeof message !== "object" || message === null) return null;
	const { queue_id: id, queue_name: name, arrival_time: seconds } = message as Record<string, unknown>;
	if (typeof id !== "string" || !/^[A-Za-z0-9]{1,64}$/.test(id)) return null;
	if (typeof seconds !== "number" || !Number.isInteger(seconds) || seconds < 0 || seconds > LATEST_SECONDS)
		return null;
	return { id, arrivedAt: new Date(seconds * 1000).toISOString(), isHeld: name === "hold" };
}

/** The last moment of the year 9999. */
const LATEST_SECONDS = 253_402_300_799;
