import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { renderPage } from "../../src/report/page.ts";
import type { TroubleShown } from "../../src/report/status.ts";
import { NOTHING_WANTED } from "../../src/rotation/domain-state.ts";
import { keyEntry } from "../fakes/policies.ts";
import { domainFacts, eventOf, sampleLook, sampleStatus, statusOf, troubleOf } from "./sample.ts";

function page(
	domains: readonly string[] = ["example.com"],
	troubles: readonly TroubleShown[] = [],
	said = "done",
) {
	return renderPage({
		status: sampleStatus(domains, troubles),
		lookAt: (_, selector) => sampleLook(selector),
		events: [eventOf(said)],
		timezone: "Europe/Berlin",
	});
}

function between(text: string, tag: string): string {
	return new RegExp(`<${tag}>([^]*?)</${tag}>`).exec(text)?.[1] ?? "";
}

describe("the page", () => {
	test("says whether it is well, what signs, what comes next, and when", () => {
		const text = page();
		expect(text).toContain("✓</span> 1 of 1 domain signing, no trouble");
		expect(text).toContain("<code>202611</code>");
		expect(text).toContain("in 39 h");
		expect(text).toContain("202612 is published; not every server was seen serving it yet");
		expect(text).toContain("2026-11-28 04:00 +01:00, 33 h ago");
	});

	test("has every server's answer for every key that is advertised", () => {
		const text = page();
		expect(text.match(/<th scope="row">ns[12]\.example\.com/g)).toHaveLength(2);
		expect(text.match(/✓<\/span> right, TTL 3600, serial 2026112901/g)).toHaveLength(5);
		expect(text.match(/✗<\/span> absent name/g)).toHaveLength(1);
		expect(text).toContain("ns2.example.com says that there is no such name");
	});

	test("has each record to be copied, but no key that is gone", () => {
		const text = page();
		expect(text.match(/class="value"/g)).toHaveLength(3);
		expect(text).toContain("202612._domainkey.example.com");
		expect(text).not.toContain("Record of <code>202609</code>");
	});

	test("a trouble makes the host and its domain ill, in words", () => {
		const text = page(["example.com", "example.org"], [troubleOf("it broke", "example.org")]);
		expect(text).toContain("<title>trouble: keyturn on mx1</title>");
		expect(text).toContain("critical: verification_failed");
		expect(text).toContain("<strong>What to do:</strong> it broke");
		expect(text).toMatch(/example\.org<\/a>[^]*?✗<\/span> published/);
	});

	test("a domain that is leaving, and signs as yet, stands for none that does not sign", () => {
		const staying = domainFacts("example.org");
		const leaving = domainFacts("example.com");
		if (leaving.state === null || staying.state === null) throw new Error("no state");
		const remove = { id: "w", askedAt: "2026-11-29T11:00:00.000Z" };
		const status = statusOf([
			{ ...leaving, state: { ...leaving.state, wants: { ...NOTHING_WANTED, remove } } },
			{ ...staying, state: { ...staying.state, keys: [keyEntry({ state: "published" })] } },
		]);
		const text = renderPage({ status, lookAt: () => null, events: [], timezone: "UTC" });
		expect(text).toContain("<title>trouble: keyturn on mx1</title>");
		expect(text).toContain("✗</span> 1 of 2 domains signing, no trouble");
	});

	test("lets run what it brought itself, and nothing else", () => {
		const text = page();
		const hash = (source: string): string => `sha256-${createHash("sha256").update(source).digest("base64")}`;
		const policy = /content="(default-src[^"]*)"/.exec(text)?.[1];
		expect(policy).toBe(
			`default-src 'none'; style-src '${hash(between(text, "style"))}'; script-src '${hash(between(text, "script"))}'; base-uri 'none'; form-action 'none'`,
		);
		expect(text).not.toMatch(/ (?:style|on\w+)="|https?:|src=/);
	});

	test.each([
		'<img src=x onerror="alert(1)">',
		"</script><script>alert(1)</script>",
		"\u202Eevil\u001B[2J",
		"' onload='x",
	])("shows others' words, and obeys none: %j", (words) => {
		const calm = page(["example.com"], [troubleOf("calm", "example.com")], "calm");
		const text = page(["example.com"], [troubleOf(words, "example.com")], words);
		expect(text).not.toContain(words);
		expect(tagsOf(text)).toEqual(tagsOf(calm));
		for (const obeyed of ["\u202E", "\u001B"]) expect(text).not.toContain(obeyed);
	});

	test("folds the domains where there are many", () => {
		const names = Array.from({ length: 200 }, (_, index) => `d${index}.test`);
		expect(page(names).match(/<details id="d\d+">/g)).toHaveLength(200);
		expect(page(names.slice(0, 3)).match(/<details id="d\d+" open>/g)).toHaveLength(3);
	});
});

function tagsOf(text: string): readonly string[] {
	return text.match(/<[^>]*>/g) ?? [];
}
