/** When a server wants to be asked again (RFC 9110 section 10.2.3). */

/** No limit is counted by more than the day: beyond that the header, or a clock, is wrong, and nothing would be published. */
const LONGEST_MS = 86_400_000;

/**
 * In milliseconds from now, both forms understood; null if it does not say, or not so that it can be understood. A date is on
 * the server's clock, and so is that of its answer; `now` stands in for one that is not told.
 */
export function retryAfterMs(headers: Readonly<Record<string, string>>, now: Date): number | null {
	const value = headers["retry-after"]?.trim() ?? "";
	if (/^\d{1,9}$/.test(value)) return waitOfSeconds(Number(value));
	const waitMs = untilMoment(value, headers, now);
	return waitMs === null ? null : Math.min(waitMs, LONGEST_MS);
}

/** In milliseconds, of what an answer tells in its content. */
export function waitOfSeconds(seconds: number): number {
	return Math.min(seconds * 1000, LONGEST_MS);
}

function untilMoment(value: string, headers: Readonly<Record<string, string>>, now: Date): number | null {
	const at = momentOf(value);
	return at === null ? null : Math.max(0, at - (momentOf(headers["date"]?.trim() ?? "") ?? now.getTime()));
}

/** RFC 9110 section 5.6.7, the form that servers have to send; null for all else. */
function momentOf(text: string): number | null {
	if (!/^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(text)) return null;
	const at = Date.parse(text);
	return Number.isNaN(at) ? null : at;
}
