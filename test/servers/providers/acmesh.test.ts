import { randomBytes } from "node:crypto";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createProvider } from "../../../providers/acmesh/provider.ts";
import { settingsSchema } from "../../../providers/acmesh/settings.ts";
import type { DnsProvider } from "../../../src/ports/dns-provider.ts";
import { valueOf } from "../../providers/contract.ts";
import { startBind, type TsigKey } from "../bind.ts";
import { served } from "../dns-question.ts";
import { nsupdate } from "../nsupdate.ts";
import type { StartedServer } from "../program.ts";
import { hookTools, published } from "./hooked.ts";

const ZONE = "example.test";
const KEY: TsigKey = { name: "u", algorithm: "hmac-sha256", secret: randomBytes(32).toString("base64") };
const signal = new AbortController().signal;

/** As acme.sh ends, and as its scripts are called: by functions with the name and the value. */
const ACME = `#!/usr/bin/env sh
showhelp() { echo "usage"; }
_quoted() { printf %s "$1" | fold -w 255 | sed 's/.*/"&"/' | tr '\\n' ' '; }
_update() { printf 'server %s\\nzone ${ZONE}\\nkey ${KEY.algorithm}:${KEY.name} %s\\n%s\\nsend\\n' "$PLACE" "$KEY" "$1" | /usr/bin/nsupdate -v; }
main() { [ -z "$1" ] && showhelp && return; "$@"; }
main "$@"
`;
/** Careless, as some are: whatever stands at the name goes. */
const SCRIPT = `
dns_pdns_add() { test "$ACCOUNT_CONF_PATH" = /dev/null && _update "update add $1 300 TXT $(_quoted "$2")"; }
dns_pdns_rm() { _update "update delete $1 TXT"; }
`;

let server: StartedServer;
let home: string;
let provider: DnsProvider;
let names = 0;

beforeAll(async () => {
	server = await startBind({
		zones: [{ name: ZONE, records: "", updateKeys: [KEY.name] }],
		tsigKeys: [KEY],
	});
	home = join(server.directory, "acme");
	await mkdir(join(home, "dnsapi"), { recursive: true });
	await writeFile(join(home, "acme.sh"), ACME);
	await writeFile(join(home, "dnsapi/dns_pdns.sh"), SCRIPT);
	const settings = settingsSchema.parse({
		api: "dns_pdns",
		home,
		env: { KEY: { credential: "tsig" }, PLACE: `${server.address} ${server.port}` },
	});
	provider = published(createProvider({ ...hookTools(server, KEY.secret), name: "acme", settings }));
});
afterAll(async () => server.stop());

const freshName = (): string => `s${++names}._domainkey.${ZONE}`;
const add = (name: string, value: string) => ({ kind: "add", name, value, ttlSeconds: 300 }) as const;

test.each([45, 256, 754])("a script of acme.sh writes %i octets, and takes them away", async (octets) => {
	const name = freshName();
	const value = valueOf(octets);
	expect(await provider.change(ZONE, [add(name, value)], signal)).toEqual([{ kind: "done" }]);
	expect(await served(server, name)).toEqual([value]);
	expect(await provider.change(ZONE, [{ kind: "remove", name, value }], signal)).toEqual([{ kind: "done" }]);
	expect(await served(server, name)).toEqual([]);
});

test("it is not told to take a record away where another value would go along", async () => {
	const name = freshName();
	const value = valueOf(410);
	await provider.change(ZONE, [add(name, value)], signal);
	await nsupdate(server, ZONE, KEY, [`update add ${name} 300 TXT "a sibling"`]);
	const [result] = await provider.change(ZONE, [{ kind: "remove", name, value }], signal);
	expect(result).toMatchObject({ kind: "refused", why: expect.stringContaining("other values") });
	expect(await served(server, name)).toEqual(["a sibling", value]);
});

test("it is given no value that it would part at the blanks", async () => {
	const name = freshName();
	const [result] = await provider.change(ZONE, [add(name, "v=DKIM1; k=rsa; p=")], signal);
	expect(result).toMatchObject({ kind: "refused", why: expect.stringContaining("blanks") });
	expect(await served(server, name)).toEqual([]);
});

test("a script that somebody else could write is not run", async () => {
	await chmod(join(home, "dnsapi/dns_pdns.sh"), 0o666);
	const name = freshName();
	const [result] = await provider.change(ZONE, [add(name, valueOf(300))], signal);
	expect(result).toMatchObject({ kind: "refused", why: expect.stringContaining("0666") });
	expect(await served(server, name)).toEqual([]);
});
