import { describe, expect, it } from "vitest";
import { excerpt, inLines, inOneLine, withoutSecrets } from "../../src/dkim/foreign-text.ts";

describe("the text of others in one line", () => {
	it("stays as it is if nothing in it is obeyed by whoever shows it", () => {
		const text = 'v=DKIM1; n=Grüße, "日本" 🔑 \\n';
		expect(inOneLine(text)).toBe(text);
		expect(inLines(text)).toBe(text);
	});

	it.each([
		["a line feed", "a\nb", "a\\u000ab"],
		["a tab", "a\tb", "a\\u0009b"],
		["the escape of a terminal", "\u001b[2J", "\\u001b[2J"],
		["a control of Latin-1", "\u0085", "\\u0085"],
		["a mark that turns the direction of writing", "\u202eabc", "\\u202eabc"],
		["a space of no width", "a\ufeffb", "a\\ufeffb"],
		["half a character", "a\ud83d", "a\\ud83d"],
		["separators of lines and paragraphs", "\u2028\u2029", "\\u2028\\u2029"],
		["a format that takes two units", "\u{e0001}", "\\udb40\\udc01"],
	])("shows %s as its code", (_what, text, shown) => {
		expect(inOneLine(text)).toBe(shown);
	});

	it("says the same as JSON", () => {
		const text = "\u0000\u001f\u007f\u{e0001}\u2028";
		expect(JSON.parse(`"${inOneLine(text)}"`)).toBe(text);
	});
});

describe("the text of others in lines", () => {
	it("keeps its line feeds and tabs, and nothing else that is obeyed", () => {
		expect(inLines("a\n\tb\r\n\u001bc\u2028")).toBe("a\n\tb\\u000d\n\\u001bc\\u2028");
	});
});

describe("an excerpt", () => {
	it("is the whole text as long as that is not too long, else its beginning and a mark", () => {
		expect(excerpt("abcde", 5)).toBe("abcde");
		expect(excerpt("abcdef", 5)).toBe("abcde…");
		expect(excerpt("", 5)).toBe("");
	});

	it("is in one line, whether cut or not", () => {
		expect(excerpt("a\nb", 5)).toBe("a\\u000ab");
		expect(excerpt("a\nbcd", 3)).toBe("a\\u000ab…");
	});
});

it.each(["?key=it%27s%20p%40ss%21&", "?key=it's%20p%40ss!&", "?key=it%27s+p%40ss%21&"])(
	"a secret is not told as %s, a part of an address",
	(query) => {
		expect(withoutSecrets(query, ["it's p@ss!"])).toBe("?key=…&");
	},
);

it("what is no text of its own, half a character, is looked for all the same", () => {
	expect(withoutSecrets("token half\ud800-of-it", ["half\ud800-of-it"])).toBe("token …");
});
