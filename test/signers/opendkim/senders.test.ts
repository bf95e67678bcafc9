import { expect, test } from "vitest";
import type { SignerChange } from "../../../src/ports/signer.ts";
import { parseKeyTable } from "../../../src/signers/opendkim/key-table.ts";
import { withSenders } from "../../../src/signers/opendkim/senders.ts";
import { createSigningTable } from "../../../src/signers/opendkim/signing-table.ts";
import { guideHost } from "./guide-signer.ts";

const bytes = (text: string) => new Uint8Array(Buffer.from(text, "latin1"));

function expanded(keys: string, signing: string, kind: "file" | "refile" = "refile") {
	return withSenders(parseKeyTable(bytes(keys)), createSigningTable(kind, bytes(signing), false)).map(
		({ name, domain, path, problem }) => ({ name, domain, path, problem }),
	);
}

const turn = (domain: string, keyPath: string, selector = "202611"): SignerChange => ({
	domain,
	from: "202610",
	to: { selector, keyPath },
});

test("a line with % stands for each domain whose mail the signing table gives to it", () => {
	expect(
		expanded(
			"all %:202610:/k/%/one.key\nown example.net:a:/k/own\n",
			"*@Example.com all\nnews@example.org all\n*@example.net own\n",
		),
	).toEqual([
		{ name: "all", domain: "example.com", path: "/k/example.com/one.key", problem: null },
		{ name: "all", domain: "example.org", path: "/k/example.org/one.key", problem: null },
		{ name: "own", domain: "example.net", path: "/k/own", problem: null },
	]);
	expect(expanded("all %:s:/k\n", "example.com all\nme@example.org all\n", "file")).toMatchObject([
		{ domain: "example.com", path: "/k" },
		{ domain: "example.org", path: "/k" },
	]);
	expect(expanded("example.com %:s:/k\n", "*@example.com %\n")).toMatchObject([{ domain: "example.com" }]);
});

test.each([
	["everybody's mail", "* all\n", "refile"],
	["mail from below a domain", "*@*.example.com all\n", "refile"],
	["mail from below a domain in a plain table", ".example.com all\n", "file"],
	["a regular expression", "*@[ab].example all\n", "refile"],
] as const)("%s names no domain: the line says so", (_, signing, kind) => {
	const [entry, ...more] = expanded(
		"all %:s:/k\n",
		`${kind === "file" ? "" : "*@example.org all\n"}${signing}`,
		kind,
	);
	expect(entry?.problem).toContain("does not say for which domains: write a line for each of them");
	expect(more).toEqual([]);
});

function hostWith(keys: string, signing: string) {
	return guideHost({ "/etc/opendkim/key.table": keys, "/etc/opendkim/signing.table": signing });
}

const SHARED = "all %:202610:/k/one.key # ours\n";
const BOTH = "*@example.com all\n*@example.org all\n";

test("a line that signs for several changes once, for all of them, or not at all", async () => {
	const { signer } = hostWith(SHARED, BOTH);
	const reading = await signer.read();
	expect(reading.lines.map(({ domain, signs, problem }) => ({ domain, signs, problem }))).toEqual([
		{ domain: "example.com", signs: true, problem: null },
		{ domain: "example.org", signs: true, problem: null },
	]);
	const render = (...changes: SignerChange[]) => {
		const files = signer.render(reading, changes);
		return files.map((file) => Buffer.from(file.bytes).toString());
	};
	const one = turn("example.com", "/keys/example.com/202611.private");
	const other = turn("example.org", "/keys/example.com/202611.private");
	expect(render(one, other)).toEqual(["all %:202611:/keys/example.com/202611.private # ours\n"]);
	expect(() => render(one)).toThrow("who turn together: nothing was asked for example.org");
	expect(() => render(one, { ...other, to: null })).toThrow("for some of them only");
	expect(() => render(one, turn("example.org", "/keys/example.com/202611.private", "x"))).toThrow(
		"several selectors",
	);
	expect(() => render(one, turn("example.org", "/keys/example.org/202611.private"))).toThrow(
		"/keys/example.com/202611.private is not the key file of each",
	);
	expect(render({ ...one, to: null }, { ...other, to: null })).toEqual(["", ""]);
});

test("with % in its path each domain keeps a key file of its own", async () => {
	const { signer } = hostWith("all %:202610:/k/%.key\n", BOTH);
	const changes = ["example.com", "example.org"].map((domain) =>
		turn(domain, signer.keyPath(domain, "202611")),
	);
	const files = signer.render(await signer.read(), changes);
	expect(Buffer.from(files[0]?.bytes ?? []).toString()).toBe(
		"all %:202611:/etc/opendkim/keys/%/202611.private\n",
	);
});

test("where another key signs a domain's ordinary mail, the line is turned for none", async () => {
	const { signer } = hostWith(
		`own example.org:a:/k/own\n${SHARED}`,
		"*@example.com all\nnews@example.org all\n*@example.org own\n",
	);
	const { lines } = await signer.read();
	expect(lines.map(({ entry, domain, problem }) => [entry, domain, problem])).toEqual([
		["own", "example.org", null],
		["all", "example.com", expect.stringContaining("its line signs for example.org, too")],
		["all", "example.org", expect.stringContaining("this one is left alone")],
	]);
});
