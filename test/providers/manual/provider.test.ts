import { beforeEach, expect, test } from "vitest";
import { createProvider } from "../../../providers/manual/provider.ts";
import type { DnsProvider } from "../../../src/ports/dns-provider.ts";
import { createSleepingClock } from "../../fakes/sleeping-clock.ts";

const ZONE = "example.test";
const NAME = `s1._domainkey.${ZONE}`;
const VALUE = `v=DKIM1;k=rsa;p=${"A".repeat(300)}`;
const EMPTY = "v=DKIM1;k=rsa;p=";
const signal = new AbortController().signal;
/** What the name servers serve. */
let values: readonly string[];
let provider: DnsProvider;

beforeEach(() => {
	values = [];
	provider = createProvider({
		name: "me",
		settings: { where: "freedns.afraid.org" },
		authorities: { served: async () => ({ kind: "served", zone: ZONE, values, isAlias: false }) },
		clock: createSleepingClock(),
	});
});

const revoke = async () =>
	provider.change(ZONE, [{ kind: "replace", name: NAME, from: VALUE, to: EMPTY, ttlSeconds: 60 }], signal);

test("tells the empty record to set in place of one that is revoked, until it is served", async () => {
	for (const held of [[VALUE], []]) {
		values = held;
		expect(await revoke()).toEqual([
			{
				kind: "refused",
				denied: false,
				why: expect.stringContaining(`by TXT ${EMPTY} instead of TXT v=DKIM1;k=rsa;p=AAA`),
				hint: expect.stringContaining(`at freedns.afraid.org, to ${EMPTY}`),
			},
		]);
	}
	values = [EMPTY];
	expect(await revoke()).toEqual([{ kind: "done" }]);
});

test("leaves alone what somebody else has there", async () => {
	values = ["of somebody else"];
	expect(await revoke()).toEqual([{ kind: "occupied", values }]);
});

test("tells which record to take away, until it is gone", async () => {
	const remove = { kind: "remove", name: NAME, value: VALUE } as const;
	values = [VALUE];
	expect(await provider.change(ZONE, [remove], signal)).toMatchObject([
		{ kind: "refused", why: expect.stringContaining("taken away by hand") },
	]);
	values = [];
	expect(await provider.change(ZONE, [remove], signal)).toEqual([{ kind: "done" }]);
});
