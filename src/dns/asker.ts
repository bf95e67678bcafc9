/** The questions of one look: each asked once, only so many at a time, all ended by one signal. */

import type { Answer, QuestionType, Resolver, Server } from "../ports/resolver.ts";

const MAX_AT_ONCE = 16;

export interface Place {
	readonly address: string;
	readonly port: number;
}

export interface Asker {
	/** An authoritative server, without recursion. */
	ask(place: Place, name: string, type: QuestionType): Promise<Answer>;
	/** A recursive resolver. */
	askRecursive(server: Server, name: string, type: QuestionType): Promise<Answer>;
	systemResolvers(): Promise<readonly Server[]>;
}

/** For one look only: answers are remembered and never expire. */
export function createAsker(resolver: Resolver, signal: AbortSignal): Asker {
	const asked = new Map<string, Promise<Answer>>();
	const limit = createLimit(MAX_AT_ONCE);

	function ask(server: Server, name: string, type: QuestionType, recursive: boolean): Promise<Answer> {
		const key = `${serverName(server)} ${name} ${type} ${String(recursive)}`;
		const before = asked.get(key);
		if (before !== undefined) return before;
		const answer = limit(async (): Promise<Answer> => {
			if (signal.aborted) return { kind: "timeout" };
			return resolver.ask(server, { name, type, recursive, dnssec: true }, signal);
		});
		asked.set(key, answer);
		return answer;
	}

	return {
		ask: (place, name, type) => ask(place, name, type, false),
		askRecursive: (server, name, type) => ask(server, name, type, true),
		systemResolvers: () => resolver.systemResolvers(),
	};
}

/** As in the configuration: the port only where it is not 53. */
export function serverName(server: Server): string {
	if ("url" in server) return server.url;
	if (server.port === 53) return server.address;
	return server.address.includes(":")
		? `[${server.address}]:${server.port}`
		: `${server.address}:${server.port}`;
}

function createLimit(most: number): <T>(work: () => Promise<T>) => Promise<T> {
	const waiting: (() => void)[] = [];
	let running = 0;
	return async (work) => {
		if (running >= most) await new Promise<void>((resolve) => waiting.push(resolve));
		else running++;
		try {
			return await work();
		} finally {
			const next = waiting.shift();
			if (next === undefined) running--;
			else next();
		}
	};
}
