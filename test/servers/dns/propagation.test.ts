import { execFile } from "node:child_process";
import { generateKeyPairSync, randomBytes } from "node:crypto";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { publicHalf, recordText } from "../../../src/dkim/key-material.ts";
import { formatKeyRecord } from "../../../src/dkim/key-record.ts";
import { quoteTxt } from "../../../src/dkim/txt-strings.ts";
import { createPropagation } from "../../../src/dns/propagation.ts";
import { createWireResolver } from "../../../src/dns/wire-resolver.ts";
import type { LookReport, LookRequest, Vacancy } from "../../../src/ports/propagation.ts";
import { createSystemClock } from "../../../src/system/clock.ts";
import { createWire } from "../../../src/system/wire.ts";
import { startBind } from "../bind.ts";
import { askPlainly, type Place } from "../dns-question.ts";
import { startKnot } from "../knot.ts";
import { freePort, makeDirectory, removeDirectory, waitUntil, type StartedServer } from "../program.ts";
import { startUnbound } from "../unbound.ts";

const run = promisify(execFile);
const OURS = makeRecord(2048);
const LONG = makeRecord(4096);
const FOREIGN = makeRecord(1024);
const SELECTOR = "202611";
const KEY = { name: "updater", algorithm: "hmac-sha256", secret: randomBytes(32).toString("base64") };
const stops: (() => Promise<void>)[] = [];

const propagation = createPropagation({
	clock: createSystemClock(),
	resolver: createWireResolver({
		wire: createWire(),
		clock: createSystemClock(),
		random: { bytes: (count) => randomBytes(count), id: () => randomBytes(16).toString("hex") },
		systemServers: async () => [],
	}),
});

afterAll(async () => {
	for (const stop of stops.splice(0).toReversed()) await stop();
});

function makeRecord(bits: number): string {
	const { privateKey } = generateKeyPairSync("rsa", { modulusLength: bits });
	const half = publicHalf(privateKey.export({ type: "pkcs8", format: "pem" }).toString());
	if (half === null) throw new Error("no key");
	return formatKeyRecord({ algorithm: "rsa", publicKey: recordText(half) });
}

function keep(server: StartedServer): StartedServer {
	stops.push(server.stop);
	return server;
}

function verifyAt(nameservers: readonly Place[], resolvers: readonly Place[]): LookRequest["verify"] {
	return {
		nameservers: nameservers.map(({ address, port }) => ({ address, port })),
		quorum: "all",
		resolvers: resolvers.map(({ address, port }) => ({ address, port })),
		via: ["servers"],
		intervalMs: 1,
		soakMs: "auto",
		timeoutMs: 1,
	};
}

async function lookAt(
	domain: string,
	nameservers: readonly Place[],
	{ record = OURS, resolvers = [] as readonly Place[] } = {},
): Promise<LookReport> {
	return propagation.look(
		{ domain, selector: SELECTOR, record, verify: verifyAt(nameservers, resolvers), askResolvers: true },
		AbortSignal.timeout(30_000),
	);
}

async function vacancyAt(domain: string, nameservers: readonly Place[]): Promise<Vacancy> {
	return propagation.vacancy(domain, SELECTOR, verifyAt(nameservers, []), AbortSignal.timeout(30_000));
}

function outcomesOf(report: LookReport): readonly string[] {
	return report.servers.map((server) => server.outcome);
}

/** A report lists its servers by name, and the names here end in ports that are chosen anew for each run. */
function outcomeAt(report: LookReport, { address, port }: Place): string | undefined {
	return report.servers.find(({ server }) => server === `${address}:${port}`)?.outcome;
}

async function update(bind: StartedServer, zone: string, line: string): Promise<void> {
	const path = join(bind.directory, "commands");
	const key = `${KEY.algorithm}:${KEY.name} ${KEY.secret}`;
	await writeFile(path, `server ${bind.address} ${bind.port}\nzone ${zone}\nkey ${key}\n${line}\nsend\n`);
	await run("/usr/bin/nsupdate", [path]);
}

