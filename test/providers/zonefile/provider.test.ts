import { beforeEach, describe, expect, test } from "vitest";
import { createProvider } from "../../../providers/zonefile/provider.ts";
import { settingsSchema } from "../../../providers/zonefile/settings.ts";
import type { DnsProvider, ZoneChange } from "../../../src/ports/dns-provider.ts";
import type { ProgramRequest, ProgramResult } from "../../../src/ports/programs.ts";
import { SimDisk } from "../../fakes/sim-disk.ts";
import { createSimProcess } from "../../fakes/sim-process.ts";
import { createSleepingClock } from "../../fakes/sleeping-clock.ts";

const ZONE = "example.test";
const PATH = "/zones/example.test.zone";
const NAME = `s1._domainkey.${ZONE}`;
const VALUE = `v=DKIM1;k=rsa;p=${"A".repeat(300)}`;
const LINE = `${NAME}. 3600 IN TXT "${VALUE.slice(0, 255)}" "${VALUE.slice(255)}"\n`;
const signal = new AbortController().signal;
const add: ZoneChange = { kind: "add", name: NAME, value: VALUE, ttlSeconds: 3_600 };
const remove: ZoneChange = { kind: "remove", name: NAME, value: VALUE };

/** All that people write. */
const WRITTEN = `; the zone of the example
$TTL 1h ; for all
$ORIGIN test.
example	IN	SOA	ns1.example hostmaster.example (
		2026103001	; serial, by hand
		1h 15m 4w ; (a parenthesis in a comment)
		60 )
	NS	ns1.example
$ORIGIN example.test.
ns1	A	192.0.2.1
	AAAA	2001:db8::1
$INCLUDE "/zones/more.zone"
\\@odd	300 IN TXT "a \\"quoted\\" text; no comment" word\\;too
old._domainkey IN TXT ( "v=DKIM1; k=rsa; "   ; first
	"p=" ; second
	)
umlaut TXT "gr\u00fc\u00dfe" ; Gr\u00fc\u00dfe
last	A	192.0.2.9`;

let disk: SimDisk;
let ran: ProgramRequest[];
let results: (ProgramResult | null)[];
let provider: DnsProvider;

beforeEach(() => {
	disk = new SimDisk(() => new Date(0));
	disk.put(PATH, Buffer.from(WRITTEN, "latin1"), 0o640, { uid: 7, gid: 8 });
	disk.put("/zones/more.zone", '$ORIGIN sub.example.test.\nincluded TXT "from elsewhere"\n');
	ran = [];
	results = [];
	provider = start();
});

function start(): DnsProvider {
	return createProvider({
		name: "local",
		settings: settingsSchema.parse({ zones: { [ZONE]: PATH } }),
		disk: disk.open({ process: createSimProcess() }),
		programs: {
			run: async (request) => {
				ran.push(request);
				return results.shift() ?? { status: 0, signal: null, stdout: "", stderr: "" };
			},
		},
		programTrust: { whyUntrusted: async () => null },
		clock: createSleepingClock(),
	});
}

const text = (): string => Buffer.from(bytes()).toString("latin1");
const bytes = (): Uint8Array => disk.find(PATH, true)?.content ?? new Uint8Array();
const change = async (...changes: ZoneChange[]) => provider.change(ZONE, changes, signal);
const put = (content: string): void => disk.put(PATH, Buffer.from(content, "latin1"));
const failure: ProgramResult = { status: 1, signal: null, stdout: "it is not good", stderr: "" };

