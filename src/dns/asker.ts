/** The questions of one look: each asked once, only so many at a time, all ended by one signal. */

import type { Answer, Question, QuestionType, Resolver, Server } from "../ports/resolver.ts";

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
	/** Whether it has let a question of this look time out. */
	isSilent(server: Server): boolean;
}

/** For one look only: answers are remembered and never expire. */
export function createAsker(resolver: Resolver, signal: AbortSignal): Asker {
	const asked = new Map<string, Promise<Answer>>();
	const silent = new Set<string>();
	const limit = createLimit(MAX_AT_ONCE);

	/** A silent server is waited for once more, for the record itself: some drop questions of types they do not know. */
	async function askNow(server: Server, question: Question): Promise<Answer> {
		const skipped = !question.recursive && question.type !== "TXT" && silent.has(serverName(server));
		if (signal.aborted || skipped) return { kind: "timeout" };
		const answer = await resolver.ask(server, question, signal);
		if (answer.kind === "timeout") silent.add(serverName(server));
		return answer;
	}

	function ask(server: Server, name: string, type: QuestionType, recursive: boolean): Promise<Answer> {
		const key = `${serverName(server)} ${name} ${type} ${String(recursive)}`;
		const before = asked.get(key);
		if (before !== undefined) return before;
		const answer = limit(() => askNow(server, { name, type, recursive, dnssec: true }));
		asked.set(key, answer);
		return answer;
	}

	return {
		ask: (place, name, type) => ask(place, name, type, false),
		askRecursive: (server, name, type) => ask(server, name, type, true),
		systemResolvers: () => resolver.systemResolvers(),
		isSilent: (server) => silent.has(serverName(server)),
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
