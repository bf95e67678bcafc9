import { expect, test } from "vitest";
import type { Sockets } from "../../../src/ports/sockets.ts";
import { withRedis } from "../../../src/signers/rspamd/redis-protocol.ts";

const PLACE = { socket: "/run/redis.sock", database: 0, password: null };

/** A server that gives these lines, whatever it is asked. */
function answering(...lines: readonly string[]): { readonly sockets: Sockets; readonly asked: string[] } {
	const asked: string[] = [];
	const left = [...lines];
	return {
		asked,
		sockets: {
			connect: async () =>
				Promise.resolve({
					write: async (bytes) => Promise.resolve(void asked.push(Buffer.from(bytes).toString("latin1"))),
					read: async () => Promise.reject(new Error("no text is announced")),
					readLine: async () => Promise.resolve(left.shift() ?? ""),
					close: () => {},
				}),
		},
	};
}

/** Redis repeats the first arguments of a command that it does not know, as where `HSET` was renamed: a key among them. */
test.each([
	"-ERR unknown command 'HSET', with args beginning with: 'DKIM_KEYS' '202611.example.com' 'THE KEY' \r\n",
	"-ERR unknown command `HSET` with args beginning with: `DKIM_KEYS`, `202611.example.com`, `THE KEY`, \r\n",
])("no error repeats what was said to Redis: %j", async (line) => {
	const { sockets, asked } = answering(line);
	const said = await withRedis(sockets, PLACE, (redis) =>
		redis.ask("HSET", "DKIM_KEYS", "202611.example.com", "THE KEY"),
	).catch((thrown: unknown) => String(thrown));
	expect(asked).toEqual([
		"*4\r\n$4\r\nHSET\r\n$9\r\nDKIM_KEYS\r\n$18\r\n202611.example.com\r\n$7\r\nTHE KEY\r\n",
	]);
	expect(said).toMatch(/redis at \/run\/redis\.sock says: ERR unknown command .HSET.$/);
});

test("no error tells the password", async () => {
	const { sockets, asked } = answering("-WRONGPASS invalid username-password pair or user is disabled.\r\n");
	const said = await withRedis(sockets, { ...PLACE, password: "THE PASSWORD" }, (redis) =>
		redis.ask("PING"),
	).catch((thrown: unknown) => String(thrown));
	expect(asked.join("")).toContain("THE PASSWORD");
	expect(said).toContain("WRONGPASS");
	expect(said).not.toContain("THE PASSWORD");
});

test("a change by somebody else leaves all of a transaction undone", async () => {
	for (const [line, outcome] of [
		["*-1\r\n", "changed"],
		["*1\r\n", "done"],
	] as const) {
		const { sockets } = answering("+OK\r\n", "+QUEUED\r\n", line, ":1\r\n");
		expect(await withRedis(sockets, PLACE, (redis) => redis.atOnce([["DEL", "x"]]))).toBe(outcome);
	}
});

test.each(["HTTP/1.1 400 Bad Request\r\n", "$9999999999\r\n", "*9999999999\r\n", "$-2\r\n", "*x\r\n"])(
	"what is not Redis' is told as such: %j",
	async (line) => {
		const { sockets } = answering(line);
		await expect(withRedis(sockets, PLACE, (redis) => redis.ask("PING"))).rejects.toMatchObject({
			code: "signer.config",
			message: expect.stringContaining("expected redis, got") as string,
		});
	},
);
