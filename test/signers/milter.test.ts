import { expect, test } from "vitest";
import { passMessage, quit, shakeHands } from "../../src/signers/milter.ts";
import { createFilterSockets, type FilterScript, insertHeader, packet } from "../fakes/milter-filter.ts";

const { signal } = new AbortController();
const target = { kind: "unix", path: "/s" } as const;
const message = {
	sender: "a@example.com",
	recipient: "b@example.net",
	headers: [
		["From", "<a@example.com>"],
		["Subject", "x"],
	],
	body: "hello\r\n",
} as const;

async function pass(script: FilterScript) {
	const sockets = createFilterSockets(() => script);
	const connection = await sockets.connect(target, signal);
	const outcome = await passMessage(await shakeHands(connection, signal), message, signal);
	await quit(connection);
	return { outcome, heard: sockets.heard(), sockets };
}

test("gives all of a message in the order of the protocol", async () => {
	const { outcome, heard, sockets } = await pass({});
	expect(outcome).toEqual({ kind: "delivered", added: [] });
	expect(heard).toBe("ODCHDMRTLLNBEQ");
	expect(sockets.data("C")).toEqual(["localhost\x004\x00\x19127.0.0.1\x00"]);
	expect(sockets.data("M")).toEqual(["<a@example.com>\0"]);
	expect(sockets.data("L")).toEqual(["From\0<a@example.com>\0", "Subject\0x\0"]);
	expect(sockets.data("B")).toEqual(["hello\r\n"]);
});

test("spares the filter what it does not want to hear", async () => {
	const { heard } = await pass({ steps: 0x01 | 0x02 | 0x10 | 0x200 });
	expect(heard).toBe("ODDMRLLNEQ");
});

test("gives inserted fields topmost first, before added ones", async () => {
	const { outcome } = await pass({
		answers: {
			E: [
				packet("p"),
				insertHeader(1, "DKIM-Signature", "first"),
				packet("h", "X-Below\0y\0"),
				insertHeader(0, "DKIM-Signature", "second"),
				packet("b", "a new body, passed over"),
				packet("a"),
			],
		},
	});
	expect(outcome).toEqual({
		kind: "delivered",
		added: [
			{ name: "DKIM-Signature", value: "second" },
			{ name: "DKIM-Signature", value: "first" },
			{ name: "X-Below", value: "y" },
		],
	});
});

test.each<readonly [string, Record<string, Uint8Array[]>, object]>([
	["let through at once", { C: [packet("a")] }, { kind: "passed_over", at: "the connection" }],
	["unsigned at the end of the headers", { N: [packet("a")] }, { kind: "delivered", added: [] }],
	[
		"deferred",
		{ N: [packet("t")] },
		{ kind: "refused", reply: "a temporary failure at the end of the headers" },
	],
	["rejected", { M: [packet("r")] }, { kind: "refused", reply: "a rejection at MAIL FROM" }],
	[
		"discarded",
		{ E: [packet("d")] },
		{ kind: "refused", reply: "a silent discard at the end of the message" },
	],
	[
		"answered with a code",
		{ E: [packet("y", "451 4.7.0 no key\0")] },
		{ kind: "refused", reply: '"451 4.7.0 no key" at the end of the message' },
	],
	["waits while it works", { R: [packet("p"), packet("p"), packet("c")] }, { kind: "delivered", added: [] }],
	["stops the body early", { B: [packet("s")] }, { kind: "delivered", added: [] }],
])("a message %s", async (_, answers, outcome) => {
	expect((await pass({ answers })).outcome).toEqual(outcome);
});

test.each<readonly [string, FilterScript]>([
	["speaks SMTP", { greeting: Buffer.from("220 mail.example.com ESMTP\r\n") }],
	["answers something else", { answers: { O: [packet("c")] } }],
	["asks for steps not offered", { steps: 0x100_000 }],
	["sends an empty packet", { answers: { O: [new Uint8Array(4)] } }],
	["only ever works", { answers: { C: Array.from({ length: 1001 }, () => packet("p")) } }],
	["changes without end", { answers: { E: Array.from({ length: 1001 }, () => packet("b", "x")) } }],
])("fails with a filter that %s", async (_, script) => {
	await expect(pass(script)).rejects.toMatchObject({ code: "signer.probe" });
});
