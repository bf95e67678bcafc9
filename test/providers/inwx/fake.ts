/** As INWX's interface answered in the recordings, which are of its XML form; the session is as documented. */

import { domainToUnicode } from "node:url";
import type { Recorded } from "../http/describe-replay.ts";
import type { Fake, FakeAnswer } from "../http/fake-server.ts";
import type { StoredRecord, StoredZone, ZoneStore } from "../http/zone-store.ts";
import { readInwx } from "./xml-form.ts";

export interface InwxFakeOptions {
	readonly user: string;
	readonly pass: string;
	/** Which codes of a second factor are right now; null if the account has none. */
	readonly codes: (() => readonly string[]) | null;
	/** Every call is let through: the recordings have name and password in each. */
	readonly isOpen?: boolean;
}

export interface InwxFake {
	readonly answer: Fake;
	/** As the interface does after a while; calls without a session get this code from then on. */
	endSessions(code?: number): void;
}

/** The documented one, and the one that was met (github.com/inwx/nodejs-client, issue 28). */
const CLOSED = new Map([
	[2200, "Authentication error"],
	[2002, "Command use error"],
]);

export function createInwxFake(store: ZoneStore, { user, pass, codes, isOpen }: InwxFakeOptions): InwxFake {
	const open = new Set<string>();
	const locked = new Set<string>();
	const used = new Set<string>();
	let closed = 2200;

	function login({ user: asked, pass: tried }: Params): FakeAnswer {
		if (asked !== user || tried !== pass) return said(2200, "Authentication error");
		const ticket = `ticket-${store.freshId()}`;
		(codes === null ? open : locked).add(ticket);
		const answer = done({ customerId: 1, tfa: codes === null ? "0" : "GOOGLE-AUTH" });
		return { ...answer, headers: { "set-cookie": `domrobot=${ticket}; Path=/; HttpOnly` } };
	}

	function unlock(ticket: string, { tan }: Params): FakeAnswer {
		const code = String(tan);
		if (!locked.has(ticket) || used.has(code) || !(codes?.() ?? []).includes(code))
			return said(2200, "Authentication error", "The confirmation code is invalid.");
		used.add(code);
		open.add(ticket);
		return done();
	}

	return {
		endSessions: (code = closed) => {
			closed = code;
			open.clear();
		},
		answer: ({ headers, body }) => {
			const { method, params } = JSON.parse(body) as { readonly method: string; readonly params: Params };
			const ticket = /\bdomrobot=([^;]+)/.exec(headers["cookie"] ?? "")?.[1] ?? "";
			if (method === "account.login") return login(params);
			if (method === "account.unlock") return unlock(ticket, params);
			if (isOpen !== true && !open.has(ticket)) return said(closed, CLOSED.get(closed) ?? "");
			return work(store, method, params);
		},
	};
}

type Params = Readonly<Record<string, string | number>>;

function work(store: ZoneStore, method: string, params: Params): FakeAnswer {
	const zone = store.zones.find(({ name }) => name === params["domain"]);
	const holder = store.zones.find(({ records }) => records.some(({ id }) => id === String(params["id"])));
	const held = holder?.records.find(({ id }) => id === String(params["id"]));
	switch (method) {
		case "domain.info":
			return zone === undefined ? gone() : done({ domain: zone.name });
		case "nameserver.info":
			return zone === undefined ? gone() : info(zone, params);
		case "nameserver.createRecord":
			return zone === undefined ? gone() : create(store, zone, params);
		case "nameserver.updateRecord":
			return holder === undefined || held === undefined ? gone() : update(holder, held, params);
		case "nameserver.deleteRecord":
			return holder !== undefined && store.remove(holder, String(params["id"])) ? done() : gone();
		default:
			return said(2000, "Unknown command");
	}
}

function info(zone: StoredZone, params: Params): FakeAnswer {
	const record = zone.records
		.map(show)
		.filter((shown) =>
			["name", "type", "content"].every(
				(field) => params[field] === undefined || params[field] === shown[field],
			),
		);
	// Asked for in A-labels, shown in Unicode (github.com/acmesh-official/acme.sh, issue 7038; dnscontrol, inwxProvider.go).
	const head = { roId: Number(zone.id), domain: domainToUnicode(zone.name), type: "MASTER" };
	return done(record.length === 0 ? head : { ...head, count: record.length, record });
}

function create(store: ZoneStore, zone: StoredZone, params: Params): FakeAnswer {
	const record = storedOf(params);
	if (hasEqual(zone, record)) return said(2302, "Object exists");
	return done({ id: Number(store.add(zone, record).id) });
}

function update(zone: StoredZone, held: StoredRecord, params: Params): FakeAnswer {
	const record = storedOf({ ...show(held), ...params });
	if (hasEqual(zone, record)) return said(2302, "Object exists");
	Object.assign(held, record);
	return done();
}

function hasEqual({ records }: StoredZone, { name, type, value }: Stored): boolean {
	return records.some((one) => one.name === name && one.type === type && one.value === value);
}

type Stored = Omit<StoredRecord, "id" | "form">;

function storedOf(params: Params): Stored {
	const { name = "", type = "", content = "", ttl = 3_600 } = params;
	return { name: String(name), type: String(type), value: String(content), ttlSeconds: Number(ttl) };
}

function show({ id, name, type, value, ttlSeconds }: StoredRecord): Params {
	return { id: Number(id), name, type, content: value, ttl: ttlSeconds, prio: 0 };
}

function done(resData?: object): FakeAnswer {
	const answer = said(1000, "Command completed successfully");
	return resData === undefined ? answer : { ...answer, body: { ...(answer.body as object), resData } };
}

function gone(): FakeAnswer {
	return said(2303, "Object does not exist");
}

function said(code: number, msg: string, reason?: string): FakeAnswer {
	const why = reason === undefined ? {} : { reasonCode: "INVALID", reason };
	return { status: 200, body: { code, msg, ...why, svTRID: "20180918-1830945-ote", runtime: 0.05 } };
}

/** The account as it was recorded: what it showed that no call here had made, and what a call met. */
export function prepareInwx(store: ZoneStore, recorded: readonly Recorded[]): void {
	const made = new Set<unknown>();
	for (const { request, response } of recorded) {
		const { method, params } = readInwx(request.body ?? "") as {
			readonly method: string;
			readonly params: Params;
		};
		const answer = readInwx(response.body ?? "") as {
			readonly code: number;
			readonly resData?: { readonly id?: number; readonly record?: readonly Params[] };
		};
		if (method === "domain.info" && answer.code === 1000) store.addZone(String(params["domain"]));
		if (method === "nameserver.createRecord") made.add(answer.resData?.id);
		const met = answer.code === 2302 ? [params] : (answer.resData?.record ?? []);
		const [zone] = store.zones;
		for (const record of met.filter(({ id }) => id === undefined || !made.has(id)).map(storedOf))
			if (zone !== undefined && !hasEqual(zone, record)) store.add(zone, record);
		const target = method === "nameserver.updateRecord" ? params["id"] : undefined;
		if (target !== undefined && zone !== undefined) made.add(target);
	}
}
