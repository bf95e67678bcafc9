import { describe, expect, test } from "vitest";
import { settingsSchema as acmesh } from "../../providers/acmesh/settings.ts";
import { createProvider } from "../../providers/lexicon/provider.ts";
import { settingsSchema as lexicon } from "../../providers/lexicon/settings.ts";
import type { Served } from "../../src/ports/authorities.ts";
import type { ProgramRequest } from "../../src/ports/programs.ts";
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

test("lexicon's googleclouddns gets the strings parted, since it adds the outer quotes alone", async () => {
	const requests: ProgramRequest[] = [];
	const zone = "example.test";
	const value = valueOf(410);
	const provider = createProvider({
		name: "lex",
		settings: lexicon.parse({
			provider: "googleclouddns",
			env: { LEXICON_GOOGLECLOUDDNS_AUTH_SERVICE_ACCOUNT_INFO: "/key" },
		}),
		secrets: { read: async () => "" },
		programs: {
			run: async (request) => {
				requests.push(request);
				return { status: 0, signal: null, stdout: "", stderr: "" };
			},
		},
		programTrust: { whyUntrusted: async () => null },
		authorities: {
			served: async (): Promise<Served> => ({ kind: "served", zone, values: [], isAlias: false }),
		},
		clock: createSleepingClock(),
	});
	const name = `s1._domainkey.${zone}`;
	const change = { kind: "add", name, value, ttlSeconds: 300 } as const;
	expect(await provider.change(zone, [change], new AbortController().signal)).toEqual([{ kind: "done" }]);
	const parted = `--content=${value.slice(0, 255)}" "${value.slice(255)}`;
	expect(requests.map(({ argv }) => argv.join(" "))).toEqual([
		`/usr/bin/lexicon --delegated=${zone} googleclouddns create ${zone} TXT --name=${name} ${parted} --ttl=300 --output=QUIET`,
	]);
});
