/** Durations as they are written in keyturn.yaml: `90s`, `15m`, `36h`, `14d`. */

import * as z from "zod";

const UNITS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const LONGEST_MS = 3650 * UNITS.d;
const RULE = "must be a duration such as 90s, 15m, 36h or 14d";

/** To milliseconds. */
export const duration = z
	.string({ error: RULE })
	.regex(/^\d{1,9}[smhd]$/, { error: RULE })
	.transform((text, context) => {
		const ms = durationMs(text);
		if (ms === null || ms > LONGEST_MS) {
			context.issues.push({ code: "custom", message: "must be at most 3650d", input: text });
			return z.NEVER;
		}
		return ms;
	});

/** Null if it is none. */
export function durationMs(text: string): number | null {
	const match = /^(\d{1,9})([smhd])$/.exec(text);
	if (match === null) return null;
	const [, count = "", unit = ""] = match;
	return Number(count) * UNITS[unit as keyof typeof UNITS];
}

/** In the largest unit that loses nothing. */
export function formatDuration(ms: number): string {
	for (const unit of ["d", "h", "m"] as const)
		if (ms !== 0 && ms % UNITS[unit] === 0) return `${ms / UNITS[unit]}${unit}`;
	return `${ms / UNITS.s}s`;
}
