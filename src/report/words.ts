/** How times, lengths of time and text of others read, on a terminal and on a page. */

import { inLines } from "../dkim/foreign-text.ts";
import { localTime } from "../rotation/slots.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** `2026-12-01 03:00 +01:00, in 6 d` */
export function moment(at: Date, now: Date, timezone: string): string {
	return `${localMinute(at, timezone)}, ${relative(at, now)}`;
}

/** `in 6 d`, `3 h ago`, `now` */
export function relative(at: Date, now: Date): string {
	const ms = at.getTime() - now.getTime();
	const length = duration(Math.abs(ms));
	if (length === "0 s") return "now";
	return ms > 0 ? `in ${length}` : `${length} ago`;
}

/** As `relative`, in one unit: for a narrow column. */
export function roughly(at: Date, now: Date): string {
	const ms = at.getTime() - now.getTime();
	const isLong = Math.abs(ms) >= HOUR_MS;
	return relative(new Date(now.getTime() + (isLong ? Math.trunc(ms / HOUR_MS) * HOUR_MS : ms)), now);
}

/** One unit, two below a day: `6 d`, `2 h 10 min`, `45 s`. */
export function duration(lengthMs: number): string {
	const ms = Math.round(lengthMs / 1000) * 1000;
	if (ms >= 2 * DAY_MS) return `${Math.floor(ms / DAY_MS)} d`;
	if (ms >= HOUR_MS) {
		const minutes = Math.floor((ms % HOUR_MS) / MINUTE_MS);
		return `${Math.floor(ms / HOUR_MS)} h${minutes === 0 ? "" : ` ${minutes} min`}`;
	}
	if (ms >= MINUTE_MS) return `${Math.floor(ms / MINUTE_MS)} min`;
	return `${ms / 1000} s`;
}

/** The wall clock of the zone, with its offset. */
export function localMinute(at: Date, timezone: string): string {
	const local = localTime(at, timezone);
	const two = (value: number): string => String(value).padStart(2, "0");
	const wall = Date.UTC(local.year, local.month - 1, local.day, local.hour, local.minute);
	const minutes = Math.round((wall - Math.floor(at.getTime() / MINUTE_MS) * MINUTE_MS) / MINUTE_MS);
	const offset = `${minutes < 0 ? "-" : "+"}${two(Math.floor(Math.abs(minutes) / 60))}:${two(Math.abs(minutes) % 60)}`;
	return `${local.year}-${two(local.month)}-${two(local.day)} ${two(local.hour)}:${two(local.minute)} ${offset}`;
}

/** RFC 3339 times inside a sentence, as the wall clock of the zone has them. */
export function inLocalTime(text: string, timezone: string): string {
	return text.replace(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, (found) => {
		const at = new Date(found);
		// Others' text may have what only looks like a time.
		return Number.isNaN(at.getTime()) ? found : localMinute(at, timezone);
	});
}

/** Text from DNS, providers and files may hold escape sequences and invisible characters: shown, never obeyed. */
export function plain(text: string): string {
	return inLines(text);
}

/** What others wrote, as part of a line of ours: it cannot begin one of its own. */
export function oneLine(text: string): string {
	return plain(text).replaceAll(/[\n\t]/g, " ");
}

/**
 * Breaks at blanks, so that no line is longer than `width`, but for a word that is: what is to be copied stays whole. The first
 * line begins with `indent`, all others with `hanging`: a line feed in foreign text makes no line that looks like ours.
 */
export function wrap(text: string, width: number, indent = "", hanging = indent): string {
	return plain(text)
		.split("\n")
		.map((paragraph, index) => wrapParagraph(paragraph, width, [index === 0 ? indent : hanging, hanging]))
		.join("\n");
}

function wrapParagraph(paragraph: string, width: number, [indent, hanging]: [string, string]): string {
	const lines: string[] = [];
	let line: string | null = null;
	for (const word of paragraph.split(" ")) {
		const longer: string = line === null ? indent + word : `${line} ${word}`;
		if (line !== null && longer.length > width) {
			lines.push(line);
			line = hanging + word;
		} else line = longer;
	}
	return [...lines, line ?? indent].join("\n");
}
