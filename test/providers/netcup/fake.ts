/** As netcup's interface answered in the recordings; what was left out of them is as documented. */

import { absoluteName, relativeName } from "../../../src/publishing/api/names.ts";
import type { Recorded } from "../http/describe-replay.ts";
import type { Fake, FakeAnswer } from "../http/fake-server.ts";
import type { StoredRecord, StoredZone, ZoneStore } from "../http/zone-store.ts";

export interface NetcupFakeOptions {
	readonly customer: string;
	readonly key: string;
	readonly password: string;
	/** Every session is a good one: the recordings have none. */
	readonly isOpen?: boolean;
}

export interface NetcupFake {
	readonly answer: Fake;
	/** As the interface does after a while. */
	endSessions(): void;
}

export function createNetcupFake(store: ZoneStore, options: NetcupFakeOptions): NetcupFake {
	const { customer, key, password, isOpen = false } = options;
	const open = new Set<string>();

	function login({ customernumber, apikey, apipassword }: Param): FakeAnswer {
		const isRight = customernumber === customer && apikey === key && apipassword === password;
		if (!isRight && !isOpen) return failed("login", 4013, "The login has failed.");
		const apisessionid = `session-${store.freshId()}`;
		open.add(apisessionid);
		return done("login", "Session has been created successful.", { apisessionid });
	}

	return {
		endSessions: () => open.clear(),
		answer: ({ body }) => {
			const { action, param = {} } = JSON.parse(body) as { readonly action: string; readonly param?: Param };
			if (action === "login") return login(param);
			if (!isOpen && !open.has(param.apisessionid ?? ""))
				return failed(action, 4001, "The session id is not in a valid format.");
			const zone = store.zones.find(({ name }) => name === param.domainname);
			if (zone === undefined && !isRegistrable(param.domainname ?? "")) return notOfType("domainname");
			if (zone === undefined)
				return failed(action, 5031, "Can not get DNS records for zone.  Domain not found.");
			switch (action) {
				case "infoDnsZone":
					return done(action, "DNS zone was found.", { name: zone.name, ttl: "86400", serial: "2019042071" });
				case "infoDnsRecords":
					return zone.records.length === 0
						? failed(action, 5029, noRecords(zone))
						: done(action, "DNS Records for this zone were found.", { dnsrecords: shown(zone) });
				case "updateDnsRecords":
					return update(store, zone, param.dnsrecordset?.dnsrecords ?? []);
				default:
					return failed(action, 4013, "Validation Error.");
			}
		},
	};
}

/** What a registry takes: nothing below it passes the check of the field. */
function isRegistrable(name: string): boolean {
	return /^[a-z\d-]+\.[a-z]+$/.test(name);
}

/** A call that was not understood has no action (github.com/acmesh-official/acme.sh, issue 7188). */
function notOfType(field: string): FakeAnswer {
	const why = `Value in field ${field} does not match requirements of type: ${field}. `;
	return failed("", 4013, why);
}

/** An empty zone is told as a failure, in these words (github.com/mrueg/external-dns-netcup-webhook, issue 5). */
function noRecords({ name }: StoredZone): string {
	return `Can not get DNS records for zone.  The zone does not ${name} contain any DNS records.`;
}

interface Param {
	readonly customernumber?: string;
	readonly apikey?: string;
	readonly apipassword?: string;
	readonly apisessionid?: string;
	readonly domainname?: string;
	readonly dnsrecordset?: { readonly dnsrecords: readonly NetcupEntry[] };
}

interface NetcupEntry {
	readonly id?: string;
	readonly hostname: string;
	readonly type: string;
	readonly destination: string;
	readonly deleterecord?: boolean;
}

