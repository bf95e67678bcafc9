/** What Postfix says of itself: whether it defers mail while the signer is down, and where it greets. */

import type { Disk } from "../ports/disk.ts";
import type { InspectedQueue, MailWiring } from "../ports/door.ts";
import type { Programs } from "../ports/programs.ts";

export interface Postfix {
	/** Whether mail waits while the milter is down; false also where that cannot be told. */
	defersMail(): Promise<boolean>;
	/** Where it greets on loopback; null if it listens elsewhere only, or not at all. */
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
	const ask = async (args: readonly string[]): Promise<string | null> => {
		if ((await disk.stat(POSTCONF)) === null) return null;
		const result = await programs.run({ argv: [POSTCONF, ...args], timeoutMs: READ_MS }, NEVER);
		return result.status === 0 ? result.stdout.trim() : null;
	};
	return {
		defersMail: async () => (await ask(["-h", "milter_default_action"])) === "tempfail",
		async greetsAt() {
			const interfaces = (await ask(["-h", "inet_interfaces"])) ?? "";
			const onLoopback = /^(all|loopback-only)$|\b(localhost|127\.0\.0\.1)\b/.test(interfaces);
			const listeners = (await ask(["-M", "smtp/inet"])) ?? "";
			return onLoopback && /^smtp\s+inet\s/m.test(listeners) ? { host: "127.0.0.1", port: 25 } : null;
		},
		async queue() {
			const lifetimeSeconds = parsePeriod((await ask(["-h", "maximal_queue_lifetime"])) ?? "");
			if (lifetimeSeconds === null || (await disk.stat(POSTQUEUE)) === null) return null;
			const argv: readonly [string, ...string[]] = [POSTQUEUE, "-j"];
			const request = { argv, timeoutMs: READ_MS, outputLimitBytes: QUEUE_LIMIT_BYTES };
			const result = await programs.run(request, NEVER);
			return result.status === 0 ? { lifetimeSeconds, ...parseQueue(result.stdout) } : null;
		},
		async wiring() {
			const values = await Promise.all(
				["smtpd_milters", "non_smtpd_milters", "milter_default_action", "queue_directory"].map(async (name) =>
					ask(["-x", "-h", name]),
				),
			);
			const [milters, localMilters, defaultAction, queueDirectory] = values;
			if (milters == null || localMilters == null || defaultAction == null || queueDirectory == null)
				return null;
			const ofServices = (await ask(["-x", "-P"])) ?? "";
			const filters = await Promise.all(FILTERS.map(async (name) => ask(["-x", "-h", name])));
			return {
				milters: parseMilters(milters),
				localMilters: parseMilters(localMilters),
				ownMilters: ownValues(ofServices, "smtpd_milters").flatMap(parseMilters),
				filters: [
					...filters.flatMap((value) => (value === null ? [] : [value])),
					...FILTERS.flatMap((name) => ownValues(ofServices, name)),
				].filter((value) => value !== ""),
				listeners: parseListeners((await ask(["-M"])) ?? ""),
				defaultAction,
				queueDirectory,
			};
		},
	};
}

/** Names of milters, parted by commas or blanks; in braces a name may have settings of its own behind it (postconf(5)). */
function parseMilters(text: string): readonly string[] {
	const found = text.matchAll(/\{\s*([^\s,{}]+)[^{}]*\}|([^\s,{}]+)/g);
	return [...found].map(([, braced, plain]) => braced ?? plain ?? "");
}

/** `submission/inet/smtpd_milters = …`, a line each; the name of a service may have an address in it. */
function ownValues(text: string, name: string): readonly string[] {
	const lines = text.matchAll(new RegExp(`^\\S+/${name}[^\\S\\n]*=[^\\S\\n]*(.*)$`, "gm"));
	return [...lines].map(([, value = ""]) => value.trim());
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
