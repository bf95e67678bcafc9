/** As Route 53 answered in the recordings; what they have not (pages, changes under way, routing policies) is from its reference. */

import { unquoteTxt } from "../../../src/dkim/txt-strings.ts";
import { plainName } from "../../../src/publishing/api/names.ts";
import {
	childAt,
	childrenOf,
	escapeXml,
	parseXml,
	textAt,
	type XmlElement,
} from "../../../src/publishing/api/xml.ts";
import type { Recorded } from "../http/describe-replay.ts";
import type { Fake, FakeAnswer, FakeRequest } from "../http/fake-server.ts";
import type { StoredZone, ZoneStore } from "../http/zone-store.ts";

interface Options {
	/** The id of the access key that may call; a signature is not checked. */
	readonly accessKeyId: string;
	readonly pageSize?: number;
	/** How often a change says that it is under way. */
	readonly polls?: () => number;
	/** Ids of zones that are served inside a network only. */
	readonly privateZones?: readonly string[];
	/** What names the policy of the credential lets it write; left out, all. */
	readonly mayWrite?: RegExp;
	/** Names whose TXT set has a routing policy. */
	readonly routed?: readonly string[];
}

export function createRoute53Fake(
	store: ZoneStore,
	{ accessKeyId, pageSize = 2, polls = () => 2, privateZones = [], routed = [], mayWrite = /^/ }: Options,
): Fake {
	const changes = new Map<string, number>();

	return (request) => {
		if (!request.headers["authorization"]?.includes(`Credential=${accessKeyId}/`))
			return failure(403, "InvalidClientTokenId", "The security token included in the request is invalid.");
		const [head, id = "", rest] = request.path.replace("/2013-04-01/", "").split("/");
		if (head === "hostedzonesbyname") return zones(request);
		if (head === "change") return progress(id);
		const zone = store.zones.find((one) => one.id === id);
		if (zone === undefined || rest !== "rrset")
			return failure(404, "NoSuchHostedZone", `No hosted zone found with ID: ${id}`);
		return request.method === "POST" ? change(zone, request) : list(zone, request);
	};

	/** In the order of the labels from the top, beginning at a name and, of equal names, at an id. */
	function zones({ query }: FakeRequest): FakeAnswer {
		const from = [orderOf(query.get("dnsname") ?? ""), query.get("hostedzoneid") ?? ""].join(" ");
		const held = store.zones
			.map((zone) => ({ zone, at: [orderOf(zone.name), zone.id].join(" ") }))
			.toSorted((one, other) => (one.at < other.at ? -1 : 1))
			.filter(({ at }) => at >= from);
		const shown = held.slice(0, Math.min(Number(query.get("maxitems") ?? 100), pageSize));
		const next = held[shown.length]?.zone;
		const items = shown.map(({ zone: { id, name } }) => {
			const config = element(
				"Config",
				element("Comment", "Test") + element("PrivateZone", String(privateZones.includes(id))),
			);
			const head = element("Id", `/hostedzone/${id}`) + element("Name", `${name}.`);
			return element("HostedZone", `${head}${element("CallerReference", "01f9750a")}${config}`);
		});
		const more =
			next === undefined
				? ""
				: element("NextDNSName", `${next.name}.`) + element("NextHostedZoneId", next.id);
		return answer(
			"ListHostedZonesByNameResponse",
			`${element("HostedZones", items.join(""))}${element("IsTruncated", String(next !== undefined))}${more}${element("MaxItems", "100")}`,
		);
	}

	function list(zone: StoredZone, { query }: FakeRequest): FakeAnswer {
		const from = `${orderOf(query.get("name") ?? "")} ${query.get("type") ?? ""}`;
		const held = setsOf(zone).filter(({ name, type }) => `${orderOf(name)} ${type}` >= from);
		const shown = held.slice(0, Number(query.get("maxitems") ?? 300));
		const sets = element("ResourceRecordSets", shown.map((set) => shownSet(set, routed)).join(""));
		const ends = element("IsTruncated", String(shown.length < held.length)) + element("MaxItems", "300");
		return answer("ListResourceRecordSetsResponse", sets + ends);
	}

	function change(zone: StoredZone, { body }: FakeRequest): FakeAnswer {
		const batch = childAt(parseXml(body), "ChangeBatch");
		const changed = childrenOf(childAt(batch, "Changes"), "Change");
		if (!changed.every((one) => mayWrite.test(readSet(childAt(one, "ResourceRecordSet")).name)))
			return failure(
				403,
				"AccessDenied",
				"User is not authorized to perform: route53:ChangeResourceRecordSets",
			);
		const sets = setsOf(zone).map((set) => ({ ...set, isGone: false }));
		for (const one of changed) {
			const wrong = apply(sets, textAt(one, "Action"), readSet(childAt(one, "ResourceRecordSet")));
			if (wrong !== null) return failure(400, "InvalidChangeBatch", `[${wrong}]`);
		}
		zone.records.splice(0);
		for (const set of sets) if (!set.isGone) plant(store, zone, set);
		const id = `C${store.freshId()}`;
		changes.set(id, polls());
		return shownChange("ChangeResourceRecordSetsResponse", id, "PENDING");
	}

	function progress(id: string): FakeAnswer {
		const left = changes.get(id);
		if (left === undefined) return failure(404, "NoSuchChange", `Could not find resource with ID: ${id}`);
		changes.set(id, left - 1);
		return shownChange("GetChangeResponse", id, left > 0 ? "PENDING" : "INSYNC");
	}
}

interface RecordSet {
	readonly name: string;
	readonly type: string;
	readonly ttl: number;
	readonly values: readonly string[];
}

