/** The records that a master file and the files it includes make. */

import { type Line, linesOf, NotUnderstood, type Token } from "./tokens.ts";

export interface FileRecord {
	/** Absolute, lower case, without the final dot. */
	readonly owner: string;
	/** Null where the file leaves it to the server. */
	readonly ttl: string | null;
	/** Upper case. */
	readonly type: string;
	readonly data: readonly Token[];
	readonly line: Line;
	/** Stands in an included file. */
	readonly isIncluded: boolean;
}

interface Context {
	origin: string;
	/** `$TTL`, RFC 2308 section 4. */
	defaultTtl: string | null;
	lastTtl: string | null;
	lastOwner: string | null;
}

/** The content of an included file as Latin-1. */
export type ReadIncluded = (path: string) => Promise<string>;

const TTL = /^\d+$|^(\d+[smhdw])+$/i;
const CLASS = /^(in|ch|hs|cs|any)$/i;
const MOST_DEPTH = 8;

/** Throws NotUnderstood. */
export async function recordsOf(
	text: string,
	zone: string,
	readIncluded: ReadIncluded,
): Promise<readonly FileRecord[]> {
	const context = { origin: zone, defaultTtl: null, lastTtl: null, lastOwner: null };
	return recordsIn(text, context, readIncluded, 0);
}

async function recordsIn(
	text: string,
	context: Context,
	readIncluded: ReadIncluded,
	depth: number,
): Promise<readonly FileRecord[]> {
	if (depth > MOST_DEPTH) throw new NotUnderstood(`$INCLUDE is nested more than ${MOST_DEPTH} times`);
	const records: FileRecord[] = [];
	for (const line of linesOf(text)) {
		const [first, ...rest] = line.tokens;
		if (first === undefined) continue;
		if (!first.raw.startsWith("$") || line.isIndented) {
			records.push(recordOf(line, context, depth > 0));
			continue;
		}
		const [argument, origin] = rest;
		switch (first.raw.toUpperCase()) {
			case "$ORIGIN":
				context.origin = nameOf(argument, context);
				break;
			case "$TTL":
				context.defaultTtl = argument?.text ?? null;
				break;
			case "$GENERATE":
				mustNotMatter(rest);
				break;
			case "$INCLUDE": {
				const before = { origin: context.origin, lastOwner: context.lastOwner };
				if (origin !== undefined) context.origin = nameOf(origin, context);
				const included = await readIncluded(argument?.text ?? "");
				records.push(...(await recordsIn(included, context, readIncluded, depth + 1)));
				Object.assign(context, before);
				break;
			}
			default:
				throw new NotUnderstood(`${first.raw} is not known here`);
		}
	}
	return records;
}

function recordOf(line: Line, context: Context, isIncluded: boolean): FileRecord {
	const rest = [...line.tokens];
	if (!line.isIndented) context.lastOwner = nameOf(rest.shift(), context);
	const owner = context.lastOwner;
	if (owner === null) throw new NotUnderstood("the first record has no owner");
	let stated: string | null = null;
	while (rest[0] !== undefined && (TTL.test(rest[0].raw) || CLASS.test(rest[0].raw))) {
		const { raw } = rest.shift() as Token;
		if (TTL.test(raw)) stated = raw;
		else if (!/^in$/i.test(raw)) throw new NotUnderstood(`${owner}: class ${raw} is not known here`);
	}
	if (stated !== null) context.lastTtl = stated;
	const [type, ...data] = rest;
	if (type === undefined) throw new NotUnderstood(`${owner}: a record without a type`);
	if (/^type\d+$/i.test(type.raw) || data[0]?.raw === "\\#")
		throw new NotUnderstood(`${owner}: a record in the form of RFC 3597 is not known here`);
	const ttl = stated ?? context.defaultTtl ?? context.lastTtl;
	return { owner, ttl, type: type.raw.toUpperCase(), data, line, isIncluded };
}

/** An escaped dot belongs to a label, which no name of ours has. */
function nameOf(token: Token | undefined, { origin }: Context): string {
	if (token === undefined) throw new NotUnderstood("a name is missing");
	if (token.raw === "@") return origin;
	if (/\\\.|\\046/.test(token.raw)) return token.raw.toLowerCase();
	const name = token.text.toLowerCase();
	if (name.endsWith(".")) return name.slice(0, -1);
	return origin === "" ? name : `${name}.${origin}`;
}

/** What `$GENERATE` makes is not worked out. */
function mustNotMatter(tokens: readonly Token[]): void {
	if (tokens.some(({ raw }) => /^(txt|cname|dname|type\d+)$/i.test(raw)))
		throw new NotUnderstood("$GENERATE makes TXT or CNAME records");
}