describe("a BIND primary with a Knot secondary", () => {
	let bind: StartedServer;
	let knot: StartedServer;
	let unbound: StartedServer;

	beforeAll(async () => {
		const knotPort = await freePort();
		const txt = (value: string): string => `IN TXT ${quoteTxt(value)}`;
		const name = `${SELECTOR}._domainkey`;
		bind = keep(
			await startBind({
				tsigKeys: [KEY],
				notify: [{ address: "127.0.0.1", port: knotPort }],
				options: "max-udp-size 512;",
				zones: [
					{ name: "example.test", records: "", updateKeys: [KEY.name] },
					{ name: "late.test", records: "", updateKeys: [KEY.name] },
					{ name: "alias.test", records: `${name} IN CNAME key1.example.test.\n` },
					{ name: "moved.test", records: "_domainkey IN DNAME keys.example.test.\n" },
					{ name: "loop.test", records: `${name} IN CNAME a\na IN CNAME ${name}\n` },
					{ name: "two.test", records: `${name} ${txt(OURS)}\n${name} ${txt("foreign")}\n` },
					{
						name: "big.test",
						records: Array.from({ length: 12 }, (_, index) => `${name} ${txt(`${index}${LONG}`)}`).join("\n"),
					},
					{ name: "long.test", records: `${name} ${txt(LONG)}\n` },
					{ name: "wild.test", records: `*._domainkey 7200 ${txt("v=DKIM1; p=")}\n` },
					{ name: "shut.test", records: `${name} ${txt(OURS)}\n`, statements: "allow-query { none; };" },
					{ name: "cut.test", records: "_domainkey IN NS ns.cut.test.\nns IN A 127.0.0.1\n" },
				],
				expectLoaded: false,
			}),
		);
		await waitUntil("BIND", async () => (await askPlainly(bind, "example.test", "SOA")) !== null);
		knot = keep(
			await startKnot({
				port: knotPort,
				zones: [
					{ name: "example.test", primary: bind },
					{ name: "alias.test", primary: bind },
					{ name: "_domainkey.cut.test", records: `${SELECTOR} ${txt(OURS)}\n` },
				],
			}),
		);
		unbound = keep(
			await startUnbound({ zones: [{ name: "example.test", address: "127.0.0.1", port: bind.port }] }),
		);
	});

	test("a record is absent, then published, reaches both, and the resolver after the absence it remembers", async () => {
		const before = await lookAt("example.test", [bind, knot]);
		expect(before).toMatchObject({ verdict: "absent", zone: "example.test", dnssec: false });
		expect(outcomesOf(before)).toEqual(["absent_name", "absent_name"]);
		expect(await vacancyAt("example.test", [bind, knot])).toMatchObject({
			kind: "free",
			negativeTtlSeconds: 60,
		});
		await update(
			bind,
			"example.test",
			`update add ${SELECTOR}._domainkey.example.test 60 TXT ${quoteTxt(OURS)}`,
		);
		await waitUntil("both servers", async () => {
			return (await lookAt("example.test", [bind, knot])).verdict === "right";
		});
		const report = await lookAt("example.test", [bind, knot], { resolvers: [unbound] });
		expect(report).toMatchObject({ verdict: "right", warnings: [] });
		expect(report.resolvers.map((server) => server.outcome)).toEqual(["right"]);
		expect(
			report.servers.map(({ serial, txtRecords, ttlSeconds, chunks }) => ({
				serial,
				txtRecords,
				ttlSeconds,
				chunks,
			})),
		).toEqual([
			{ serial: 2, txtRecords: 1, ttlSeconds: 60, chunks: [255, OURS.length - 255] },
			{ serial: 2, txtRecords: 1, ttlSeconds: 60, chunks: [255, OURS.length - 255] },
		]);
		expect((await lookAt("example.test", [bind, knot], { record: FOREIGN })).verdict).toBe("wrong");
		expect(await vacancyAt("example.test", [bind, knot])).toMatchObject({ kind: "taken", values: [OURS] });
	});

	test("a secondary that has no such zone refuses, and holds the verdict back", async () => {
		await update(bind, "late.test", `update add ${SELECTOR}._domainkey.late.test 60 TXT ${quoteTxt(OURS)}`);
		expect((await lookAt("late.test", [bind])).verdict).toBe("right");
		const report = await lookAt("late.test", [bind, knot]);
		expect(report.verdict).toBe("unknown");
		expect(outcomeAt(report, knot)).toMatch(/refused|error_code/);
	});

	test("CNAME and DNAME are followed where the servers have the target's zone", async () => {
		expect((await lookAt("alias.test", [bind, knot])).verdict).toBe("absent");
		await update(bind, "example.test", `update add key1.example.test 60 TXT ${quoteTxt(OURS)}`);
		await update(bind, "example.test", `update add ${SELECTOR}.keys.example.test 60 TXT ${quoteTxt(OURS)}`);
		await waitUntil("the target at both", async () => {
			return (await lookAt("alias.test", [bind, knot])).verdict === "right";
		});
		expect(await lookAt("alias.test", [bind, knot])).toMatchObject({
			owner: "key1.example.test",
			zone: "example.test",
		});
		expect(await lookAt("moved.test", [bind])).toMatchObject({
			verdict: "right",
			owner: `${SELECTOR}.keys.example.test`,
		});
		// BIND itself goes round a loop within one zone, and gives up.
		expect(await lookAt("loop.test", [bind])).toMatchObject({ verdict: "unknown" });
	});

	test("several records, a record of many packets, and one that is too long for UDP", async () => {
		expect(outcomesOf(await lookAt("two.test", [bind]))).toEqual(["several_records"]);
		const big = await lookAt("big.test", [bind]);
		expect(big.servers[0]).toMatchObject({ outcome: "several_records", txtRecords: 12 });
		const plain = await askPlainly(bind, `${SELECTOR}._domainkey.long.test`, "TXT");
		expect(plain?.answers).toEqual([]);
		expect((await lookAt("long.test", [bind], { record: LONG })).verdict).toBe("right");
	});

	test("a wildcard is no record", async () => {
		expect(outcomesOf(await lookAt("wild.test", [bind]))).toEqual(["wildcard"]);
		expect(await vacancyAt("wild.test", [bind])).toMatchObject({ kind: "free", wildcardTtlSeconds: 7200 });
	});

	test("a delegated _domainkey is the zone; the parent's server is lame for it", async () => {
		expect(await lookAt("cut.test", [knot])).toMatchObject({ verdict: "right", zone: "_domainkey.cut.test" });
		const report = await lookAt("cut.test", [bind, knot]);
		expect([outcomeAt(report, bind), outcomeAt(report, knot)]).toEqual(["lame", "right"]);
		expect(report.verdict).toBe("unknown");
	});

	test("refused, nothing there, and silence are three answers", async () => {
		expect(outcomesOf(await lookAt("shut.test", [bind]))).toEqual(["refused"]);
		const port = await freePort();
		const nobody = { address: "127.0.0.1", port };
		expect(outcomeAt(await lookAt("example.test", [bind, nobody]), nobody)).toBe("unreachable");
		knot.freeze();
		try {
			await waitUntil("silence", async () => (await askPlainly(knot, "example.test", "SOA")) === null);
			const report = await lookAt("example.test", [bind, knot]);
			expect([outcomeAt(report, bind), outcomeAt(report, knot)]).toEqual(["right", "timeout"]);
			expect(report.verdict).toBe("unknown");
		} finally {
			knot.thaw();
		}
	});
});

