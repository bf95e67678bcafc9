/** What a receiver makes of a message, asking one server of the sender's zone. */

import { Resolver } from "node:dns/promises";
import { type DKIMResult, type DNSResolver, dkimVerify } from "mailauth";

export interface Receiver {
	readonly server: string;
	readonly resolve: DNSResolver;
}

export interface Verdict {
	readonly server: string;
	/** Of the signature that decided; null if there is none. */
	readonly selector: string | null;
	/** Of all of its signatures. */
	readonly selectors: readonly string[];
	/** Why the message is not accepted; null if it is. */
	readonly reason: string | null;
	/** Whether the server answered: a receiver tries again where it did not. */
	readonly isAnswered: boolean;
}

/** Asks each name once, so that a thousand messages are judged by one state of the DNS. */
export function receiverAt(server: string, patience = { timeout: 2000, tries: 3 }): Receiver {
	const resolver = new Resolver(patience);
	resolver.setServers([server]);
	const known = new Map<string, Promise<string[][] | string[]>>();
	return {
		server,
		resolve: async (name, type) => {
			const key = `${type} ${name}`;
			const answer = known.get(key) ?? ask(resolver, name, type);
			known.set(key, answer);
			return answer;
		},
	};
}

/** A server gives the alias alone where its target is in another zone: whoever receives mail has a resolver that follows it. */
async function ask(resolver: Resolver, name: string, type: string): Promise<string[][]> {
	const found = (await resolver.resolve(name, type)) as string[][];
	if (found.length > 0 || type !== "TXT") return found;
	const [target] = await resolver.resolveCname(name);
	return target === undefined ? found : resolver.resolveTxt(target);
}

export async function judge(message: Buffer, { server, resolve }: Receiver): Promise<Verdict> {
	const { headerFrom, results } = await dkimVerify(message, { resolver: resolve });
	const signatures = results.filter((result) => result.selector !== undefined);
	const bad = signatures.find((signature) => faultOf(signature, headerFrom) !== null);
	const shown = bad ?? signatures[0];
	const selectors = signatures.flatMap(({ selector }) => selector ?? []);
	if (shown === undefined) return { server, selector: null, selectors, reason: "unsigned", isAnswered: true };
	const isAnswered = shown.status.result !== "temperror";
	return {
		server,
		selector: shown.selector ?? null,
		selectors,
		reason: faultOf(shown, headerFrom),
		isAnswered,
	};
}

/** The same at many servers: those that say the same of the key are one receiver. */
export async function judgeAtAll(message: Buffer, receivers: readonly Receiver[]): Promise<Verdict[]> {
	const name = keyNameOf(message);
	const byAnswer = new Map<string, Promise<Verdict>>();
	return Promise.all(
		receivers.map(async (receiver) => {
			const answer = name === null ? "unsigned" : await answerOf(receiver, name);
			const same = byAnswer.get(answer) ?? judge(message, receiver);
			byAnswer.set(answer, same);
			return { ...(await same), server: receiver.server };
		}),
	);
}

async function answerOf({ resolve }: Receiver, name: string): Promise<string> {
	const asked = resolve(name, "TXT") as Promise<string[][]>;
	return asked.then(JSON.stringify, (error: NodeJS.ErrnoException) => error.code ?? error.message);
}

/** Where the key of its first signature stands; null if it has none. */
function keyNameOf(message: Buffer): string | null {
	const header = /^DKIM-Signature:((?:.*\r\n[ \t])*.*)\r\n/im.exec(message.toString("latin1"))?.[1];
	const tag = (name: string): string | undefined =>
		header === undefined ? undefined : new RegExp(`(?:^|;)\\s*${name}=\\s*([^;\\s]+)`).exec(header)?.[1];
	const [selector, domain] = [tag("s"), tag("d")];
	return selector === undefined || domain === undefined ? null : `${selector}._domainkey.${domain}`;
}

/** What the sender of the test numbered it with; null if it is not of that sender. */
export function numberOf(message: Buffer): number | null {
	const number = /^X-Number: (\d+)\r$/m.exec(message.toString("latin1"))?.[1];
	return number === undefined ? null : Number(number);
}

function faultOf({ signingDomain, status }: DKIMResult, headerFrom: readonly string[]): string | null {
	if (status.result !== "pass") return `${status.result}: ${status.comment ?? "no reason given"}`;
	const isAligned = headerFrom.some((address) => address.endsWith(`@${signingDomain}`));
	return isAligned ? null : `signed by ${signingDomain}, which is not its sender's domain`;
}
