/** The door's requests and answers as JSON: what a less privileged program sends is bounded, known to the last field, or refused. */

import { isForeignSelector, isSelector, parseDomain } from "../dkim/names.ts";
import { KeyturnError } from "../errors.ts";
import type {
	DoorAnswer,
	DoorRequest,
	Evidence,
	ForetellAsked,
	ProbeAsked,
	RefusedAnswer,
	StageChange,
} from "../ports/door.ts";
import { refuse } from "./refusal.ts";

/** 10,000 keys of 4096 bits with their records and evidence fit. */
export const REQUEST_LIMIT_BYTES = 64 * 1024 * 1024;
const LIST_LIMIT = 20_000;
const NAME_LIMIT = 253;
const PEM_LIMIT = 16 * 1024;
const RECORD_LIMIT = 8 * 1024;

/** What was sent, or the answer to give instead; no part of a key is ever in that answer. */
export function parseRequest(text: string): DoorRequest | RefusedAnswer {
	if (text.length > REQUEST_LIMIT_BYTES) return refuse("invalid", "the request is too long");
	try {
		return readRequest(JSON.parse(text) as unknown);
	} catch (error) {
		return refuse("invalid", error instanceof Fault ? error.message : "the request is not JSON");
	}
}

export function formatAnswer(answer: DoorAnswer): string {
	return `${JSON.stringify(answer)}\n`;
}

class Fault extends KeyturnError {
	constructor(message: string) {
		super("door.protocol", message);
	}
}

function readRequest(sent: unknown): DoorRequest {
	const act = typeof sent === "object" && sent !== null && "act" in sent ? sent.act : null;
	switch (act) {
		case "inspect": {
			const optional = ["probe", "examine", "foretell"];
			const { ids, probe, examine, foretell } = fields(sent, "request", ["act", "ids"], optional);
			if (examine !== undefined && examine !== true) throw new Fault("examine: expected true, or nothing");
			return {
				act,
				ids: list(ids, "ids", id),
				...(probe === undefined ? {} : { probe: list(probe, "probe", probed) }),
				...(examine === undefined ? {} : { examine }),
				...(foretell === undefined ? {} : { foretell: list(foretell, "foretell", foretold) }),
			};
		}
		case "stage": {
			const request = fields(sent, "request", ["act", "id", "changes"]);
			return { act, id: id(request["id"], "id"), changes: list(request["changes"], "changes", change) };
		}
		case "commit": {
			const request = fields(sent, "request", ["act", "id", "tableHashes", "evidence"]);
			return {
				act,
				id: id(request["id"], "id"),
				tableHashes: hashes(request["tableHashes"], "tableHashes"),
				evidence: list(request["evidence"], "evidence", evidence),
			};
		}
		case "drop": {
			const request = fields(sent, "request", ["act", "keys", "staged"], ["reveal"]);
			const { reveal } = request;
			return {
				act,
				keys: list(request["keys"], "keys", key),
				staged: list(request["staged"], "staged", id),
				...(reveal === undefined ? {} : { reveal: list(reveal, "reveal", key) }),
			};
		}
		case "recover": {
			const { filesOnly } = fields(sent, "request", ["act", "filesOnly"]);
			if (typeof filesOnly !== "boolean") throw new Fault("filesOnly: expected true or false");
			return { act, filesOnly };
		}
		default:
			throw new Fault("act: expected inspect, stage, commit, drop or recover");
	}
}

function change(sent: unknown, at: string): StageChange {
	const { signer, domain: name, from: old, to } = fields(sent, at, ["signer", "domain", "from", "to"]);
	return {
		signer: text(signer, `${at}.signer`, NAME_LIMIT),
		domain: domain(name, `${at}.domain`),
		from: old === null ? null : selector(old, `${at}.from`, isForeignSelector),
		to: to === null ? null : target(to, `${at}.to`),
	};
}

function target(sent: unknown, at: string): StageChange["to"] {
	const found = fields(sent, at, ["selector", "record", "key"]);
	return {
		selector: selector(found["selector"], `${at}.selector`),
		record: text(found["record"], `${at}.record`, RECORD_LIMIT),
		key: found["key"] === null ? null : pem(found["key"], `${at}.key`),
	};
}

function evidence(sent: unknown, at: string): Evidence {
	const found = fields(sent, at, ["domain", "selector", "record", "answers"]);
	return {
		domain: domain(found["domain"], `${at}.domain`),
		selector: selector(found["selector"], `${at}.selector`),
		record: text(found["record"], `${at}.record`, RECORD_LIMIT),
		answers: list(found["answers"], `${at}.answers`, serverAnswer),
	};
}

