import { expect, test } from "vitest";
import { childAt, escapeXml, parseXml, textAt } from "../../../src/publishing/api/xml.ts";

test("reads elements, attributes and text with its entities", () => {
	const root = parseXml(
		'<?xml version="1.0"?>\n<a xmlns="urn:x"><b n=\'1 &amp; 2\'/><c> <d>&quot;x&quot; &#60;&#x3c;</d> </c></a>\n',
	);
	expect(childAt(root, "b").attributes).toEqual({ n: "1 & 2" });
	expect(textAt(root, "c", "d")).toBe('"x" <<');
	expect(childAt(root, "c").text).toBe("");
});

test("what is escaped comes back", () => {
	const text = `"v=DKIM1; p=" <&> 'x'`;
	expect(parseXml(`<a n="${escapeXml(text)}">${escapeXml(text)}</a>`)).toMatchObject({
		text,
		attributes: { n: text },
	});
});

test.each([
	"",
	"no XML",
	"{}",
	"<a>",
	"</a>",
	"<a></b>",
	"<a><b></a></b>",
	"<a/><b/>",
	"<a/>text",
	"<a>&unknown;</a>",
	"<a>& b</a>",
	"<a>&#xffffff;</a>",
	"<a>&#xd800;</a>",
	"<a>&constructor;</a>",
	"<a b=c/>",
	'<a b="<"/>',
	"<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>",
	"<a><!-- comment --></a>",
	"<a><![CDATA[text]]></a>",
	"<a><?php ?></a>",
	"<a>".repeat(40) + "</a>".repeat(40),
])("%s is refused", (text) => {
	expect(() => parseXml(text)).toThrow();
});

test("one child is one: none or two are an error", () => {
	const root = parseXml("<a><b/><b/></a>");
	expect(() => childAt(root, "b")).toThrow("<a> has not one <b>");
	expect(() => childAt(root, "c")).toThrow("<a> has not one <c>");
});
