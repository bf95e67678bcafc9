/** What Postfix says of itself: whether it defers mail while the signer is down, and where it greets. */

import type { Disk } from "../ports/disk.ts";
import type { InspectedQueue, MailWiring, MilterTables } from "../ports/door.ts";
import type { ProgramRequest, Programs } from "../ports/programs.ts";
import { type OwnValue, ownValue, parseOwnValues } from "./master-values.ts";
import { parseServices } from "./master-services.ts";
import { milterActions } from "./milter-lists.ts";
import { milterLists } from "./milter-wiring.ts";
import { joinQueues, parsePeriod, parseQueue } from "./postfix-queue.ts";

/**
 * No member fails: what a program of Postfix's does not say in time cannot be told. Where there are several instances
 * (MULTI_INSTANCE_README), any of them may have the milters, and the mail that waits.
 */
export interface Postfix {
	/** Whether mail waits in each instance while a milter is down, whichever and on every way; false also where that cannot be told. */
	defersMail(): Promise<boolean>;
	/** Where the first instance greets on loopback; null if it listens elsewhere only, or greets nobody but a proxy, or that cannot be told. */
	greetsAt(): Promise<{ readonly host: string; readonly port: number } | null>;
	/** What waits in the queues of all, incomplete where that cannot be told; null where there is no Postfix. Reads only. */
	queue(): Promise<InspectedQueue | null>;
	/** How the first instance hands mail to milters; null where that cannot be told. Reads only. */
	wiring(): Promise<MailWiring | null>;
}

/** What `postconf` prints; null where it says nothing. */
type Ask = (args: readonly string[]) => Promise<string | null>;

/** Whoever is named there gets mail by SMTP. */
const FILTERS = ["content_filter", "smtpd_proxy_filter", "relayhost"];
/** postconf(5); empty where there are none, and before Postfix 3.2. */
const MILTER_TABLES = "smtpd_milter_maps";
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
/** postconf(5), maximal_queue_lifetime: five days. */
const DEFAULT_LIFETIME_SECONDS = 5 * 86_400;
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
	const asking =
		(directory: string | null): Ask =>
		async (args) => {
			if (!(await isThere(disk, POSTCONF))) return null;
			const result = await run({ argv: [POSTCONF, ...optionsOf(directory), ...args] });
			return result?.status === 0 ? result.stdout.trim() : null;
		};
	const askFirst = asking(null);
	/** The directory of each instance's configuration, null for the first; null where that cannot be told. */
	const instances = async (): Promise<readonly (string | null)[] | null> => {
		const others = await askFirst(["-x", "-h", "multi_instance_directories"]);
		return others === null ? null : [null, ...others.split(/[\s,]+/).filter((name) => name !== "")];
	};
	const wiring = async (ask: Ask): Promise<MailWiring | null> => {
		const value = async (name: string) => {
			const [raw, resolved] = await Promise.all([ask(["-h", name]), ask(["-x", "-h", name])]);
			return raw === null || resolved === null ? null : { raw, resolved };
		};
		const [milters, localMilters, tables, defaultAction, queueDirectory, ofServices, masters] =
			await Promise.all([
				value("smtpd_milters"),
				value("non_smtpd_milters"),
				ask(["-x", "-h", MILTER_TABLES]),
				ask(["-x", "-h", "milter_default_action"]),
				ask(["-x", "-h", "queue_directory"]),
				ask(["-x", "-P"]),
				ask(["-M"]),
			]);
		if (milters === null || localMilters === null || tables === null || defaultAction === null) return null;
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
			tables: tablesOf(tables, own),
			queueDirectory,
		};
	};
	const defers = async (ask: Ask): Promise<boolean> => {
		if ((await ask(["-x", "-h", "milter_default_action"])) !== "tempfail") return false;
		const told = await wiring(ask);
		if (told === null || told.tables.length > 0) return false;
		return told.actions.every(({ action }) => action === "tempfail");
	};
	const queueOf = async (directory: string | null): Promise<InspectedQueue> => {
		const told = await asking(directory)(["-x", "-h", "maximal_queue_lifetime"]);
		const lifetimeSeconds = parsePeriod(told ?? "");
		const result = (await isThere(disk, POSTQUEUE))
			? await run({ argv: [POSTQUEUE, ...optionsOf(directory), "-j"], outputLimitBytes: QUEUE_LIMIT_BYTES })
			: null;
		// One too long to be told in time, or of a Postfix that is stopped, keeps mail for so long all the same.
		const queue = result?.status === 0 ? parseQueue(result.stdout) : { waiting: [], isComplete: false };
		return lifetimeSeconds === null
			? { ...queue, lifetimeSeconds: DEFAULT_LIFETIME_SECONDS, isComplete: false }
			: { ...queue, lifetimeSeconds };
	};
	return {
		async defersMail() {
			const all = await instances();
			if (all === null) return false;
			for (const directory of all) if (!(await defers(asking(directory)))) return false;
			return true;
		},
		async greetsAt() {
			const listener = (await askFirst(["-M", "smtp/inet"])) ?? "";
			const program = /^smtp\s+inet(?:\s+\S+){5}\s+(\S+)/m.exec(listener)?.[1];
			if (program === undefined) return null;
			// Whoever has one waits for its first line before greeting.
			const proxy = `${program}_upstream_proxy_protocol`;
			const own = ownValue(parseOwnValues((await askFirst(["-x", "-P"])) ?? ""), "smtp/inet", proxy);
			if ((own ?? (await askFirst(["-x", "-h", proxy])) ?? "") !== "") return null;
			const host = loopbackOf(
				(await askFirst(["-h", "inet_interfaces"])) ?? "",
				(await askFirst(["-x", "-h", "inet_protocols"])) ?? "",
			);
			return host === null ? null : { host, port: 25 };
		},
		async queue() {
			if (!(await isThere(disk, POSTCONF))) return null;
			const all = await instances();
			const joined = joinQueues(await Promise.all((all ?? [null]).map(queueOf)));
			return all === null ? { ...joined, isComplete: false } : joined;
		},
		wiring: async () => wiring(askFirst),
	};
}

function tablesOf(main: string, own: readonly OwnValue[]): readonly MilterTables[] {
	const ofServices = own.filter(({ name }) => name === MILTER_TABLES);
	return [
		{ value: main, setBy: MILTER_TABLES },
		...ofServices.map(({ service, name, value }) => ({ value, setBy: `${service}/${name}` })),
	].filter(({ value }) => value !== "");
}

function optionsOf(directory: string | null): readonly string[] {
	return directory === null ? [] : ["-c", directory];
}

/** What hides a program behind a device, as sandboxes do, takes it away. */
async function isThere(disk: Disk, program: string): Promise<boolean> {
	return (await disk.stat(program).catch(() => null))?.kind === "file";
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
