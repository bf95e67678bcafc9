/** How `keyturn doctor` reads on a terminal: the gravest first, one paragraph each, those that are alike told once. */

import type { Finding, Severity } from "../doctor/finding.ts";
import { plural } from "../report/status-words.ts";
import { oneLine, wrap } from "../report/words.ts";

const WIDTH = 79;
const INDENT = "    ";
/** More names than this are counted. */
const MOST_NAMES = 3;

const MARKS: Readonly<Record<Severity, string>> = { critical: "CRITICAL", warning: "WARNING", info: "note" };

export function doctorText(
	findings: readonly Finding[],
	looked: { readonly domains: number; readonly checks: number },
): string {
	return [...alike(findings).map(paragraph), closing(findings, looked)].join("\n\n");
}

/** In the order given; the first stands for all that say the same of others. */
function alike(findings: readonly Finding[]): readonly (readonly [Finding, ...Finding[]])[] {
	const groups = new Map<string, [Finding, ...Finding[]]>();
	for (const one of findings) {
		const key = JSON.stringify([one.code, one.severity, general(one)]);
		const group = groups.get(key);
		if (group === undefined) groups.set(key, [one]);
		else group.push(one);
	}
	return [...groups.values()];
}

/** What is said, whomever it is said of. */
function general({ subject, summary }: Finding): string {
	return summary.replaceAll(subject.split(" ")[0] ?? subject, "");
}

function paragraph(group: readonly [Finding, ...Finding[]]): string {
	const [{ severity, code, summary }] = group;
	return [
		wrap(`${MARKS[severity]} ${code}: ${names(group)}`, WIDTH, "", INDENT),
		wrap(oneLine(summary), WIDTH, INDENT),
		...mending(group),
	].join("\n");
}

/** What is to be copied stays whole, however long it is. */
function mending([first, ...others]: readonly [Finding, ...Finding[]]): readonly string[] {
	const { advice, command } = first;
	const isForAll = others.every((one) => one.advice === advice && one.command === command);
	const each = isForAll ? null : "for each of them, the first being";
	if (command === null) {
		const told = [each, advice].filter((text) => text !== null).join(": ");
		return [wrap(`what to do: ${oneLine(told)}`, WIDTH, INDENT, `${INDENT}  `)];
	}
	const words = [advice, each].filter((text) => text !== null);
	const said = `what to do: ${oneLine(words.join("; "))}`;
	const copied = oneLine(command);
	if (words.length === 0 && INDENT.length + said.length + copied.length <= WIDTH)
		return [`${INDENT}${said}${copied}`];
	return [wrap(`${said.trimEnd().replace(/:$/, "")}:`, WIDTH, INDENT, `${INDENT}  `), `${INDENT}  ${copied}`];
}

function names(group: readonly Finding[]): string {
	const subjects = [...new Set(group.map(({ subject }) => oneLine(subject)))];
	if (subjects.length <= MOST_NAMES) return subjects.join(", ");
	return `${subjects.slice(0, MOST_NAMES).join(", ")} and ${subjects.length - MOST_NAMES} more`;
}

function closing(
	findings: readonly Finding[],
	{ domains, checks }: { readonly domains: number; readonly checks: number },
): string {
	const of = (severity: Severity): number => findings.filter((one) => one.severity === severity).length;
	const counts = [
		counted(of("critical"), "critical finding"),
		counted(of("warning"), "warning"),
		counted(of("info"), "note"),
	].filter((text) => text !== null);
	const looked = `${domains} ${plural("domain", domains)}, ${checks} checks`;
	return counts.length === 0 ? `nothing found: ${looked}` : `${counts.join(", ")}: ${looked}`;
}

function counted(count: number, what: string): string | null {
	if (count === 0) return null;
	return `${count} ${plural(what, count)}`;
}