describe("signed zones", () => {
	const NAME = `${SELECTOR}._domainkey`;
	const ZONES = ["good.parent.test", "expired.parent.test", "unsigned.parent.test"];
	let directory = "";
	let bind: StartedServer;
	let unbound: StartedServer;

	/** The zone as dnssec-signzone leaves it, and its DS records. */
	async function signZone(
		zone: string,
		times: readonly string[],
	): Promise<{ readonly text: string; readonly ds: string }> {
		const cwd = join(directory, zone);
		await mkdir(cwd);
		await writeFile(
			join(cwd, "zone"),
			`$TTL 60\n@ IN SOA ns1 root 1 3600 60 86400 60\n@ IN NS ns1\nns1 IN A 127.0.0.1\n${NAME} IN TXT ${quoteTxt(OURS)}\n`,
		);
		for (const kind of [[], ["-f", "KSK"]])
			await run("/usr/bin/dnssec-keygen", ["-q", "-a", "ECDSAP256SHA256", ...kind, zone], { cwd });
		await run("/usr/bin/dnssec-signzone", ["-S", "-P", "-o", zone, ...times, "-f", "signed", "zone"], {
			cwd,
		});
		return {
			text: await readFile(join(cwd, "signed"), "utf8"),
			ds: (await readFile(join(cwd, `dsset-${zone}.`), "utf8")).trim(),
		};
	}

	beforeAll(async () => {
		directory = await makeDirectory("signed");
		stops.push(() => removeDirectory(directory));
		const good = await signZone("good.parent.test", []);
		const expired = await signZone("expired.parent.test", ["-s", "now-172800", "-e", "now-86400"]);
		const unsigned = `${NAME} IN TXT ${quoteTxt(OURS)}\n`;
		const cuts = ZONES.map((zone) => `${zone}. IN NS ns1.${zone}.\nns1.${zone}. IN A 127.0.0.1\n`);
		const ds = [good.ds, expired.ds, good.ds.replaceAll("good.parent", "unsigned.parent")];
		bind = keep(
			await startBind({
				zones: [
					{ name: "parent.test", records: [...cuts, ...ds].join("\n") },
					{ name: "good.parent.test", records: good.text },
					{ name: "expired.parent.test", records: expired.text },
					{ name: "unsigned.parent.test", records: unsigned },
				],
			}),
		);
		unbound = keep(
			await startUnbound({
				zones: ZONES.map((name) => ({ name, address: "127.0.0.1", port: bind.port })),
				trustAnchors: [...good.ds.split("\n"), ...expired.ds.split("\n")].map((line) =>
					line.replace(/\s+/g, " "),
				),
			}),
		);
	});

	test("current signatures that a resolver validates are right, without a warning", async () => {
		const report = await lookAt("good.parent.test", [bind], { resolvers: [unbound] });
		expect(report).toMatchObject({ verdict: "right", dnssec: true, warnings: [] });
		expect(report.servers[0]?.signed).toBe(true);
	});

	test("a resolver that finds the signatures bogus answers SERVFAIL, and that is no yes", async () => {
		const anchors = (
			await readFile(join(directory, "expired.parent.test", "dsset-expired.parent.test."), "utf8")
		)
			.trim()
			.replaceAll("expired.parent", "good.parent");
		const doubting = await startUnbound({
			zones: [{ name: "good.parent.test", address: "127.0.0.1", port: bind.port }],
			trustAnchors: anchors.split("\n").map((line) => line.replace(/\s+/g, " ")),
		});
		try {
			const report = await lookAt("good.parent.test", [bind], { resolvers: [doubting] });
			expect(report.servers.map((server) => server.outcome)).toEqual(["right"]);
			expect(report.resolvers.map((server) => server.outcome)).toEqual(["servfail"]);
			expect(report.verdict).toBe("unknown");
			expect(report.resolvers[0]?.sentence).toContain("SERVFAIL");
		} finally {
			await doubting.stop();
		}
	});

	test("without a resolver there is a warning", async () => {
		const report = await lookAt("good.parent.test", [bind]);
		expect(report.verdict).toBe("right");
		expect(report.warnings.join()).toContain("validates");
	});

	test.each(["expired.parent.test", "unsigned.parent.test"])("%s blocks", async (domain) => {
		const report = await lookAt(domain, [bind]);
		expect(report).toMatchObject({ verdict: "wrong", dnssec: true });
		expect(outcomesOf(report)).toEqual(["not_signed"]);
	});
});