function serverAnswer(sent: unknown, at: string): Evidence["answers"][number] {
	const found = fields(sent, at, ["server", "address", "at"]);
	return {
		server: text(found["server"], `${at}.server`, NAME_LIMIT),
		address: text(found["address"], `${at}.address`, NAME_LIMIT),
		at: time(found["at"], `${at}.at`),
	};
}

function probed(sent: unknown, at: string): ProbeAsked {
	const found = fields(sent, at, ["signer", "domain", "selector", "record"]);
	const { signer, domain: of, selector: name, record } = found;
	return {
		...key({ signer, domain: of, selector: name }, at),
		record: text(record, `${at}.record`, RECORD_LIMIT),
	};
}

function foretold(sent: unknown, at: string): ForetellAsked {
	const found = fields(sent, at, ["signer", "domain", "from", "selector"]);
	const { signer, domain: of, from: old, selector: name } = found;
	return {
		signer: text(signer, `${at}.signer`, NAME_LIMIT),
		domain: domain(of, `${at}.domain`),
		from: old === null ? null : selector(old, `${at}.from`, isForeignSelector),
		selector: name === null ? null : selector(name, `${at}.selector`),
	};
}

function key(sent: unknown, at: string): { signer: string; domain: string; selector: string } {
	const found = fields(sent, at, ["signer", "domain", "selector"]);
	return {
		signer: text(found["signer"], `${at}.signer`, NAME_LIMIT),
		domain: domain(found["domain"], `${at}.domain`),
		selector: selector(found["selector"], `${at}.selector`),
	};
}

function hashes(sent: unknown, at: string): Readonly<Record<string, string>> {
	if (typeof sent !== "object" || sent === null || Array.isArray(sent))
		throw new Fault(`${at}: expected an object`);
	const entries = Object.entries(sent);
	if (entries.length > LIST_LIMIT) throw new Fault(`${at}: too long`);
	return Object.fromEntries(
		entries.map(([name, hash]) => [name, text(hash, `${at}.${name.slice(0, 80)}`, 128)]),
	);
}

/** Exactly these fields, none missing but the optional ones, none more. */
function fields(
	sent: unknown,
	at: string,
	names: readonly string[],
	optional: readonly string[] = [],
): Record<string, unknown> {
	if (typeof sent !== "object" || sent === null || Array.isArray(sent))
		throw new Fault(`${at}: expected an object`);
	const found = sent as Record<string, unknown>;
	const unknownName = Object.keys(found).find((name) => ![...names, ...optional].includes(name));
	if (unknownName !== undefined)
		throw new Fault(`${at}: unknown field ${JSON.stringify(unknownName.slice(0, 80))}`);
	const missing = names.find((name) => !Object.hasOwn(found, name));
	if (missing !== undefined) throw new Fault(`${at}.${missing}: missing`);
	return found;
}

function list<Item>(sent: unknown, at: string, read: (item: unknown, at: string) => Item): readonly Item[] {
	if (!Array.isArray(sent)) throw new Fault(`${at}: expected a list`);
	if (sent.length > LIST_LIMIT) throw new Fault(`${at}: expected at most ${LIST_LIMIT} entries`);
	return sent.map((item, index) => read(item, `${at}[${index}]`));
}

function text(sent: unknown, at: string, limit: number): string {
	if (typeof sent !== "string") throw new Fault(`${at}: expected a text`);
	if (sent.length > limit) throw new Fault(`${at}: expected at most ${limit} characters, got ${sent.length}`);
	if (/\p{Cc}/u.test(sent)) throw new Fault(`${at}: control characters`);
	return sent;
}

function id(sent: unknown, at: string): string {
	const found = text(sent, at, 64);
	if (!/^[0-9a-f]{32}$/.test(found)) throw new Fault(`${at}: expected 32 lower-case hexadecimal digits`);
	return found;
}

function domain(sent: unknown, at: string): string {
	const found = text(sent, at, NAME_LIMIT);
	if (parseDomain(found) !== found) throw new Fault(`${at}: no domain name in lower case`);
	return found;
}

function selector(sent: unknown, at: string, isAllowed = isSelector): string {
	const found = text(sent, at, NAME_LIMIT);
	if (!isAllowed(found)) throw new Fault(`${at}: no selector`);
	return found;
}

function time(sent: unknown, at: string): string {
	const found = text(sent, at, 40);
	if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/.test(found) || Number.isNaN(new Date(found).getTime()))
		throw new Fault(`${at}: expected a time such as 2026-11-01T03:00:00.000Z`);
	return found;
}

/** Whether it is a key is for `stage` to say; here nothing but the characters of PEM comes through. */
function pem(sent: unknown, at: string): string {
	if (typeof sent !== "string" || sent.length > PEM_LIMIT || !/^[\x20-\x7e\r\n]*$/.test(sent))
		throw new Fault(`${at}: expected a private key in PEM`);
	return sent;
}
