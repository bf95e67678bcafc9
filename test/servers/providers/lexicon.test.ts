import { afterAll, beforeAll, expect, test } from "vitest";
import { createProvider } from "../../../providers/lexicon/provider.ts";
import { settingsSchema } from "../../../providers/lexicon/settings.ts";
import type { DnsProvider } from "../../../src/ports/dns-provider.ts";
import { valueOf } from "../../providers/contract.ts";
import { served } from "../dns-question.ts";
import { startPowerDns, type StartedPowerDns } from "../powerdns.ts";
import { hookTools, published } from "./hooked.ts";

// lexicon knows no zone below a top-level domain that is none.
const ZONE = "example.org";
const CHILD = `mail.${ZONE}`;
const signal = new AbortController().signal;
let server: StartedPowerDns;
let provider: DnsProvider;
let names = 0;

beforeAll(async () => {
	server = await startPowerDns({
		zones: [
			{ name: ZONE, records: `mail IN NS ns1.${ZONE}.` },
			{ name: CHILD, records: "" },
		],
	});
	provider = published(lexicon(server.apiKey));
});
afterAll(async () => server.stop());

const freshName = (zone = ZONE): string => `s${++names}._domainkey.${zone}`;
const add = (name: string, value: string) => ({ kind: "add", name, value, ttlSeconds: 300 }) as const;

test.each([255, 754])(
	"Debian's lexicon writes %i octets to PowerDNS unharmed, and takes them away",
	async (octets) => {
		const name = freshName();
		const value = valueOf(octets);
		expect(await provider.change(ZONE, [add(name, value)], signal)).toEqual([{ kind: "done" }]);
		expect(await served(server, name)).toEqual([value]);
		expect(await provider.change(ZONE, [{ kind: "remove", name, value }], signal)).toEqual([
			{ kind: "done" },
		]);
		expect(await served(server, name)).toEqual([]);
	},
);

test("it leaves the sibling of what it takes away, and a record of its own is replaced", async () => {
	const name = freshName();
	const [from, to] = [valueOf(410), "v=DKIM1;k=rsa;p="];
	await provider.change(ZONE, [add(name, from)], signal);
	expect(await provider.change(ZONE, [{ kind: "replace", name, from, to, ttlSeconds: 300 }], signal)).toEqual(
		[{ kind: "done" }],
	);
	expect(await served(server, name)).toEqual([to]);
	await server.util("add-record", ZONE, name.slice(0, -ZONE.length - 1), "TXT", '"a sibling"');
	await server.util("rectify-zone", ZONE);
	expect(await served(server, name)).toEqual(["a sibling", to]);
	expect(await provider.change(ZONE, [{ kind: "remove", name, value: to }], signal)).toEqual([
		{ kind: "done" },
	]);
	expect(await served(server, name)).toEqual(["a sibling"]);
});

test("it writes into a delegated zone, and not into the one above as it would by itself", async () => {
	const name = freshName(CHILD);
	expect(await provider.findZone(name, signal)).toEqual({ kind: "zone", zone: CHILD });
	expect(await provider.change(CHILD, [add(name, valueOf(410))], signal)).toEqual([{ kind: "done" }]);
	expect(await served(server, name)).toEqual([valueOf(410)]);
	expect(await server.util("list-zone", ZONE)).not.toContain("_domainkey.mail");
});

test("what it says of a credential is told, without the credential", async () => {
	const [result] = await lexicon("not-the-key").change(ZONE, [add(freshName(), valueOf(410))], signal);
	expect(result).toMatchObject({ kind: "refused", why: expect.stringMatching(/expected status 0, got/) });
	expect(JSON.stringify(result)).not.toContain("not-the-key");
});

function lexicon(secret: string): DnsProvider {
	const env = {
		LEXICON_POWERDNS_AUTH_TOKEN: { credential: "pdns" },
		LEXICON_POWERDNS_PDNS_SERVER: server.url,
	};
	const settings = settingsSchema.parse({ provider: "powerdns", env });
	return createProvider({ ...hookTools(server, secret), name: "lex", settings });
}
