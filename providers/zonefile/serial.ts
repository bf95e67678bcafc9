/** The next serial of a zone. */

const WRAP = 2 ** 32;

/** Greater in the sense of RFC 1982; one that is made of a date and two digits goes on with today's (RFC 1912 section 2.2). */
export function nextSerial(serial: number, now: Date): number {
	const today = Number(now.toISOString().slice(0, 10).replaceAll("-", "")) * 100;
	if (isDated(serial) && serial < today) return today;
	// 0 is greater than no serial to some servers.
	return (serial + 1) % WRAP || 1;
}

function isDated(serial: number): boolean {
	const [, year, month, day] = /^(\d{4})(\d{2})(\d{2})\d{2}$/.exec(String(serial))?.map(Number) ?? [];
	if (year === undefined || month === undefined || day === undefined) return false;
	return year >= 1990 && year <= 2100 && month >= 1 && month <= 12 && day >= 1 && day <= 31;
}
