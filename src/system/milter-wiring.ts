/** Which list of milters each service of Postfix takes, and whether it finds their sockets from where it looks. */

import type { Disk } from "../ports/disk.ts";
import type { MilterList, MilterService } from "../ports/door.ts";
import type { MasterService } from "./master-services.ts";
import { type OwnValue, ownValue } from "./master-values.ts";
import { milterNames } from "./milter-lists.ts";

/** A value as it stands, and with its macros resolved. */
interface Value {
	readonly raw: string;
	readonly resolved: string;
}

export interface MilterSettings {
	readonly main: Readonly<Record<MilterList["name"], Value>>;
	/** What services have in their place, the same twice. */
	readonly own: { readonly raw: readonly OwnValue[]; readonly resolved: readonly OwnValue[] };
	readonly services: readonly MasterService[];
	readonly queueDirectory: string;
}

/** Those of main.cf first, also where nothing takes them. */
export async function milterLists(
	settings: MilterSettings,
	disk: Pick<Disk, "stat">,
): Promise<readonly MilterList[]> {
	const { main, own, services, queueDirectory } = settings;
	const lists: MilterList[] = [];
	for (const name of ["smtpd_milters", "non_smtpd_milters"] as const) {
		const takers = services.filter((service) => listOf(service) === name);
		const has = ({ service }: MasterService) => ownValue(own.resolved, service, name);
		const listed = async (setBy: string, { raw, resolved }: Value, takenBy: readonly MasterService[]) => {
			const milters = milterNames(resolved);
			const looking = takenBy.map(async (taker) => look(taker, milters, { queueDirectory, disk }));
			return { name, setBy, raw, milters, takenBy: await Promise.all(looking) };
		};
		lists.push(
			await listed(
				name,
				main[name],
				takers.filter((taker) => has(taker) === undefined),
			),
		);
		for (const taker of takers) {
			const resolved = has(taker);
			if (resolved === undefined) continue;
			const raw = ownValue(own.raw, taker.service, name) ?? resolved;
			lists.push(await listed(`${taker.service}/${name}`, { raw, resolved }, [taker]));
		}
	}
	return lists;
}

/** smtpd opens the milters of what comes in by SMTP, cleanup those of all the rest (MILTER_README). */
function listOf({ program, type }: MasterService): MilterList["name"] | null {
	if (program === "smtpd" && (type === "inet" || type === "pass")) return "smtpd_milters";
	return program === "cleanup" ? "non_smtpd_milters" : null;
}

async function look(
	{ service, isChrooted }: MasterService,
	milters: readonly string[],
	{ queueDirectory, disk }: { readonly queueDirectory: string; readonly disk: Pick<Disk, "stat"> },
): Promise<MilterService> {
	const absent: string[] = [];
	for (const milter of milters) {
		const [, path] = /^(?:unix|local):(.+)$/.exec(milter) ?? [];
		if (path === undefined) continue;
		const isBelow = isChrooted || !path.startsWith("/");
		const place = isBelow ? `${queueDirectory}/${path.replace(/^\/+/, "")}` : path;
		if ((await disk.stat(place).catch(() => null)) === null) absent.push(milter);
	}
	return { service, isChrooted, absent };
}