/** What keeps it from being applied; null where it was. */
function apply(sets: (RecordSet & { isGone: boolean })[], action: string, set: RecordSet): string | null {
	const held = sets.find(({ name, type, isGone }) => name === set.name && type === set.type && !isGone);
	const what = `name='${set.name}.', type='${set.type}'`;
	const long = set.values.find(
		(value) => set.type === "TXT" && !/^"(?:[^"\\]|\\.){0,255}"(?:\s*"(?:[^"\\]|\\.){0,255}")*$/.test(value),
	);
	if (long !== undefined)
		return `Invalid Resource Record: 'FATAL problem: CharacterStringTooLong (Value is too long) encountered with '${long}''`;
	const twin = set.values.find((value, index) => set.values.indexOf(value) !== index);
	if (twin !== undefined) return `Duplicate Resource Record: '${twin}'`;
	if (action === "CREATE" && held !== undefined)
		return `Tried to create resource record set [${what}] but it already exists`;
	if (action === "DELETE") {
		if (held === undefined) return `Tried to delete resource record set [${what}] but it was not found`;
		if (held.ttl !== set.ttl || held.values.toSorted().join() !== set.values.toSorted().join())
			return `Tried to delete resource record set [${what}] but the values provided do not match the current values`;
	}
	if (held !== undefined) held.isGone = true;
	if (action !== "DELETE") sets.push({ ...set, isGone: false });
	return null;
}

function setsOf(zone: StoredZone): readonly RecordSet[] {
	const sets = new Map<string, RecordSet>();
	for (const { name, type, value, form, ttlSeconds: ttl } of zone.records) {
		const set = sets.get(`${name} ${type}`) ?? { name, type, ttl, values: [] };
		sets.set(`${name} ${type}`, { ...set, values: [...set.values, form ?? value] });
	}
	return [...sets.values()].toSorted((one, other) =>
		`${orderOf(one.name)} ${one.type}` < `${orderOf(other.name)} ${other.type}` ? -1 : 1,
	);
}

/** Names are sorted from the last label to the first. */
function orderOf(name: string): string {
	return plainName(name).split(".").toReversed().join("!");
}

function readSet(set: XmlElement): RecordSet {
	return {
		name: plainName(textAt(set, "Name")),
		type: textAt(set, "Type"),
		ttl: Number(textAt(set, "TTL")),
		values: childrenOf(childAt(set, "ResourceRecords"), "ResourceRecord").map((one) => textAt(one, "Value")),
	};
}

function plant(store: ZoneStore, zone: StoredZone, { name, type, ttl, values }: RecordSet): void {
	for (const form of values)
		store.add(zone, { name, type, value: unquoteTxt(form) ?? form, form, ttlSeconds: ttl });
}

function shownSet({ name, type, ttl, values }: RecordSet, routed: readonly string[]): string {
	const records = values.map((value) => element("ResourceRecord", element("Value", text(value))));
	const policy = routed.includes(name) ? element("SetIdentifier", "blue") + element("Weight", "1") : "";
	const head = element("Name", `${name}.`) + element("Type", type) + policy + element("TTL", String(ttl));
	return element("ResourceRecordSet", head + element("ResourceRecords", records.join("")));
}

function shownChange(name: string, id: string, status: string): FakeAnswer {
	const info = element("Id", `/change/${id}`) + element("Status", status);
	return answer(name, element("ChangeInfo", info + element("SubmittedAt", "2022-04-19T20:56:32.695Z")));
}

function failure(status: number, code: string, message: string): FakeAnswer {
	const error = element("Type", "Sender") + element("Code", code) + element("Message", text(message));
	return { ...answer("ErrorResponse", element("Error", error) + element("RequestId", "d9642252")), status };
}

function answer(name: string, content: string): FakeAnswer {
	const namespace = "https://route53.amazonaws.com/doc/2013-04-01/";
	const body = `<?xml version="1.0"?>\n<${name} xmlns="${namespace}">${content}</${name}>`;
	return { status: 200, headers: { "content-type": "text/xml" }, body };
}

function element(name: string, content: string): string {
	return `<${name}>${content}</${name}>`;
}

function text(plain: string): string {
	return escapeXml(plain).replaceAll("&#34;", "&quot;");
}

/** The account as it was recorded: its zone, and the sets that a list shows and that the recording itself did not make. */
export function prepareRoute53(store: ZoneStore, recorded: readonly Recorded[]): void {
	const made: string[] = [];
	for (const { request, response } of recorded) {
		const root = parseXml(response.body);
		for (const one of root.name.startsWith("ListHostedZones")
			? childrenOf(childAt(root, "HostedZones"), "HostedZone")
			: [])
			if (store.zones.length === 0)
				store.addZone(plainName(textAt(one, "Name")), textAt(one, "Id").replace("/hostedzone/", ""));
		const [zone] = store.zones;
		if (zone === undefined) return;
		if (request.method === "POST")
			for (const one of childrenOf(childAt(parseXml(request.body), "ChangeBatch", "Changes"), "Change"))
				made.push(textAt(one, "ResourceRecordSet", "Name"));
		if (!root.name.startsWith("ListResource")) continue;
		for (const one of childrenOf(childAt(root, "ResourceRecordSets"), "ResourceRecordSet")) {
			const key = `${textAt(one, "Name")} ${textAt(one, "Type")}`;
			if (made.includes(textAt(one, "Name")) || made.includes(key)) continue;
			made.push(key);
			plant(store, zone, readSet(one));
		}
	}
}

/** An answer as fields, so that its shape can be compared. */
export function fieldsOfXml(body: string): unknown {
	const fields = ({ name, children, text: plain }: XmlElement): object => ({
		[name]: children.length === 0 ? plain : children.map(fields),
	});
	return fields(parseXml(body));
}
