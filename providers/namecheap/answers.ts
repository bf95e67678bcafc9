/** What Namecheap's interface answers (www.namecheap.com/support/api/methods/domains-dns/get-hosts). */

import { childAt, childrenOf, parseXml, textAt, type XmlElement } from "../../src/publishing/api/xml.ts";

export interface Host {
	readonly name: string;
	readonly type: string;
	readonly address: string;
	readonly mxPref: string;
	readonly ttl: string;
	/** What `setHosts` has no field for, and would be lost. */
	readonly isDynamic: boolean;
	readonly isActive: boolean;
}

export interface DomainInfo {
	readonly name: string;
	readonly isServed: boolean;
	readonly hostCount: number;
}

export interface HostList {
	readonly hosts: readonly Host[];
	/** How mail is handled; null where it is not told. */
	readonly emailType: string | null;
}

export interface Failure {
	readonly number: string;
	readonly message: string;
}

/** Of an answer that is a failure; null if it is a success. Throws where it is neither. */
export function readFailure(content: unknown): Failure | null {
	const answer = parseXml(content);
	if (answer.name !== "ApiResponse") throw new Error("it is no answer of this interface");
	if (answer.attributes["Status"] === "OK") return null;
	const [error] = childrenOf(childAt(answer, "Errors"), "Error");
	return { number: error?.attributes["Number"] ?? "?", message: error?.text ?? textAt(answer, "Errors") };
}

export function readInfo(content: unknown): DomainInfo {
	const result = childAt(parseXml(content), "CommandResponse", "DomainGetInfoResult");
	const details = childAt(result, "DnsDetails");
	return {
		name: attribute(result, "DomainName"),
		isServed: attribute(details, "IsUsingOurDNS").toLowerCase() === "true",
		hostCount: whole(attribute(details, "HostCount")),
	};
}

export function readHosts(content: unknown): HostList {
	const result = childAt(parseXml(content), "CommandResponse", "DomainDNSGetHostsResult");
	return {
		hosts: result.children.map((element) => {
			if (element.name.toLowerCase() !== "host") throw new Error(`<${element.name}> is no host`);
			return hostOf(element);
		}),
		emailType: result.attributes["EmailType"] ?? null,
	};
}

/**
 * The SRV records, which are no hosts. The command is not in the documentation; Namecheap names it to those who ask
 * (github.com/DNSControl/dnscontrol, issue 3680 and pull request 4511).
 */
export function readServices(content: unknown): readonly Host[] {
	const result = childAt(parseXml(content), "CommandResponse", "Result");
	return childrenOf(result, "Records").map((record) => ({
		name: `${textAt(record, "Service")}.${textAt(record, "Protocol")}`,
		type: "SRV",
		address: ["Priority", "Weight", "Port", "Target"].map((field) => textAt(record, field)).join(" "),
		mxPref: "",
		ttl: "",
		isDynamic: false,
		isActive: true,
	}));
}

/** Throws where the zone was not written. */
export function readWritten(content: unknown): null {
	const result = childAt(parseXml(content), "CommandResponse", "DomainDNSSetHostsResult");
	if (attribute(result, "IsSuccess").toLowerCase() !== "true") throw new Error("it was no success");
	return null;
}

function hostOf(element: XmlElement): Host {
	return {
		name: attribute(element, "Name"),
		type: attribute(element, "Type"),
		address: attribute(element, "Address"),
		mxPref: attribute(element, "MXPref"),
		ttl: attribute(element, "TTL"),
		isDynamic: element.attributes["IsDDNSEnabled"]?.toLowerCase() === "true",
		isActive: element.attributes["IsActive"]?.toLowerCase() !== "false",
	};
}

function attribute(element: XmlElement, name: string): string {
	const value = element.attributes[name];
	if (value === undefined) throw new Error(`<${element.name}> has no ${name}`);
	return value;
}

function whole(text: string): number {
	if (!/^\d{1,6}$/.test(text)) throw new Error(`${text} is no count`);
	return Number(text);
}