describe("a zone file", () => {
	test("gets the record as a line of its own and a greater serial, and keeps every other octet", async () => {
		expect(await change(add)).toEqual([{ kind: "done" }]);
		expect(text()).toBe(`${WRITTEN.replace("2026103001", "2026103100")}\n${LINE}`);
		expect(await provider.list(ZONE, NAME, signal)).toEqual([VALUE]);
	});

	test("loses exactly that line again", async () => {
		await change(add);
		expect(await change(remove)).toEqual([{ kind: "done" }]);
		expect(text()).toBe(`${WRITTEN.replace("2026103001", "2026103101")}\n`);
	});

	test("loses a record over several lines, with its comments and no other", async () => {
		const old: ZoneChange = { kind: "remove", name: `old._domainkey.${ZONE}`, value: "v=DKIM1; k=rsa; p=" };
		expect(await change(old)).toEqual([{ kind: "done" }]);
		const lines = WRITTEN.replace("2026103001", "2026103100").split("\n");
		expect(text()).toBe(lines.filter((line) => !/old\.|second|^\t\)/.test(line)).join("\n"));
	});

	test("keeps owner and mode, is checked before and read by the server after", async () => {
		await change(add);
		expect(disk.all().find(({ path }) => path === PATH)?.stat).toMatchObject({ mode: 0o640, uid: 7, gid: 8 });
		expect(ran.map(({ argv }) => argv.join(" "))).toEqual([
			`/usr/sbin/rndc reload ${ZONE}`,
			`/usr/bin/named-checkzone -i local -w /var/cache/bind ${ZONE} /zones/.example.test.zone.keyturn-check`,
			`/usr/sbin/rndc reload ${ZONE}`,
		]);
		expect(disk.all().map(({ path }) => path)).toEqual(["/zones", PATH, "/zones/more.zone"]);
	});

	test("shows what stands in an included file, and is not changed for it", async () => {
		const name = `included.sub.${ZONE}`;
		expect(await provider.list(ZONE, name, signal)).toEqual(["from elsewhere"]);
		expect(await change({ kind: "remove", name, value: "from elsewhere" })).toMatchObject([
			{ kind: "refused", why: expect.stringContaining("included file") },
		]);
		expect(text()).toBe(WRITTEN);
	});

	test("shows escapes, words and octets beyond ASCII as they are served", async () => {
		expect(await provider.list(ZONE, `@odd.${ZONE}`, signal)).toEqual([
			'a "quoted" text; no commentword;too',
		]);
		const umlaut = async () => provider.list(ZONE, `umlaut.${ZONE}`, signal);
		// Octets that are no UTF-8 are no characters, wherever a record is read.
		expect(await umlaut()).toEqual(["gr\ufffd\ufffde"]);
		put(Buffer.from('@ 60 IN SOA ns1 h 1 2 3 4 5\numlaut TXT "gr\u00fc\u00dfe"\n').toString("latin1"));
		expect(await umlaut()).toEqual(["gr\u00fc\u00dfe"]);
	});

	test("that the check does not pass stays as it is", async () => {
		results = [null, failure];
		expect(await change(add)).toMatchObject([
			{ kind: "refused", why: expect.stringContaining("it is not good") },
		]);
		expect(text()).toBe(WRITTEN);
		expect(disk.all().map(({ path }) => path)).toEqual(["/zones", PATH, "/zones/more.zone"]);
	});

	test("that somebody edits meanwhile keeps their edit", async () => {
		const edited = `${WRITTEN}\nmine A 192.0.2.77\n`;
		provider = createProvider({
			name: "local",
			settings: settingsSchema.parse({ zones: { [ZONE]: PATH } }),
			disk: disk.open({ process: createSimProcess() }),
			programs: {
				run: async ({ argv }) => {
					if (argv[0].endsWith("checkzone")) put(edited);
					return { status: 0, signal: null, stdout: "", stderr: "" };
				},
			},
			programTrust: { whyUntrusted: async () => null },
			clock: createSleepingClock(),
		});
		expect(await change(add)).toMatchObject([{ kind: "refused", denied: false }]);
		expect(text()).toBe(edited);
	});

	test("written and not told to the server is told before it is believed, by the next process too", async () => {
		results = [null, null, failure];
		expect(await change(add)).toMatchObject([
			{ kind: "unknown", why: expect.stringContaining("the file is written") },
		]);
		results = [failure];
		await expect(provider.list(ZONE, NAME, signal)).rejects.toMatchObject({ code: "provider.refused" });
		provider = start();
		ran = [];
		expect(await provider.list(ZONE, NAME, signal)).toEqual([VALUE]);
		expect(ran.map(({ argv }) => argv[0])).toEqual(["/usr/sbin/rndc"]);
	});

	test("gives the line that took over its owner one of its own", async () => {
		put(
			`${WRITTEN}\n${NAME}. 60 IN TXT "${VALUE.slice(0, 99)}" "${VALUE.slice(99)}"\n\t60 IN TXT "a sibling"\n`,
		);
		expect(await change(remove)).toEqual([{ kind: "done" }]);
		expect(text()).toBe(`${WRITTEN.replace("2026103001", "2026103100")}\n${NAME}.\t60 IN TXT "a sibling"\n`);
		expect(await provider.list(ZONE, NAME, signal)).toEqual(["a sibling"]);
	});

	test("is left alone where others take their TTL from the record", async () => {
		const soa = "@ 7200 IN SOA ns1 h 1 2 3 4 5\n";
		put(`${soa}${NAME}. 60 IN TXT "${VALUE.slice(0, 99)}" "${VALUE.slice(99)}"\nother A 192.0.2.1\n`);
		const before = text();
		expect(await change(remove)).toMatchObject([
			{ kind: "refused", why: expect.stringContaining("owner or TTL of other lines") },
		]);
		expect(text()).toBe(before);
	});

	test("gets no TXT beside a CNAME", async () => {
		put(`${WRITTEN}\ns1._domainkey CNAME key.elsewhere.invalid.\n`);
		const before = text();
		expect(await change(add)).toMatchObject([{ kind: "refused", why: expect.stringContaining("CNAME") }]);
		expect(text()).toBe(before);
	});

	test("behind a link is replaced where it is", async () => {
		disk.putSymlink("/link", PATH);
		provider = createProvider({
			name: "local",
			settings: settingsSchema.parse({ zones: { [ZONE]: "/link" } }),
			disk: disk.open({ process: createSimProcess() }),
			programs: { run: async () => ({ status: 0, signal: null, stdout: "", stderr: "" }) },
			programTrust: { whyUntrusted: async () => null },
			clock: createSleepingClock(),
		});
		await change(add);
		expect(text()).toContain(LINE);
		expect(disk.all().find(({ path }) => path === "/link")?.stat.kind).toBe("symlink");
	});
});

