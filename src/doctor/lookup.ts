/** Asks DNS as receivers do, through the resolvers of a domain's configuration; each name once. */

import type { PolicyAnswer, PolicyLookup, PolicyRecordType } from "../ports/mail-policies.ts";
import type { Answer, QuestionType, ResourceRecord, Resolver, Server } from "../ports/resolver.ts";
import type { VerifyPolicy } from "../rotation/policy.ts";
import type { Texts } from "./facts.ts";

export interface Lookup {
	/** Never fails. */
	readonly ask: PolicyLookup;
	/** The joined texts at a name; none is an empty list. */
	texts(name: string, type?: "TXT" | "SPF"): Promise<Texts>;
}

export function createLookup(resolver: Resolver, verify: VerifyPolicy, signal: AbortSignal): Lookup {
	const asked = new Map<string, Promise<PolicyAnswer>>();
	let servers: Promise<readonly Server[]> | null = null;
	const remember = async (name: string, type: PolicyRecordType | "SPF"): Promise<PolicyAnswer> => {
		const key = `${type} ${name}`;
		const known =
			asked.get(key) ??
			askAny(resolver, await (servers ??= serversOf(resolver, verify)), { name, type, signal });
		asked.set(key, known);
		return known;
	};
	return {
		ask: remember,
		async texts(name, type = "TXT") {
			const answer = await remember(name, type);
			if (answer.kind === "unknown") return answer;
			return { kind: "texts", values: answer.kind === "found" ? answer.values : [] };
		},
	};
}

/** Where none is configured, those of this host; where it has none either, the servers that stand for the zone's own. */
async function serversOf(resolver: Resolver, verify: VerifyPolicy): Promise<readonly Server[]> {
	const named: Server[] = verify.via.flatMap((way) => (typeof way === "object" ? [way] : []));
	for (const one of verify.resolvers)
		named.push(...(one === "system" ? await resolver.systemResolvers() : [one]));
	if (named.length > 0) return named;
	const own = await resolver.systemResolvers();
	return own.length > 0 || verify.nameservers === "auto" ? own : verify.nameservers;
}

interface Asked {
	readonly name: string;
	readonly type: PolicyRecordType | "SPF";
	readonly signal: AbortSignal;
}

/** The next is asked where one says nothing. */
async function askAny(
	resolver: Resolver,
	servers: readonly Server[],
	{ name, type, signal }: Asked,
): Promise<PolicyAnswer> {
	let why = "no resolver is known to this host";
	for (const server of servers) {
		const question = { name, type: type satisfies QuestionType, recursive: true, dnssec: false };
		const answer = await resolver.ask(server, question, signal);
		if (answer.kind === "message") return read(answer, type);
		why = `${type} ${name}: ${nameOf(server)} ${failure(answer)}`;
	}
	return { kind: "unknown", why };
}

function read(answer: Extract<Answer, { readonly kind: "message" }>, type: Asked["type"]): PolicyAnswer {
	const values = answer.answers.flatMap((record) => (record.type === type ? [valueOf(record)] : []));
	return values.length === 0 ? { kind: "absent" } : { kind: "found", values };
}

function valueOf({ data }: ResourceRecord): string {
	switch (data.kind) {
		case "txt":
			return data.strings.map((part) => Buffer.from(part).toString("latin1")).join("");
		case "address":
			return data.address;
		case "name":
		case "mail_exchange":
			return data.target;
		default:
			return "";
	}
}

function nameOf(server: Server): string {
	return "url" in server ? server.url : server.address;
}

function failure(answer: Exclude<Answer, { readonly kind: "message" }>): string {
	switch (answer.kind) {
		case "servfail":
			return "answers SERVFAIL";
		case "refused":
			return "refuses to answer";
		case "rcode":
			return `answers ${answer.rcode}`;
		case "malformed":
			return `gives no answer that can be read (${answer.why})`;
		default:
			return "does not answer";
	}
}
