/** As Hetzner's Cloud API answered in the recordings: every change is an action that takes a while. */

import { unquoteTxt } from "../../../src/dkim/txt-strings.ts";
import { absoluteName, relativeName } from "../../../src/publishing/api/names.ts";
import type { Recorded } from "../http/describe-replay.ts";
import type { Fake, FakeAnswer, FakeRequest } from "../http/fake-server.ts";
import type { StoredRecord, StoredZone, ZoneStore } from "../http/zone-store.ts";

interface Options {
	readonly token: string;
	readonly pageSize?: number;
	/** How often the next action says that it is running, when it is asked for. */
	readonly polls?: () => number;
	/** Why the next action fails; null if it does not. */
	readonly failing?: () => string | null;
}

export function createHetznerFake(
	store: ZoneStore,
	{ token, pageSize = 2, polls = () => 2, failing = () => null }: Options,
): Fake {
	const actions = new Map<
		number,
		{ left: number; readonly zone: StoredZone; readonly command: string; readonly why: string | null }
	>();

	return (request) => {
		if (request.headers["authorization"] !== `Bearer ${token}`)
			return failure(401, "unauthorized", "unable to authenticate");
		const [head = "", ...rest] = request.path.replace("/v1/zones/", "").split("/");
		if (head === "actions") return progress(Number(rest[0]));
		const zone = store.zone(head);
		if (zone === undefined) return failure(404, "not_found", "Zone not found");
		const [, name = "", type = "", , change = null] = rest;
		if (rest.length === 0) return { status: 200, body: { zone: shownZone(zone) } };
		if (request.method === "GET") return list(zone, request);
		return act(zone, { name, type, change: change ?? "delete" }, request);
	};

	function list(zone: StoredZone, { query }: FakeRequest): FakeAnswer {
		const [type, name] = [query.get("type"), query.get("name")];
		const held = setsOf(zone).filter(
			(set) => (type === null || set.type === type) && (name === null || set.name === name),
		);
		const page = Number(query.get("page") ?? 1);
		const last = Math.max(1, Math.ceil(held.length / pageSize));
		const pagination = {
			last_page: last,
			next_page: page < last ? page + 1 : null,
			page,
			per_page: pageSize,
			previous_page: page > 1 ? page - 1 : null,
			total_entries: held.length,
		};
		const rrsets = held.slice((page - 1) * pageSize, page * pageSize);
		return { status: 200, body: { meta: { pagination }, rrsets } };
	}

	function act(
		zone: StoredZone,
		{ name, type, change }: { readonly name: string; readonly type: string; readonly change: string },
		{ body }: FakeRequest,
	): FakeAnswer {
		const at = absoluteName(name, zone.name);
		const held = zone.records.filter((record) => record.name === at && record.type === type);
		const { ttl, records = [] } = JSON.parse(body || "{}") as Content;
		if (held.length === 0 && ["remove_records", "set_records"].includes(change))
			return failure(404, "not_found", "RRSet not found");
		for (const [index, { value }] of records.entries())
			if (type === "TXT" && !isStrict(value))
				return failure(
					422,
					"invalid_input",
					`invalid input in field 'rrsets[0].records[${index}].value': a TXT string exceeds 255 characters`,
				);
		if (change === "add_records" && held.some((record) => ttl !== undefined && record.ttlSeconds !== ttl))
			return failure(422, "invalid_input", "invalid input in field 'ttl'");
		const why = failing();
		if (why === null) carryOut(zone, { at, type, change, ttl, records, held });
		return begin(zone, change, why);
	}

	function carryOut(zone: StoredZone, { at, type, change, ttl, records, held }: Work): void {
		if (change === "change_ttl") for (const record of held) record.ttlSeconds = ttl ?? record.ttlSeconds;
		if (change === "set_records" || change === "delete") for (const { id } of held) store.remove(zone, id);
		if (change === "remove_records")
			for (const { id, form } of held)
				if (records.some(({ value }) => value === form)) store.remove(zone, id);
		if (change === "add_records" || change === "set_records")
			for (const { value, comment = "" } of records)
				store.add(zone, {
					name: at,
					type,
					comment,
					value: type === "TXT" ? (unquoteTxt(value) ?? value) : value,
					form: value,
					ttlSeconds: ttl ?? held[0]?.ttlSeconds ?? 3_600,
				});
	}

	function begin(zone: StoredZone, change: string, why: string | null): FakeAnswer {
		const id = Number(store.freshId());
		const command = change
			.replace(/^(add|remove|set|change)_/, "$1_rrset_")
			.replace("delete", "delete_rrset");
		const action = { left: polls(), zone, command, why };
		actions.set(id, action);
		return { status: 201, body: { action: shownAction(id, zone, command, "running", null) } };
	}

	function progress(id: number): FakeAnswer {
		const action = actions.get(id);
		if (action === undefined) return failure(404, "not_found", "Action not found");
		const { zone, command, why } = action;
		const isRunning = action.left-- > 0;
		const status = isRunning ? "running" : why === null ? "success" : "error";
		return { status: 200, body: { action: shownAction(id, zone, command, status, isRunning ? null : why) } };
	}
}

