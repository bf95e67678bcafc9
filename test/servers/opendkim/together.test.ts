/** One key of several domains, turned with the real OpenDKIM in each way in which it can be written down. */

import { chown, mkdir, rename } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { makeKey, mayRun, type OpenDkimHost, prepareHost, type TestKey } from "./opendkim-host.ts";

const DOMAINS = ["example.com", "example.org"];
const [old, fresh, own] = [makeKey(), makeKey(), makeKey()];
const BOTH = "*@example.com all\n*@example.org all\n";

interface Form {
	readonly name: string;
	readonly keys: (directory: string) => string;
	readonly signing: string;
	/** Instead of both tables. */
	readonly naming?: (directory: string) => string;
	/** The keys of the two domains, before and after. */
	readonly before?: readonly TestKey[];
	readonly after: readonly TestKey[];
}

const FORMS: readonly Form[] = [
	{
		name: "an entry for whoever sends",
		keys: (directory) => `all %:202610:${directory}/keys/old.private\n`,
		signing: BOTH,
		after: [fresh, fresh],
	},
	{
		name: "an entry with a key file for whoever sends",
		keys: (directory) => `all %:202610:${directory}/keys/%.private\n`,
		signing: BOTH,
		before: [old, own],
		after: [fresh, makeKey()],
	},
	{
		name: "lines that name one key file",
		keys: (directory) =>
			DOMAINS.map((domain) => `${domain} ${domain}:202610:${directory}/keys/old.private\n`).join(""),
		signing: "*@example.com example.com\n*@example.org example.org\n",
		after: [fresh, fresh],
	},
	{
		name: "several domains of one KeyFile",
		keys: () => "",
		signing: "",
		naming: (directory) =>
			`Domain example.com,example.org\nSelector 202610\nKeyFile ${directory}/keys/old.private`,
		after: [fresh, fresh],
	},
];

/** Key files of each domain where keyturn puts them; a shared one lies with the first. */
async function placeKeys(host: OpenDkimHost, after: readonly TestKey[]): Promise<readonly string[]> {
	const paths: string[] = [];
	for (const [index, domain] of DOMAINS.entries()) {
		const key = after[index];
		if (key === undefined) throw new Error("no key");
		const shared = after.indexOf(key) < index ? paths[after.indexOf(key)] : undefined;
		if (shared === undefined) {
			await mkdir(join(host.directory, "keys", domain), { mode: 0o700 });
			await chown(join(host.directory, "keys", domain), host.uid, host.gid);
		}
		paths.push(shared ?? (await host.writeKey(`${domain}/202611`, key)));
	}
	return paths;
}

function expected(selector: string, keys: readonly TestKey[]) {
	return DOMAINS.map((domain, index) => ({ domain, selector, record: keys[index]?.record ?? "" }));
}

describe.skipIf(!mayRun).each(FORMS)("$name", ({ keys, signing, naming, before = [old, old], after }) => {
	test("signs for both before, and with the next key after one rename", async () => {
		const host = await prepareHost(naming === undefined ? {} : { naming });
		await host.writeKey("old", old);
		for (const [index, domain] of DOMAINS.entries()) await host.writeKey(domain, before[index] ?? old);
		await host.write("key.table", keys(host.directory));
		await host.write("signing.table", signing);
		const program = await host.start();
		const signer = host.signer("reload");
		const reading = await signer.read();
		expect(reading.lines.map(({ domain, problem }) => [domain, problem])).toEqual(
			DOMAINS.map((domain) => [domain, null]),
		);
		expect((await signer.probe(expected("202610", before), reading)).map(({ outcome }) => outcome)).toEqual([
			"signed",
			"signed",
		]);

		const paths = await placeKeys(host, after);
		const changes = DOMAINS.map((domain, index) => ({
			domain,
			from: "202610",
			to: { selector: "202611", keyPath: paths[index] ?? "" },
		}));
		const [file, ...more] = signer.render(reading, changes);
		if (file === undefined) throw new Error("nothing was rendered");
		expect(more).toEqual([]);
		const staged = await host.write("staged", Buffer.from(file.bytes).toString("latin1"));
		const offline = await signer.signOffline(
			new Map([[file.path, staged]]),
			expected("202611", after),
			reading,
		);
		expect(offline.map((message) => /\bd=([^;]+);\s+s=([^;]+);/.exec(message)?.slice(1))).toEqual(
			DOMAINS.map((domain) => [domain, "202611"]),
		);
		await rename(staged, file.path);
		process.kill(program.pid, "SIGUSR1");
		expect((await signer.probe(expected("202611", after), reading)).map(({ outcome }) => outcome)).toEqual([
			"signed",
			"signed",
		]);
	});
});
