/** Collects the faults of one file, each with its place, and gives them in the order of the file. */

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

export interface FaultList {
	add(fault: NewFault): void;
	/** In the order of the file, none twice. */
	all(): readonly Fault[];
}

export function createFaultList(file: string, source: YamlSource): FaultList {
	const faults = new Map<string, Fault>();
	return {
		add({ path, rule, consequence, hint = null, on = "value" }) {
			const place = source.locate(path, on);
			const fault: Fault = {
				file,
				...place,
				path: formatPath(path),
				rule,
				value: on === "key" ? null : shownValue(source, path),
				consequence: consequence ?? consequenceOf(path),
				hint,
			};
			faults.set(`${fault.path}\n${rule}`, fault);
		},
		all: () => [...faults.values()].toSorted((a, b) => a.line - b.line || a.column - b.column),
	};
}

function shownValue(source: YamlSource, path: Path): string | null {
	const written = source.written(path);
	if (written === null || source.secret(path)) return null;
	return written === "" ? "nothing" : JSON.stringify(printable(written));
}