interface Content {
	readonly ttl?: number;
	readonly records?: readonly { readonly value: string; readonly comment?: string }[];
}

interface Work extends Required<Pick<Content, "records">> {
	readonly at: string;
	readonly type: string;
	readonly change: string;
	readonly ttl: number | undefined;
	readonly held: readonly StoredRecord[];
}

interface Rrset extends Required<Content> {
	readonly name: string;
	readonly type: string;
}

/** One or more quoted strings of at most 255 characters. */
function isStrict(value: string): boolean {
	return /^"(?:[^"\\]|\\.){0,255}"(?: "(?:[^"\\]|\\.){0,255}")*$/.test(value);
}

function setsOf(zone: StoredZone): readonly Rrset[] {
	const sets = new Map<string, Rrset>();
	for (const { name, type, value, form, ttlSeconds, comment = "" } of zone.records) {
		const at = relativeName(name, zone.name) || "@";
		const id = `${at}/${type}`;
		const made = { id, name: at, type, ttl: ttlSeconds, labels: {}, protection: { change: false } };
		const set = sets.get(id) ?? { ...made, records: [], zone: Number(zone.id) };
		sets.set(id, { ...set, records: [...set.records, { value: form ?? value, comment }] });
	}
	return [...sets.values()];
}

function shownZone({ id, name }: StoredZone): object {
	return {
		id: Number(id),
		name,
		mode: "primary",
		ttl: 86_400,
		labels: {},
		status: "ok",
		registrar: "hetzner",
	};
}

function shownAction(
	id: number,
	zone: StoredZone,
	command: string,
	status: "running" | "success" | "error",
	why: string | null,
): object {
	return {
		id,
		status,
		command,
		progress: status === "running" ? 50 : 100,
		started: "2026-01-13T14:17:12Z",
		finished: status === "running" ? null : "2026-01-13T14:17:17Z",
		error: why === null ? null : { code: "action_failed", message: why },
		resources: [{ id: Number(zone.id), type: "zone" }],
	};
}

function failure(status: number, code: string, message: string): FakeAnswer {
	return { status, body: { error: { code, message, details: null } } };
}

/** The project as it was recorded; gives how often each action said that it was running. */
export function prepareHetzner(store: ZoneStore, recorded: readonly Recorded[]): readonly number[] {
	const made: string[] = [];
	const polls: number[] = [];
	for (const { request, response } of recorded) {
		const { pathname } = new URL(request.uri);
		const answer = JSON.parse(response.body ?? "{}") as Answer;
		if (answer.zone !== undefined && store.zones.length === 0)
			store.addZone(answer.zone.name, String(answer.zone.id));
		if (response.status === 201) polls.push(0);
		else if (answer.action?.status === "running") polls[polls.length - 1] = (polls.at(-1) ?? 0) + 1;
		if (request.method === "POST") made.push(pathname.split("/").slice(5, 7).join("/"));
		for (const set of answer.rrsets ?? []) {
			const [zone] = store.zones;
			if (zone === undefined || made.includes(`${set.name}/${set.type}`)) continue;
			made.push(`${set.name}/${set.type}`);
			for (const { value } of set.records)
				store.add(zone, {
					name: absoluteName(set.name, zone.name),
					type: set.type,
					value: unquoteTxt(value) ?? value,
					form: value,
					ttlSeconds: set.ttl,
				});
		}
	}
	return polls;
}

interface Answer {
	readonly zone?: { readonly id: number; readonly name: string };
	readonly action?: { readonly status: string };
	readonly rrsets?: readonly Rrset[];
}