/** Those that are named are changed, all the others stay. */
function update(store: ZoneStore, zone: StoredZone, entries: readonly NetcupEntry[]): FakeAnswer {
	for (const entry of entries) {
		const held = zone.records.find(({ id }) => id === entry.id);
		if (entry.id !== undefined && held === undefined)
			return failed("updateDnsRecords", 4013, "Validation Error: no such record.");
		if (held === undefined) store.add(zone, storedOf(zone, entry));
		else if (entry.deleterecord === true) store.remove(zone, held.id);
		else Object.assign(held, storedOf(zone, entry));
	}
	return done("updateDnsRecords", "The given DNS records for this zone were updated.", {
		dnsrecords: shown(zone),
	});
}

/** Sorted by name as if all were upper case: names with an underscore stand last. */
function shown(zone: StoredZone): readonly unknown[] {
	const key = ({ name }: StoredRecord) => (relativeName(name, zone.name) || "@").toUpperCase();
	return zone.records
		.toSorted((one, other) => (key(one) < key(other) ? -1 : key(one) > key(other) ? 1 : 0))
		.map(({ id, name, type, value }) => ({
			id,
			hostname: relativeName(name, zone.name) || "@",
			type,
			priority: "0",
			destination: value,
			deleterecord: false,
			state: "unknown",
		}));
}

function storedOf(
	zone: StoredZone,
	{ hostname, type, destination }: NetcupEntry,
): Omit<StoredRecord, "id" | "form"> {
	return { name: absoluteName(hostname, zone.name), type, value: destination, ttlSeconds: 86_400 };
}

function done(action: string, longmessage: string, responsedata: unknown): FakeAnswer {
	return said(action, "success", 2000, longmessage, responsedata);
}

function failed(action: string, code: number, longmessage: string): FakeAnswer {
	return said(action, "error", code, longmessage, "");
}

function said(
	action: string,
	status: string,
	statuscode: number,
	longmessage: string,
	responsedata: unknown,
): FakeAnswer {
	const head = { serverrequestid: "VVT21k24FyQT0A2b2x11IsUM9M0j", clientrequestid: "", action };
	return {
		status: 200,
		body: { ...head, status, statuscode, shortmessage: longmessage, longmessage, responsedata },
	};
}

interface RecordedAnswer {
	readonly action: string;
	readonly responsedata: { readonly name?: string; readonly dnsrecords?: readonly NetcupEntry[] };
}

const answerOf = ({ response }: Recorded) => JSON.parse(response.body ?? "") as RecordedAnswer;

/** The zone as it was recorded, before anything was written. */
export function prepareNetcup(store: ZoneStore, recorded: readonly Recorded[]): void {
	const answers = recorded.map(answerOf);
	const name = answers.find(({ action }) => action === "infoDnsZone")?.responsedata.name;
	if (name === undefined) return;
	const zone = store.addZone(name);
	const first = answers.find(({ responsedata }) => responsedata.dnsrecords !== undefined);
	for (const entry of first?.responsedata.dnsrecords ?? []) store.add(zone, storedOf(zone, entry));
}

/** The recordings have but the action: what was changed is seen from the lists before and after. */
export function restoreNetcup(index: number, recorded: readonly Recorded[]): string {
	const answers = recorded.map(answerOf);
	const domainname =
		answers.find(({ action }) => action === "infoDnsZone")?.responsedata.name ?? "unknown.test";
	const action = answers[index]?.action;
	if (action !== "updateDnsRecords") return JSON.stringify({ action, param: { domainname } });
	const lists = answers.map(({ responsedata }) => responsedata.dnsrecords);
	const before = lists.slice(0, index).findLast((list) => list !== undefined) ?? [];
	const after = lists[index] ?? [];
	const isIn = (list: readonly NetcupEntry[], { id }: NetcupEntry) => list.some((one) => one.id === id);
	const same = (one: NetcupEntry) => before.some((other) => JSON.stringify(one) === JSON.stringify(other));
	const dnsrecords = [
		...before.filter((one) => !isIn(after, one)).map((one) => ({ ...one, deleterecord: true })),
		...after.filter((one) => isIn(before, one) && !same(one)),
		...after.filter((one) => !isIn(before, one)).map((one) => ({ ...one, id: undefined })),
	];
	return JSON.stringify({ action, param: { domainname, dnsrecordset: { dnsrecords } } });
}
