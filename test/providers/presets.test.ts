import { describe, expect, test } from "vitest";
import { settingsSchema as acmesh } from "../../providers/acmesh/settings.ts";
import { createProvider } from "../../providers/lexicon/provider.ts";
import { settingsSchema as lexicon } from "../../providers/lexicon/settings.ts";
import type { Served } from "../../src/ports/authorities.ts";
import type { ProgramRequest, ProgramResult } from "../../src/ports/programs.ts";
import { createSleepingClock } from "../fakes/sleeping-clock.ts";
import { valueOf } from "./contract.ts";

const faultsOf = (schema: typeof acmesh | typeof lexicon, given: unknown): string =>
	schema
		.safeParse(given)
		.error?.issues.map(({ message }) => message)
		.join("; ") ?? "";

describe("presets take only what is known to bring long values through", () => {
	test.each(["azure", "ddns", "gandi", "namecheap", "ovh", "localzone"])("not lexicon's %s", (provider) => {
		expect(faultsOf(lexicon, { provider })).toContain("known to come through: cloudns,");
	});

	test.each([
		["cloudflare", "removed: use `cloudflare`"],
		["desec", "removed: use `desec`"],
		["route53", "removed: use `route53`"],
	])("not lexicon's %s, for which there is a provider of its own", (provider, why) => {
		expect(faultsOf(lexicon, { provider })).toContain(why);
	});

	test.each([
		["dns_cf", "with a +"],
		["dns_desec", "use `desec`"],
		["dns_nsupdate", "rfc2136"],
		["dns_vultr", "removed: use `lexicon`"],
		["dns_freedns", "manual"],
		["dns_he", "known to come through: dns_pdns,"],
		["../../etc/passwd", "known to come through"],
	])("not acme.sh's %s", (api, why) => {
		expect(faultsOf(acmesh, { api, home: "/opt/acme.sh" })).toContain(why);
	});

	test("and no variable that is none of lexicon's", () => {
		expect(faultsOf(lexicon, { provider: "vultr", env: { PYTHONPATH: "/x" } })).toContain("LEXICON_");
	});
});

const zone = "example.test";
const name = `s1._domainkey.${zone}`;

test("lexicon's googleclouddns gets the strings parted, since it adds the outer quotes alone", async () => {
	const value = valueOf(410);
	const { requests, add } = lexiconThat({ status: 0, stderr: "" }, "googleclouddns");
	expect(await add(value)).toEqual([{ kind: "done" }]);
	const parted = `--content=${value.slice(0, 255)}" "${value.slice(255)}`;
	expect(requests.map(({ argv }) => argv.join(" "))).toEqual([
		`/usr/bin/lexicon --delegated=${zone} googleclouddns create ${zone} TXT --name=${name} ${parted} --ttl=300 --output=QUIET`,
	]);
});

test("a password in the address that a program could not reach is told to nobody", async () => {
	const url = "/dns/get-zone-info.json?auth-password=it%27s+p%40ss%21";
	const stderr = `requests.exceptions.ConnectionError: Max retries exceeded with url: ${url} (Caused by …)`;
	const [result] = await lexiconThat({ status: 1, stderr }, "cloudns", "it's p@ss!").add("v=DKIM1");
	expect(result).toMatchObject({ kind: "refused", why: expect.stringContaining("auth-password=… (Caused") });
});

/** A provider by lexicon, which ends so wherever it is run. */
function lexiconThat(ends: Pick<ProgramResult, "status" | "stderr">, type: string, secret = "/key") {
	const requests: ProgramRequest[] = [];
	const provider = createProvider({
		name: "lex",
		settings: lexicon.parse({ provider: type, env: { LEXICON_SECRET: { file: "/secret" } } }),
		secrets: { read: async () => secret },
		programs: {
			run: async (request) => {
				requests.push(request);
				return { ...ends, signal: null, stdout: "" };
			},
		},
		programTrust: { whyUntrusted: async () => null },
		authorities: {
			served: async (): Promise<Served> => ({ kind: "served", zone, values: [], isAlias: false }),
		},
		clock: createSleepingClock(),
	});
	const add = async (value: string) =>
		provider.change(zone, [{ kind: "add", name, value, ttlSeconds: 300 }], new AbortController().signal);
	return { requests, add };
}
