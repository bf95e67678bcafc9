/** When a server wants to be asked again (RFC 9110 section 10.2.3). */

/** In milliseconds from now, both forms understood; null if it does not say, or not so that it can be understood. */
export function retryAfterMs(headers: Readonly<Record<string, string>>, now: Date): number | null {
	const value = headers["retry-after"]?.trim() ?? "";
	if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
	if (!/^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(value)) return null;
	const at = Date.parse(value);
	return Number.isNaN(at) ? null : Math.max(0, at - now.getTime());
}
