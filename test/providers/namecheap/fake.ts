/** As Namecheap's interface answered in the recordings: a write takes the place of the whole zone. */

import { absoluteName, relativeName } from "../../../src/publishing/api/names.ts";
import { childAt, escapeXml, parseXml, type XmlElement } from "../../../src/publishing/api/xml.ts";
import type { Recorded } from "../http/describe-replay.ts";
import type { Fake, FakeAnswer, FakeRequest } from "../http/fake-server.ts";
import type { StoredRecord, StoredZone, ZoneStore } from "../http/zone-store.ts";

export interface NamecheapFakeOptions {
	readonly user: string;
	readonly key: string;
	readonly address: string;
	/** The recordings have no credential. */
	readonly isOpen?: boolean;
}

export function createNamecheapFake(store: ZoneStore, options: NamecheapFakeOptions): Fake {
	const { user, key, address, isOpen = false } = options;
	return (request) => {
		const fields = fieldsOf(request);
		if (!isOpen) {
			if (fields["ApiUser"] !== user || fields["ApiKey"] !== key)
				return failure("1011102", "API Key is invalid or API access has not been enabled");
			if (fields["ClientIp"] !== address) return failure("1011150", "Invalid request IP");
		}
		const name = fields["DomainName"] ?? `${fields["SLD"]}.${fields["TLD"]}`;
		const zone = store.zones.find((one) => one.name === name);
		if (zone === undefined) return failure("2030166", "Domain is invalid");
		switch (fields["Command"]) {
			case "namecheap.domains.getInfo":
				return info(zone);
			case "namecheap.domains.dns.getHosts":
				return hosts(zone);
			case "namecheap.domains.dns.getsrvrecords":
				return services(zone);
			default:
				return setHosts(store, zone, fields);
		}
	};
}

type Fields = Readonly<Record<string, string>>;

function fieldsOf({ query, body }: Pick<FakeRequest, "query" | "body">): Fields {
	return { ...Object.fromEntries(query), ...Object.fromEntries(new URLSearchParams(body)) };
}

function info({ id, name, records }: StoredZone): FakeAnswer {
	const details = element("DnsDetails", {
		ProviderType: "FREE",
		IsUsingOurDNS: "true",
		HostCount: String(records.filter(isHost).length),
		EmailType: "FWD",
	});
	return success(element("DomainGetInfoResult", { Status: "Ok", ID: id, DomainName: name }, details));
}

/** By type and name, whenever they were made. */
function hosts(zone: StoredZone): FakeAnswer {
	const sorted = zone.records
		.filter(isHost)
		.map((record) => ({ record, key: `${record.type} ${shownName(zone, record)}` }))
		.toSorted((one, other) => (one.key < other.key ? -1 : one.key > other.key ? 1 : 0));
	const shown = sorted.map(({ record }) =>
		element("host", {
			HostId: record.id,
			Name: shownName(zone, record),
			Type: record.type,
			Address: record.value,
			MXPref: "10",
			TTL: String(record.ttlSeconds),
			AssociatedAppTitle: "",
			FriendlyName: "",
			IsActive: "true",
			IsDDNSEnabled: "false",
		}),
	);
	const head = { Domain: zone.name, EmailType: "FWD", IsUsingOurDNS: "true" };
	return success(element("DomainDNSGetHostsResult", head, ...shown));
}

function isHost({ type }: StoredRecord): boolean {
	return type !== "SRV";
}

/** As github.com/willpower232/go-namecheap, srv_test.txt, has it. */
function services(zone: StoredZone): FakeAnswer {
	const shown = zone.records.filter((record) => !isHost(record));
	const records = shown.map((record) => {
		const [service = "", protocol = ""] = shownName(zone, record).split(/\.(.*)/);
		const [priority = "", weight = "", port = "", target = ""] = record.value.split(" ");
		const fields = { Service: service, Protocol: protocol, Priority: priority, Port: port };
		const texts = Object.entries({ ...fields, Target: target, Weight: weight });
		return element("Records", {}, ...texts.map(([name, text]) => element(name, {}, escapeXml(text))));
	});
	return success(element("Result", { IsActive: "false" }, ...records));
}

/** Whatever is not sent again is gone; a host that is keeps its id. */
function setHosts(store: ZoneStore, zone: StoredZone, fields: Fields): FakeAnswer {
	const before = zone.records.splice(0);
	zone.records.push(...before.filter((record) => !isHost(record)));
	for (let number = 1; fields[`HostName${number}`] !== undefined; number++) {
		const record = {
			name: absoluteName(fields[`HostName${number}`] ?? "", zone.name),
			type: fields[`RecordType${number}`] ?? "",
			value: fields[`Address${number}`] ?? "",
			ttlSeconds: Number(fields[`TTL${number}`] ?? 1_800),
		};
		const index = before.findIndex(
			(one) => one.name === record.name && one.type === record.type && one.value === record.value,
		);
		const [held] = index < 0 ? [] : before.splice(index, 1);
		if (held === undefined) store.add(zone, record);
		else zone.records.push(Object.assign(held, record));
	}
	return success(element("DomainDNSSetHostsResult", { Domain: zone.name, IsSuccess: "true" }));
}

function shownName(zone: StoredZone, { name }: StoredRecord): string {
	return relativeName(name, zone.name) || "@";
}

function element(name: string, attributes: Fields, ...children: readonly string[]): string {
	const pairs = Object.entries(attributes).map(([key, value]) => ` ${key}="${escapeXml(value)}"`);
	return `<${name}${pairs.join("")}>${children.join("")}</${name}>`;
}

function success(result: string): FakeAnswer {
	const response = element("CommandResponse", {}, result);
	return xml(element("ApiResponse", { Status: "OK" }, element("Errors", {}), response));
}

function failure(number: string, message: string): FakeAnswer {
	const errors = element("Errors", {}, element("Error", { Number: number }, escapeXml(message)));
	return xml(element("ApiResponse", { Status: "ERROR" }, errors));
}

function xml(text: string): FakeAnswer {
	return { status: 200, headers: { "content-type": "text/xml" }, body: `<?xml version="1.0"?>${text}` };
}

/** Attributes and elements as fields, elements of one name as a list. */
export function readNamecheap(text: string): unknown {
	return fieldsIn(parseXml(text));
}

function fieldsIn({ attributes, children }: XmlElement): Readonly<Record<string, unknown>> {
	const names = [...new Set(children.map(({ name }) => name))];
	const lists = names.map(
		(name) => [name, children.filter((child) => child.name === name).map(fieldsIn)] as const,
	);
	return { ...attributes, ...Object.fromEntries(lists) };
}

/** The zone as it was recorded, before anything was written. */
export function prepareNamecheap(store: ZoneStore, recorded: readonly Recorded[]): void {
	const first = recorded.find(({ request }) => request.uri.includes("getHosts"));
	const [info] = recorded;
	const answer = parseXml(info?.response.body);
	if (answer.attributes["Status"] !== "OK") return;
	const result = childAt(answer, "CommandResponse", "DomainGetInfoResult");
	const zone = store.addZone(result.attributes["DomainName"] ?? "");
	if (first === undefined) return;
	const list = childAt(parseXml(first.response.body), "CommandResponse", "DomainDNSGetHostsResult");
	for (const { attributes: host } of list.children)
		store.add(zone, {
			name: absoluteName(host["Name"] ?? "", zone.name),
			type: host["Type"] ?? "",
			value: host["Address"] ?? "",
			ttlSeconds: Number(host["TTL"]),
		});
}
