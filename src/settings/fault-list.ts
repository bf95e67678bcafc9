/** Collects the faults of one file, each with its place, and gives them in the order of the file. */

import { inOneLine } from "../dkim/foreign-text.ts";
import { type Fault, formatPath, type Path, printable } from "./faults.ts";
import { consequenceOf } from "./consequences.ts";
import type { YamlSource } from "./yaml-source.ts";

export interface NewFault {
	readonly path: Path;
	readonly rule: string;
	/** By default what the key's own row in consequences.ts says. */
	readonly consequence?: string;
	readonly hint?: string | null;
	/** Where to point; by default at the value. */
	readonly on?: "key" | "value";
}

/** Nobody reads more, and each costs a look at the whole file. */
const LIMIT = 300;

export interface FaultList {
	/** Beyond some hundreds they are passed over. */
	add(fault: NewFault): void;
	isFull(): boolean;
	/** In the order of the file, none twice; at the end whether there may be more. */
	all(): readonly Fault[];
}

export function createFaultList(file: string, source: YamlSource): FaultList {
	const faults = new Map<string, Fault>();
	const isFull = (): boolean => faults.size >= LIMIT;
	return {
		isFull,
		add({ path, rule, consequence, hint = null, on = "value" }) {
			if (isFull()) return;
			const place = source.locate(path, on);
			const fault: Fault = {
				file,
				...place,
				path: formatPath(path),
				rule: inOneLine(rule),
				value: on === "key" ? null : shownValue(source, path),
				consequence: consequence ?? consequenceOf(path),
				hint: hint === null ? null : inOneLine(hint),
			};
			faults.set(`${fault.path}\n${rule}`, fault);
		},
		all: () => [
			...[...faults.values()].toSorted((a, b) => a.line - b.line || a.column - b.column),
			...(isFull() ? [andMore(file)] : []),
		],
	};
}

function andMore(file: string): Fault {
	return {
		file,
		line: 1,
		column: 1,
		path: "",
		rule: `must have fewer faults: no more than ${LIMIT} are told at once`,
		value: null,
		consequence: "what else is wrong is told once these are mended",
		hint: "so many mostly have one cause: a name misspelt once, a section one level too deep",
		excerpt: null,
	};
}

function shownValue(source: YamlSource, path: Path): string | null {
	const written = source.written(path);
	if (written === null || source.secret(path)) return null;
	return written === "" ? "nothing" : JSON.stringify(printable(written));
}
