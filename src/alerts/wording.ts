/** An event in words, for people who read it on a phone: first what is the matter, then what to do. */

import type { KeyturnEvent } from "../ports/alert-sink.ts";

/** One line, at most `most` characters. */
export function headline(event: KeyturnEvent, most: number): string {
	const line = `${mark(event)} ${event.host}: ${event.summary}`;
	return line.length <= most ? line : `${line.slice(0, most - 1)}…`;
}

/** What there is to do and to know, a paragraph each; the summary is not among them. */
export function paragraphs(event: KeyturnEvent): readonly string[] {
	const { hint, detail, domains, since, count, phase } = event;
	return [
		...(hint === null ? [] : [`What to do: ${hint}`]),
		...(detail === null ? [] : [detail]),
		...(domains.length > 1 ? [`Domains: ${domains.join(", ")}`] : []),
		...(since === null ? [] : [lasting(since, count, phase)]),
	];
}

function mark({ phase, severity }: KeyturnEvent): string {
	return phase === "end" ? "OVER" : severity.toUpperCase();
}

function lasting(since: string, count: number, phase: KeyturnEvent["phase"]): string {
	if (phase === "end") return `It began at ${since}.`;
	return count === 1 ? `Since ${since}.` : `Since ${since}; told ${count} times.`;
}
