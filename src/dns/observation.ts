/** What one answer says about the TXT records of a name, before anybody asks which key it should be. */

import { joinTxt } from "../dkim/txt-strings.ts";
import type { ServerOutcome } from "../ports/propagation.ts";
import type { Answer, ResourceRecord } from "../ports/resolver.ts";

export const MAX_ALIASES = 8;

export interface TextRecord {
	readonly text: string;
	/** The lengths of its strings, in octets. */
	readonly chunks: readonly number[];
	readonly ttlSeconds: number;
}

export type Observation =
	| {
			readonly kind: "records";
			readonly records: readonly TextRecord[];
			/** Whether a current RRSIG came along. */
			readonly signed: boolean;
	  }
	| {
			readonly kind: "alias";
			readonly target: string;
			readonly through: "CNAME" | "DNAME";
			readonly ttlSeconds: number;
			readonly signed: boolean;
	  }
	| { readonly kind: "absent"; readonly what: "name" | "record" }
	| { readonly kind: "failed"; readonly outcome: ServerOutcome; readonly got: string };

type Message = Extract<Answer, { kind: "message" }>;

/** From an authoritative server: its own alias or records at `name`, nothing of what it adds about the alias's target. */
export function observe(answer: Answer, name: string, now: Date): Observation {
	if (answer.kind !== "message") return failure(answer);
	if (!answer.authoritative) return failed("lame", "an answer that is not authoritative");
	return aliasAt(answer, name, now) ?? recordsAt(answer, name, now);
}

/** From a recursive resolver: what stands at the end of all aliases. */
export function observeRecursive(answer: Answer, name: string, now: Date): Observation {
	if (answer.kind !== "message") return failure(answer);
	let owner = name;
	for (let count = 0; count <= MAX_ALIASES; count++) {
		const alias = aliasAt(answer, owner, now);
		if (alias === null) return recordsAt(answer, owner, now);
		owner = alias.target;
	}
	return failed("alias_broken", `a chain of more than ${MAX_ALIASES} aliases`);
}

export function findRecords(
	records: readonly ResourceRecord[],
	name: string,
	type: string,
): readonly ResourceRecord[] {
	return records.filter((record) => record.type === type && record.name === name);
}

/** The SOA of an answer to a question for it, or of a negative answer. */
export function findSoa(
	answer: Answer,
): { readonly zone: string; readonly serial: number; readonly negativeTtlSeconds: number } | null {
	if (answer.kind !== "message" || !answer.authoritative) return null;
	for (const record of [...answer.answers, ...answer.authority])
		if (record.data.kind === "soa")
			return {
				zone: record.name,
				serial: record.data.serial,
				negativeTtlSeconds: Math.max(
					// RFC 2308 section 5.
					Math.min(record.data.minimumSeconds, record.ttlSeconds),
					...denialTtls(answer),
				),
			};
	return null;
}

/**
 * How long resolvers may deny names of a signed zone that nobody has asked them for, out of what it once said stands nowhere
 * (RFC 8198). Many zones let that live for longer than their SOA record, as was right until RFC 9077.
 */
function denialTtls({ authority }: Message): readonly number[] {
	return authority.flatMap(({ type, ttlSeconds }) =>
		type === "NSEC" || type === "NSEC3" ? [ttlSeconds] : [],
	);
}

function failure(answer: Exclude<Answer, Message>): Observation {
	switch (answer.kind) {
		case "servfail":
			return failed("servfail", "SERVFAIL");
		case "refused":
			return failed("refused", "REFUSED");
		case "rcode":
			return failed("error_code", answer.rcode);
		case "timeout":
			return failed("timeout", "no answer in time");
		case "unreachable":
			return failed("unreachable", answer.why);
		case "truncated":
			return failed("truncated", "an answer too long for UDP, and none by TCP");
		case "malformed":
			return failed("malformed", `an unacceptable message: ${answer.why}`);
	}
}

function aliasAt(answer: Message, name: string, now: Date): Extract<Observation, { kind: "alias" }> | null {
	const dname = answer.answers.find((record) => record.type === "DNAME" && name.endsWith(`.${record.name}`));
	if (dname !== undefined && dname.data.kind === "name")
		return {
			kind: "alias",
			target: `${name.slice(0, -dname.name.length)}${dname.data.target}`.replace(/\.$/, ""),
			through: "DNAME",
			ttlSeconds: dname.ttlSeconds,
			signed: isSigned(answer, dname.name, "DNAME", now),
		};
	const cname = findRecords(answer.answers, name, "CNAME")[0];
	if (cname === undefined || cname.data.kind !== "name") return null;
	return {
		kind: "alias",
		target: cname.data.target,
		through: "CNAME",
		ttlSeconds: cname.ttlSeconds,
		signed: isSigned(answer, name, "CNAME", now),
	};
}

function recordsAt(answer: Message, name: string, now: Date): Observation {
	const records = findRecords(answer.answers, name, "TXT").flatMap((record) =>
		record.data.kind === "txt"
			? [
					{
						text: joinTxt(record.data.strings),
						chunks: record.data.strings.map((string) => string.length),
						ttlSeconds: record.ttlSeconds,
					},
				]
			: [],
	);
	if (records.length === 0) return { kind: "absent", what: answer.rcode === "NXDOMAIN" ? "name" : "record" };
	return { kind: "records", records, signed: isSigned(answer, name, "TXT", now) };
}

function isSigned(answer: Message, name: string, covers: string, now: Date): boolean {
	return findRecords(answer.answers, name, "RRSIG").some(
		({ data }) =>
			data.kind === "rrsig" && data.covers === covers && data.validFrom <= now && now < data.expiresAt,
	);
}

function failed(outcome: ServerOutcome, got: string): Observation {
	return { kind: "failed", outcome, got };
}
