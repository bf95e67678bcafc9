import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createProvider } from "../../../providers/powerdns/provider.ts";
import { quoteTxt } from "../../../src/dkim/txt-strings.ts";
import type { DnsProvider } from "../../../src/ports/dns-provider.ts";
import { createPublisher } from "../../../src/publishing/publisher.ts";
import { createTurns } from "../../../src/publishing/turns.ts";
import { createSystemClock } from "../../../src/system/clock.ts";
import { createHttp } from "../../../src/system/http.ts";
import { createSystemRandom } from "../../../src/system/random.ts";
import { describeProviderContract, type ProviderBench, valueOf } from "../../providers/contract.ts";
import { served } from "../dns-question.ts";
import { type StartedPowerDns, startPowerDns } from "../powerdns.ts";

const ZONE = "example.test";
const SIGNED = "signed.test";
const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
const signal = new AbortController().signal;

describeProviderContract("powerdns against PowerDNS", async () => bench(await start(), ZONE));
describeProviderContract("powerdns against PowerDNS, a signed zone, through the publisher", async () => {
	const direct = bench(await start(), SIGNED);
	const tools = {
		turns: createTurns(),
		clock: createSystemClock(),
		random: createSystemRandom(),
		log: SILENT,
	};
	return { ...direct, provider: createPublisher({ ...tools, provider: direct.provider }) };
});

describe("the troubles with PowerDNS's interface", () => {
	let server: StartedPowerDns;
	let provider: DnsProvider;
	beforeAll(async () => {
		server = await start();
		provider = providerFor(server);
	});
	afterAll(async () => server.stop());
	const add = (name: string) => ({ kind: "add", name, value: valueOf(754), ttlSeconds: 300 }) as const;

	test("a wrong key is denied, and not told", async () => {
		const wrong = providerFor(server, "a key that is not its");
		const name = `denied._domainkey.${ZONE}`;
		await expect(wrong.change(ZONE, [add(name)], signal)).rejects.toMatchObject({
			code: "provider.denied",
			hint: expect.stringContaining("api-key"),
			message: expect.not.stringContaining("a key that is not its"),
		});
		await expect(wrong.list(ZONE, name, signal)).rejects.toMatchObject({ code: "provider.denied" });
		expect(await served(server, name)).toEqual([]);
	});

	test("a zone that it does not have is told apart", async () => {
		await expect(
			provider.change("elsewhere.test", [add("s._domainkey.elsewhere.test")], signal),
		).rejects.toMatchObject({ code: "provider.zone" });
		await expect(
			provider.list("elsewhere.test", "s._domainkey.elsewhere.test", signal),
		).rejects.toMatchObject({
			code: "provider.zone",
		});
	});

	test("records that are switched off are neither told nor lost", async () => keepsSwitchedOff(server));

	test("nor in a backend that finds none of them", async () => {
		const other = await start("lmdb");
		try {
			expect(await api(other, `/search-data?max=10&q=${ZONE}`)).toEqual([
				expect.objectContaining({ object_type: "zone" }),
			]);
			await keepsSwitchedOff(other);
		} finally {
			await other.stop();
		}
	});

	test("nothing is written beside an alias", async () => {
		const name = `alias._domainkey.${ZONE}`;
		const [result] = await provider.change(ZONE, [add(name)], signal);
		expect(result).toMatchObject({ kind: "refused", denied: false });
		expect(await served(server, name)).toEqual([]);
	});

	test("what is written in a signed zone is signed", async () => {
		const name = `signed._domainkey.${SIGNED}`;
		expect(await provider.change(SIGNED, [add(name)], signal)).toEqual([{ kind: "done" }]);
		const asked = ["+tcp", "+dnssec", "+short", "-p", `${server.port}`, `@${server.address}`, name, "TXT"];
		const { stdout } = await promisify(execFile)("/usr/bin/dig", asked);
		expect(stdout.split("\n").filter((line) => line.startsWith("TXT "))).toHaveLength(1);
		expect(await served(server, name)).toEqual([valueOf(754)]);
	});
});

async function start(backend: "sqlite" | "lmdb" = "sqlite"): Promise<StartedPowerDns> {
	return startPowerDns({
		backend,
		zones: [
			{ name: ZONE, records: "alias._domainkey CNAME elsewhere.invalid." },
			{ name: SIGNED, records: "", dnssec: true },
		],
	});
}

function bench(server: StartedPowerDns, zone: string): ProviderBench {
	return {
		provider: providerFor(server),
		zone,
		serves: async (name) => served(server, name),
		plant: async (name, strings) => {
			const quoted = strings.map((text) => quoteTxt(text)).join(" ");
			await server.util("add-record", zone, name.slice(0, -zone.length - 1), "TXT", "300", quoted);
		},
		stop: server.stop,
	};
}

function providerFor(server: StartedPowerDns, key = server.apiKey): DnsProvider {
	const clock = createSystemClock();
	return createProvider({
		name: "pdns",
		settings: { url: server.url, key: { credential: "pdns" }, server: "localhost" },
		secrets: { read: async () => key },
		http: createHttp({ clock }),
		clock,
	});
}

async function keepsSwitchedOff(server: StartedPowerDns): Promise<void> {
	const provider = providerFor(server);
	const name = `off._domainkey.${ZONE}`;
	await patch(server, name, [
		{ content: '"switched off"', disabled: true },
		{ content: '"sibling"', disabled: false },
	]);
	expect(await provider.list(ZONE, name, signal)).toEqual(["sibling"]);
	const replace = { kind: "replace", name, from: "sibling", to: valueOf(410), ttlSeconds: 300 } as const;
	expect(await provider.change(ZONE, [replace], signal)).toEqual([{ kind: "done" }]);
	expect(await served(server, name)).toEqual([valueOf(410)]);
	const removal = { kind: "remove", name, value: valueOf(410) } as const;
	expect(await provider.change(ZONE, [removal], signal)).toEqual([{ kind: "done" }]);
	expect(await served(server, name)).toEqual([]);
	expect(await switchedOffAt(server, name)).toEqual(['"switched off"']);
}

async function patch(server: StartedPowerDns, name: string, records: readonly object[]): Promise<void> {
	const rrsets = [{ name: `${name}.`, type: "TXT", ttl: 300, changetype: "REPLACE", records }];
	const response = await fetch(`${server.url}/api/v1/servers/localhost/zones/${ZONE}.`, {
		method: "PATCH",
		headers: { "x-api-key": server.apiKey },
		body: JSON.stringify({ rrsets }),
	});
	expect(response.status).toBe(204);
}

async function switchedOffAt(server: StartedPowerDns, name: string): Promise<readonly string[]> {
	const { rrsets } = (await api(server, `/zones/${ZONE}.`)) as {
		readonly rrsets: readonly {
			readonly name: string;
			readonly records: readonly { readonly content: string; readonly disabled: boolean }[];
		}[];
	};
	return rrsets
		.filter((one) => one.name === `${name}.`)
		.flatMap(({ records }) => records.filter(({ disabled }) => disabled).map(({ content }) => content));
}

async function api(server: StartedPowerDns, path: string): Promise<unknown> {
	const headers = { "x-api-key": server.apiKey };
	return (await fetch(`${server.url}/api/v1/servers/localhost${path}`, { headers })).json();
}