describe("a zone file is refused, and says why,", () => {
	const SOA = "@ 60 IN SOA ns1 h 1 2 3 4 5\n";
	test.each<[string, () => void, string]>([
		["with a journal beside it", () => disk.put(`${PATH}.jnl`, "x"), "zone.jnl stands beside"],
		[
			"that the server signs into another",
			() => disk.put(`${PATH}.signed`, "x"),
			"zone.signed stands beside",
		],
		["signed in itself", () => put(`${SOA}@ 60 IN RRSIG SOA 8 2 60 x x 1 a. b\n`), "signed in the file"],
		["in raw form", () => put("\0\0\0\u0002"), "no text"],
		["under two names", () => disk.putLink("/zones/second", PATH), "hard link"],
		["without an SOA", () => put("ns1 60 IN A 192.0.2.1\n"), "SOA"],
		["whose SOA is included", () => put('$INCLUDE "/zones/soa"\n'), "SOA stands in an included file"],
		["that makes TXT records by $GENERATE", () => put(`${SOA}$GENERATE 1-3 s$ TXT "x"\n`), "$GENERATE"],
		["with a parenthesis left open", () => put(`${SOA}a TXT ( "x"\n`), "not closed"],
		["with a quote left open", () => put(`${SOA}a TXT "x\n`), "cannot be read"],
		["with a record of a number", () => put(`${SOA}a TYPE16 \\# 2 0161\n`), "RFC 3597"],
		["of another class", () => put(`${SOA}a CH TXT "x"\n`), "class CH"],
		["with a directive of tomorrow", () => put(`${SOA}$LATER x\n`), "$LATER"],
		["that includes what is not there", () => put(`${SOA}$INCLUDE gone\n`), "/var/cache/bind/gone"],
		["that is not there", () => disk.remove(PATH), "found nothing"],
	])("%s", async (_, set, why) => {
		disk.put("/zones/soa", SOA);
		set();
		const before = disk.find(PATH, true)?.content ?? null;
		expect(await change(add)).toMatchObject([
			{ kind: "refused", denied: false, why: expect.stringContaining(why) },
		]);
		expect(disk.find(PATH, true)?.content ?? null).toEqual(before);
	});
});
