/** What operators asked for: one file a wish, left without the lock so that nobody waits to be heard. */

import { directoryOf, durableCreate } from "../durable.ts";
import { KeyturnError } from "../errors.ts";
import type { Disk } from "../ports/disk.ts";
import type { Wish } from "../ports/state-store.ts";
import { ensureDirectory } from "./state-directory.ts";
import { corrupt, decodeJson, encodeJson } from "./stored-json.ts";

export interface Wishes {
	leave(wish: Wish): Promise<void>;
	all(): Promise<readonly Wish[]>;
	drop(id: string): Promise<void>;
}

const ID = /^[a-z0-9-]{1,64}$/;
const WISH_LIMIT_BYTES = 4_194_304;

export function createWishes(disk: Disk, directory: string): Wishes {
	const pathOf = (id: string) => {
		if (!ID.test(id)) throw new KeyturnError("bug", `wish ${JSON.stringify(id)}: not a safe id`);
		return `${directory}/${id}.json`;
	};
	return {
		async leave(wish) {
			await ensureDirectory(disk, directory);
			await durableCreate(disk, pathOf(wish.id), encodeJson({ ...wish }));
		},
		async all() {
			const names = ((await disk.list(directory)) ?? []).filter((name) => /^[^.].*\.json$/.test(name));
			const wishes: Wish[] = [];
			for (const name of names) {
				const path = `${directory}/${name}`;
				const bytes = await readIfFile(disk, path);
				if (bytes !== null) wishes.push(...readable(path, bytes));
			}
			return wishes.sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
		},
		async drop(id) {
			await disk.unlink(pathOf(id));
			await disk.syncDirectory(directoryOf(pathOf(id)));
		},
	};
}

/** What somebody dropped here must not keep the agent from its work: a directory, a loop of links, a file without end. */
const NO_WISH = new Set(["EISDIR", "ELOOP", "ENXIO", "EFBIG", "EACCES"]);

async function readIfFile(disk: Disk, path: string): Promise<Uint8Array | null> {
	try {
		return await disk.read(path, WISH_LIMIT_BYTES);
	} catch (thrown) {
		if (thrown instanceof KeyturnError && NO_WISH.has(thrown.errno ?? "")) return null;
		throw thrown;
	}
}

function readable(path: string, bytes: Uint8Array): readonly Wish[] {
	try {
		return [decode(path, bytes)];
	} catch {
		return [];
	}
}

function sortKey(wish: Wish): string {
	return `${wish.at} ${wish.id}`;
}

function decode(path: string, bytes: Uint8Array): Wish {
	const wish = decodeJson(path, bytes);
	const fields = FIELDS.get(wish["kind"]);
	const isWish =
		typeof wish["id"] === "string" &&
		ID.test(wish["id"]) &&
		path.endsWith(`/${wish["id"]}.json`) &&
		isMoment(wish["at"]) &&
		Array.isArray(wish["domains"]) &&
		wish["domains"].length <= DOMAINS_LIMIT &&
		wish["domains"].every((domain) => typeof domain === "string") &&
		fields?.every(([name, type]) => typeof wish[name] === type) === true &&
		Object.keys(wish).length === COMMON_FIELDS + fields.length;
	if (!isWish) throw corrupt(path, "expected a wish (id, at, domains, kind, and what belongs to its kind)");
	return wish as unknown as Wish;
}

/** id, at, domains, kind */
const COMMON_FIELDS = 4;
/** No host signs for more. */
const DOMAINS_LIMIT = 20_000;

/** It goes into the state, where neither a year of six digits nor a day that no month has can be read. */
function isMoment(value: unknown): boolean {
	if (typeof value !== "string" || !/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3})?Z$/.test(value))
		return false;
	const at = new Date(value);
	return !Number.isNaN(at.getTime()) && at.toISOString().slice(0, 19) === value.slice(0, 19);
}

/** What a wish has besides id, at and domains, by its kind. */
const FIELDS: ReadonlyMap<unknown, readonly (readonly [name: string, type: "string" | "boolean"])[]> =
	new Map([
		["rotate", [["noSoak", "boolean"]]],
		["rollback", []],
		[
			"revoke",
			[
				["selector", "string"],
				["noSoak", "boolean"],
				["unsigned", "boolean"],
				["useStandby", "boolean"],
			],
		],
		["retire", [["selector", "string"]]],
		["add", [["noSoak", "boolean"]]],
		["remove", []],
	] satisfies readonly [Wish["kind"], readonly (readonly [string, "string" | "boolean"])[]][]);
