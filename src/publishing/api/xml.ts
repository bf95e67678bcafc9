/** Reads the few answers that come as XML: elements, attributes and text, and nothing beyond that. */

export interface XmlElement {
	readonly name: string;
	readonly attributes: Readonly<Record<string, string>>;
	readonly children: readonly XmlElement[];
	/** Of an element without children. */
	readonly text: string;
}

interface OpenElement {
	readonly name: string;
	readonly attributes: Record<string, string>;
	readonly children: XmlElement[];
	text: string;
}

const MOST_DEPTH = 32;
const TOKEN =
	/<(\/?)([A-Za-z_][\w.:-]*)((?:\s+[A-Za-z_][\w.:-]*\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>|([^<]+)/y;
const ATTRIBUTE = /([A-Za-z_][\w.:-]*)\s*=\s*(?:"([^"<]*)"|'([^'<]*)')/g;
const ENTITIES: ReadonlyMap<string, string> = new Map([
	["amp", "&"],
	["lt", "<"],
	["gt", ">"],
	["quot", '"'],
	["apos", "'"],
]);

/** Throws where it is not well formed, or has a document type, a comment, CDATA or an instruction: no interface sends them. */
export function parseXml(content: unknown): XmlElement {
	if (typeof content !== "string") throw new Error("it is no XML");
	const text = content.replace(/^\uFEFF?\s*(?:<\?xml[^?<>]*\?>)?\s*/, "").trimEnd();
	const root: OpenElement = { name: "", attributes: {}, children: [], text: "" };
	const open = [root];
	TOKEN.lastIndex = 0;
	while (TOKEN.lastIndex < text.length) {
		const token = TOKEN.exec(text);
		if (token === null) throw new Error("it is no well-formed XML");
		take(token, open);
	}
	const [element, ...others] = root.children;
	if (element === undefined || others.length > 0 || open.length > 1 || root.text !== "")
		throw new Error("it is no XML document");
	return element;
}

function take(
	[, closes, name = "", attributes = "", isEmpty, text]: RegExpExecArray,
	open: OpenElement[],
): void {
	const parent = open.at(-1);
	if (parent === undefined) throw new Error("an element is closed that was not opened");
	if (text !== undefined) {
		parent.text += unescaped(text);
		return;
	}
	if (closes === "/") {
		if (parent.name !== name || open.length === 1) throw new Error(`</${name}> closes another element`);
		if (parent.children.length > 0) parent.text = "";
		open.pop();
		return;
	}
	const element = { name, attributes: attributesIn(attributes), children: [], text: "" };
	parent.children.push(element);
	if (isEmpty === "/") return;
	if (open.length > MOST_DEPTH) throw new Error("its elements are too deep");
	open.push(element);
}

function attributesIn(text: string): Record<string, string> {
	return Object.fromEntries(
		[...text.matchAll(ATTRIBUTE)].map(([, name = "", one, other]) => [name, unescaped(one ?? other ?? "")]),
	);
}

function unescaped(text: string): string {
	return text.replace(
		/&(?:#(\d{1,7})|#x([0-9a-fA-F]{1,6})|(\w+))?;?/g,
		(whole, decimal, hex, name: string) => {
			const code = decimal ?? (hex === undefined ? undefined : Number.parseInt(String(hex), 16));
			const character = code === undefined ? ENTITIES.get(name) : String.fromCodePoint(Number(code));
			if (character === undefined || !whole.endsWith(";") || /\p{Cs}/u.test(character))
				throw new Error(`${whole} means nothing in XML`);
			return character;
		},
	);
}

/** As the text of an element or the value of an attribute. */
export function escapeXml(text: string): string {
	return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

export function childrenOf(element: XmlElement, name: string): readonly XmlElement[] {
	return element.children.filter((child) => child.name === name);
}

/** The only child of that name, along a path of names; throws if there is none or several. */
export function childAt(element: XmlElement, ...path: readonly string[]): XmlElement {
	return path.reduce((parent, name) => {
		const [child, ...others] = childrenOf(parent, name);
		if (child === undefined || others.length > 0) throw new Error(`<${parent.name}> has not one <${name}>`);
		return child;
	}, element);
}

export function textAt(element: XmlElement, ...path: readonly string[]): string {
	return childAt(element, ...path).text;
}
