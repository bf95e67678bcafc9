/** What Route 53's answers say (docs.aws.amazon.com/Route53/latest/APIReference). */

import type { Progress } from "../../src/publishing/api/carried-out.ts";
import { plainName } from "../../src/publishing/api/names.ts";
import type { Page } from "../../src/publishing/api/pages.ts";
import type { ApiZone } from "../../src/publishing/api/zones.ts";
import { childAt, childrenOf, parseXml, textAt, type XmlElement } from "../../src/publishing/api/xml.ts";

export interface HostedZone extends ApiZone {
	/** Served inside a network only. */
	readonly isPrivate: boolean;
}

/** One page of the zones; the next begins at a name and an id. */
export function readZones(content: unknown): Page<HostedZone, string> {
	const answer = parseXml(content);
	const items = childrenOf(childAt(answer, "HostedZones"), "HostedZone").map((zone) => ({
		id: textAt(zone, "Id").replace(/^\/hostedzone\//, ""),
		name: plainName(textAt(zone, "Name")),
		isPrivate: textAt(zone, "Config", "PrivateZone") !== "false",
	}));
	if (textAt(answer, "IsTruncated") !== "true") return { items, next: null };
	return { items, next: `${textAt(answer, "NextDNSName")} ${textAt(answer, "NextHostedZoneId")}` };
}

export interface RecordSet {
	readonly name: string;
	readonly type: string;
	/** Null for a set that is no plain list of records: an alias, or one with a routing policy. */
	readonly plain: { readonly values: readonly string[]; readonly ttlSeconds: number } | null;
}

export function readRecordSets(content: unknown): readonly RecordSet[] {
	return childrenOf(childAt(parseXml(content), "ResourceRecordSets"), "ResourceRecordSet").map((set) => ({
		name: plainName(textAt(set, "Name")),
		type: textAt(set, "Type"),
		plain: plainOf(set),
	}));
}

function plainOf(set: XmlElement): RecordSet["plain"] {
	if (["SetIdentifier", "AliasTarget"].some((name) => childrenOf(set, name).length > 0)) return null;
	const ttlSeconds = Number(textAt(set, "TTL"));
	if (!Number.isSafeInteger(ttlSeconds)) throw new Error("its TTL is no number");
	const records = childrenOf(childAt(set, "ResourceRecords"), "ResourceRecord");
	return { values: records.map((record) => textAt(record, "Value")), ttlSeconds };
}

export interface ChangeInfo {
	readonly id: string;
	readonly progress: Progress;
}

export function readChange(content: unknown): ChangeInfo {
	const info = childAt(parseXml(content), "ChangeInfo");
	const status = textAt(info, "Status");
	if (!["PENDING", "INSYNC"].includes(status)) throw new Error(`its status is ${status}`);
	return {
		id: textAt(info, "Id").replace(/^\/change\//, ""),
		progress: { kind: status === "INSYNC" ? "done" : "running" },
	};
}

export interface Failure {
	readonly code: string;
	readonly message: string;
}

/** Most stand in `ErrorResponse`; that of a change batch has messages only (InvalidChangeBatch in the API reference). */
export function readFailure(content: unknown): Failure {
	const answer = parseXml(content);
	if (answer.name !== "ErrorResponse") {
		const messages = childrenOf(childAt(answer, "Messages"), "Message").map(({ text }) => text);
		return { code: answer.name, message: messages.join("; ") };
	}
	return { code: textAt(answer, "Error", "Code"), message: textAt(answer, "Error", "Message") };
}
