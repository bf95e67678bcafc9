/** What happened in a simulated run, kept short while it goes well and printed when a promise is broken. */

import { createHash } from "node:crypto";

export interface RunRecord {
	note(who: string, what: string): void;
	/** The newest lines, oldest first. */
	lines(limit: number): readonly string[];
	/** SHA-256 of everything that was ever noted; ends the record. */
	hash(): string;
}

const KEPT = 6000;
const HASHED_AT_ONCE = 65_536;

export function createRunRecord(elapsedMs: () => number): RunRecord {
	const entries: (readonly [number, string, string])[] = [];
	const everything = createHash("sha256");
	let unhashed = "";
	let next = 0;
	return {
		note: (who, what) => {
			unhashed += `${elapsedMs()} ${who} ${what}\n`;
			if (unhashed.length > HASHED_AT_ONCE) {
				everything.update(unhashed);
				unhashed = "";
			}
			entries[next % KEPT] = [elapsedMs(), who, what];
			next += 1;
		},
		hash: () => everything.update(unhashed).digest("hex"),
		lines: (limit) => {
			const count = Math.min(limit, entries.length, next);
			return Array.from({ length: count }, (_, index) => {
				const [atMs, who, what] = entries[(next - count + index) % KEPT] ?? [0, "", ""];
				return `${formatElapsed(atMs)}  ${who.padEnd(10)} ${what}`;
			});
		},
	};
}

/** `12d 03:04:05.678` since the beginning. */
export function formatElapsed(ms: number): string {
	const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
	const days = String(Math.floor(ms / 86_400_000)).padStart(3, " ");
	const clock = `${two((ms / 3_600_000) % 24)}:${two((ms / 60_000) % 60)}:${two((ms / 1000) % 60)}`;
	return `${days}d ${clock}.${String(ms % 1000).padStart(3, "0")}`;
}
