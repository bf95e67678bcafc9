/** Writes records into the master files of a name server on this host (RFC 1035 section 5), and has it read them anew. */

import { besidePath, durableReplace, replaceIfUnchanged } from "../../src/durable.ts";
import { asKeyturnError, KeyturnError } from "../../src/errors.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { Disk } from "../../src/ports/disk.ts";
import type { DnsProvider } from "../../src/ports/dns-provider.ts";
import type { ProgramTrust } from "../../src/ports/program-trust.ts";
import type { Programs } from "../../src/ports/programs.ts";
import { createZoneProvider } from "../../src/publishing/api/zone-api.ts";
import { type ApiZone, createZoneSearch } from "../../src/publishing/api/zones.ts";
import { runProgram } from "../../src/publishing/hook/run-program.ts";
import type { FileRecord } from "./records.ts";
import { about, type ZonefileSettings } from "./settings.ts";
import { createZoneFiles, formOf, type ZoneFile } from "./zone-file.ts";

const LIMITS = { valueOctets: 60_000, minTtlSeconds: 1, batch: 100 } as const;
const PROGRAM_MS = 60_000;

export function createProvider(options: {
	readonly name: string;
	readonly settings: ZonefileSettings;
	readonly disk: Disk;
	readonly programs: Programs;
	readonly programTrust: ProgramTrust;
	readonly clock: Clock;
}): DnsProvider {
	const { name, settings, disk, clock } = options;
	const { zones, reload, check, directory } = settings;
	const files = createZoneFiles(name, disk, directory);
	/** Zones that the server was told to read as they are, as far as this process knows. */
	const served = new Set<string>();

	async function run(argv: typeof reload, zone: string, file: string, signal: AbortSignal): Promise<void> {
		const given = { zone, file, directory };
		const [program, ...rest] = argv;
		const filled = rest.map((word) =>
			word.replace(/\{(zone|file|directory)\}/g, (_, key: keyof typeof given) => given[key]),
		);
		const call = { provider: name, purpose: zone, timeoutMs: PROGRAM_MS, hint: about.permission };
		await runProgram(options, { ...call, argv: [program, ...filled] }, signal);
	}

	/** An earlier run may have written what the server was not told of. */
	async function serve(zone: ApiZone, signal: AbortSignal): Promise<void> {
		if (served.has(zone.name)) return;
		await run(reload, zone.name, zone.id, signal);
		served.add(zone.name);
	}

	async function checked(zone: ApiZone, path: string, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
		const candidate = besidePath(path, "keyturn-check");
		try {
			await files.at(path, async () => durableReplace(disk, candidate, bytes));
			await run(check, zone.name, candidate, signal);
		} finally {
			await files.at(path, async () => disk.unlink(candidate));
		}
	}

	async function replace({ path, hash }: ZoneFile, bytes: Uint8Array): Promise<void> {
		const done = await files.at(path, async () =>
			replaceIfUnchanged(disk, path, hash, bytes, { keepBefore: null }),
		);
		if (done === "changed")
			throw new KeyturnError(
				"provider.refused",
				`${name}: ${path}: somebody else changed it at this moment`,
				{
					retry: true,
					hint: "their change stays, and it is tried again",
				},
			);
	}

	/** The server may serve it after all: it is told again before the file is believed. */
	function isWritten(thrown: unknown): never {
		const { message, hint } = asKeyturnError(thrown);
		const options = { retry: true, ...(hint === null ? {} : { hint }) };
		throw new KeyturnError("provider.unreachable", `the file is written, but: ${message}`, options);
	}

	return createZoneProvider<ApiZone, FileRecord, ZoneFile>({
		name,
		account: `zonefile ${Object.values(zones).toSorted().join(" ")}`,
		limits: LIMITS,
		zones: createZoneSearch(name, {
			all: async () => Object.entries(zones).map(([zone, file]) => ({ name: zone, id: file })),
		}),
		calls: {
			async read(zone, signal) {
				const file = await files.load(zone);
				await serve(zone, signal);
				const txt = file.records.filter(({ type }) => type === "TXT");
				return {
					txt: txt.map((record) => ({ name: record.owner, value: formOf(record), entry: record })),
					whole: file,
				};
			},
			async write(zone, file, edit, signal) {
				const bytes = await files.edit(zone, file, edit, clock.now());
				await checked(zone, file.path, bytes, signal);
				served.delete(zone.name);
				await replace(file, bytes);
				await serve(zone, signal).catch(isWritten);
			},
		},
	});
}
