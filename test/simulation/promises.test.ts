import { describe, expect, it } from "vitest";
import { recordText } from "../../src/dkim/key-material.ts";
import { formatKeyRecord } from "../../src/dkim/key-record.ts";
import { policyOf } from "../fakes/policies.ts";
import { SimDisk } from "../fakes/sim-disk.ts";
import { createSimProcess } from "../fakes/sim-process.ts";
import { KEY_TABLE, KEYS, readTables, SIGNING_TABLE } from "./mail-host.ts";
import { PLANTED_FAULTS } from "./planted-faults.ts";
import { neverReadable, type Observed, PROMISES } from "./promises.ts";
import { createRevocations } from "./revocations.ts";
import { createSimKeys, publicHalfOf } from "./sim-mail.ts";

const PATH = "/var/lib/keyturn/history.jsonl";

describe("never readable", () => {
	it("finds a key in a file that others may read, and that grew until the key stood in it", async () => {
		const disk = new SimDisk(() => new Date(0));
		disk.putDirectory("/var/lib/keyturn", 0o700);
		const view = disk.open({ process: createSimProcess() });
		const look = () =>
			neverReadable({ touched: [PATH], said: [], host: { disk } } as unknown as Observed).length;
		const add = async (text: string) => {
			const file = await view.append(PATH, 0o644);
			await file.write(new TextEncoder().encode(text));
			await file.close();
			return look();
		};
		const found: number[] = [];
		for (const text of ["x".repeat(100), "y".repeat(200), "-----BEGIN PRIV", "ATE KEY-----", "\n"])
			found.push(await add(text));
		expect(found).toEqual([0, 0, 0, 1, 1]);
	});
});

const MINUTE_MS = 60_000;
const NOW_MS = 100 * 24 * 60 * MINUTE_MS;
const DOMAIN = "a.test";
const makeKey = createSimKeys();

/** A key with its file, its record and the mail that it signed last. */
function keyOf(selector: string) {
	const pem = makeKey();
	const publicKey = publicHalfOf(pem) ?? "";
	const algorithm = "ed25519";
	const value = formatKeyRecord({ algorithm, publicKey: recordText({ algorithm, bits: null, publicKey }) });
	const name = `${selector}._domainkey.${DOMAIN}`;
	return { selector, pem, publicKey, value, name, path: `${KEYS}/${DOMAIN}/${selector}.private` };
}

const OLD = keyOf("old");
const NEW = keyOf("new");
/** Signs, and its record stands. */
const LIVE = keyOf("live");

type World = ReturnType<typeof createWorld>;

/** A host whose mail is signed with the live key; the old one has signed until long ago, and the new one never. */
function createWorld() {
	const disk = new SimDisk(() => new Date(0));
	disk.putDirectory(`${KEYS}/${DOMAIN}`, 0o700);
	for (const { path, pem } of [OLD, NEW, LIVE]) disk.put(path, pem, 0o600);
	disk.put(KEY_TABLE, `# theirs\na ${DOMAIN}:${LIVE.selector}:${LIVE.path}\n`);
	disk.put(SIGNING_TABLE, `*@${DOMAIN} a\n`);
	const mailOf = ({ selector, publicKey }: typeof LIVE, lastMs: number) => ({
		domain: DOMAIN,
		selector,
		publicKey,
		firstMs: 0,
		lastMs,
		isCurrent: lastMs === NOW_MS,
	});
	const mail = [mailOf(LIVE, NOW_MS), mailOf(OLD, NOW_MS / 2)];
	const txt = new Map([OLD, NEW, LIVE].map(({ name, value }) => [name, { values: [value] }]));
	txt.set(`theirs.${DOMAIN}`, { values: ["theirs"] });
	const servers = ["ns1", "ns2"].map((name) => ({ name, held: { txt } }));
	const zone = { servers, current: { txt }, second: null };
	const asked = servers.map(({ name: server }) => ({
		server,
		by: "daemon",
		atMs: NOW_MS - MINUTE_MS,
		awakeMs: NOW_MS - MINUTE_MS,
	}));
	const said = new Map(
		[LIVE, NEW].map(({ name, value }) => [name, asked.map((one) => ({ ...one, said: [value] }))]),
	);
	const host = {
		disk,
		mailDomains: [DOMAIN],
		signer: { running: true, loaded: readTables(disk), old: [] as { loaded: unknown; untilMs: number }[] },
		mailServer: { running: true },
		classes: new Map(mail.map((one) => [`${one.domain} ${one.selector} ${one.publicKey}`, one])),
		current: mail.slice(0, 1),
		unsigned: [],
		keyChanges: 0,
	};
	const seen = {
		nowMs: NOW_MS,
		awakeMs: NOW_MS,
		news: { tables: true, keys: true, mail: true, zones: new Set([zone]) },
		host,
		dns: {
			targetOf: (name: string) => name,
			originOf: (name: string) => name,
			zoneOf: () => zone,
			asked: (name: string) => said.get(name) ?? [],
		},
		policies: new Map([[DOMAIN, policyOf({ domain: DOMAIN })]]),
		queueLifetimeMs: 0,
		switches: [],
		transitions: [],
		documents: [],
		damaged: [],
		strangers: [],
		removals: [],
		ours: new Set([`${OLD.name} ${OLD.value}`]),
		unlinked: [],
		touched: [OLD.path],
		said: [],
		refused: [],
		foreign: {
			records: [{ name: `theirs.${DOMAIN}`, value: "theirs" }],
			lines: new Map([[KEY_TABLE, ["# theirs"]]]),
			files: [{ path: OLD.path, content: OLD.pem }],
		},
		keyUnder: new Map([OLD, NEW, LIVE].map(({ name, publicKey }) => [name, publicKey])),
		documented: new Map(),
		vanished: new Set(),
		mayBeUnsigned: () => false,
		revocations: createRevocations(),
		goneSinceMs: new Map(),
		hooks: { said: new Map([[DOMAIN, "done"]]) },
		others: [],
		queue: [],
		isClockOff: false,
		adopted: new Set(),
		laidOut: new Set(),
		servicesSettled: true,
		servicesExpected: { signer: true, mailServer: true },
	};
	return { disk, host, txt, said, seen };
}

const KEYS_OF = (...states: readonly (readonly [string, string])[]) =>
	states.map(([selector, state]) => ({ selector, state, algorithm: "rsa", publicKey: selector }));
const REMOVED = { removals: [{ name: OLD.name, value: OLD.value, dnsHost: 0 }] };
const SWITCHED = {
	switches: [{ atMs: NOW_MS, domain: DOMAIN, from: LIVE.selector, to: NEW.selector, isUndo: false }],
};
const documentOf = (keys: object, revision = 2) => ({
	documents: [{ domain: DOMAIN, revision, before: 1, keys, wants: { rollback: null } }],
});

/** What is wrong with a world, and what of it shows only there: beside a planted fault other promises break as well. */
const BROKEN: readonly (readonly [keyof typeof PROMISES, string, (world: World) => unknown, string])[] = [
	["1 never unverifiable", "a server lacks a record", ({ txt }) => txt.delete(LIVE.name), "does not verify"],
	[
		"2 never switched on hope",
		"one server was not asked",
		({ said }) => {
			said.set(NEW.name, (said.get(NEW.name) ?? []).slice(1));
			return SWITCHED;
		},
		"after right answers of 1 servers only",
	],
	[
		"2 never switched on hope",
		"it was asked too long ago",
		({ said }) => {
			for (const one of said.get(NEW.name) ?? []) one.atMs -= 6 * MINUTE_MS;
			return SWITCHED;
		},
		"after right answers of 0 servers only",
	],
	[
		"2 never switched on hope",
		"its answers were of another key",
		({ said }) => {
			for (const one of said.get(NEW.name) ?? []) one.said = [OLD.value];
			return SWITCHED;
		},
		"after right answers of 0 servers only",
	],
	[
		"2 never switched on hope",
		"nobody but the world asked",
		({ said }) => {
			for (const one of said.get(NEW.name) ?? []) one.by = "world";
			return SWITCHED;
		},
		"after right answers of 0 servers only",
	],
	[
		"3 never removed early",
		"its last mail is young",
		({ host }) => {
			for (const mail of host.classes.values()) mail.lastMs = NOW_MS - MINUTE_MS;
			return REMOVED;
		},
		"its last mail is 1 minutes old",
	],
	[
		"3 never removed early",
		"the tables name its key",
		({ disk }) => {
			disk.put(KEY_TABLE, `a ${DOMAIN}:${OLD.selector}:${OLD.path}\n`);
			return REMOVED;
		},
		"the tables on disk still name it",
	],
	[
		"3 never removed early",
		"a connection of before goes on",
		({ host, disk }) => {
			const live = disk.text(KEY_TABLE) ?? "";
			disk.put(KEY_TABLE, `a ${DOMAIN}:${OLD.selector}:${OLD.path}\n`);
			host.signer.old.push({ loaded: readTables(disk), untilMs: NOW_MS + MINUTE_MS });
			disk.put(KEY_TABLE, live);
			return REMOVED;
		},
		"the running signer still uses it",
	],
	[
		"3 never removed early",
		"its successor was not looked at",
		({ said }) => {
			said.delete(LIVE.name);
			return REMOVED;
		},
		"its successor live was not looked at again",
	],
	[
		"3 never removed early",
		"the file of a key that signed just now goes",
		({ host }) => {
			for (const mail of host.classes.values()) mail.lastMs = NOW_MS - MINUTE_MS;
			return { unlinked: [{ path: OLD.path, content: OLD.pem }] };
		},
		`the key file ${OLD.path} was deleted`,
	],
	[
		"4 never someone else's",
		"a foreign record has gone",
		({ txt }) => txt.delete(`theirs.${DOMAIN}`),
		"is gone",
	],
	[
		"4 never someone else's",
		"an adopted key's file is another",
		({ disk }) => disk.put(OLD.path, NEW.pem, 0o600),
		"was changed",
	],
	["5 all or nothing", "a table does not parse", ({ disk }) => disk.put(KEY_TABLE, "a b\n"), "do not parse"],
	[
		"5 all or nothing",
		"a domain has lost its line",
		({ disk }) => disk.put(SIGNING_TABLE, "\n"),
		"has no signing line",
	],
	[
		"5 all or nothing",
		"a key's file is cut short",
		({ disk }) => disk.put(LIVE.path, LIVE.pem.slice(0, 60), 0o600),
		"name no whole key",
	],
	[
		"5 all or nothing",
		"a key's file has another key",
		({ disk }) => disk.put(LIVE.path, NEW.pem, 0o600),
		"another key stands under live",
	],
	["5 all or nothing", "a document is damaged", () => ({ damaged: ["/x"] }), "/x does not parse"],
	[
		"5 all or nothing",
		"the mail server does not run",
		({ host }) => {
			host.mailServer.running = false;
			return {};
		},
		"the mail server ran before and does not run",
	],
	[
		"6 never readable",
		"a group may read a key",
		({ disk }) => disk.put(OLD.path, OLD.pem, 0o640),
		"with mode",
	],
	[
		"6 never readable",
		"everybody may enter its directory",
		({ disk }) => {
			disk.putDirectory(`${KEYS}/open`, 0o701);
			disk.put(`${KEYS}/open/s.private`, OLD.pem, 0o600);
			return { touched: [`${KEYS}/open/s.private`] };
		},
		"in a directory with mode",
	],
	[
		"6 never readable",
		"a log has a key",
		() => ({ said: [{ where: "log", text: OLD.pem }] }),
		"was said in log",
	],
	[
		"I4 one turn, one writer",
		"two keys are made at once",
		() => documentOf(KEYS_OF(["n1", "pending"], ["n2", "verified"])),
		"n1 and n2 at once",
	],
	[
		"I4 one turn, one writer",
		"somebody writes without the lock",
		() => ({ strangers: ["a write"] }),
		"a write without the lock",
	],
	[
		"I10 along the life table",
		"a key goes where no key goes",
		() => ({
			transitions: [{ domain: DOMAIN, selector: "s", from: "revoked", to: "active", atMs: 0, sinceMs: 0 }],
		}),
		"s went from revoked to active",
	],
	[
		"I10 along the life table",
		"a save does not count",
		() => documentOf([], 1),
		"revision 1 was written over 1",
	],
];

describe("a promise", () => {
	const look = (changes: (world: World) => unknown = () => null): Observed => {
		const world = createWorld();
		const changed = changes(world);
		return { ...world.seen, ...(changed as object | null) } as unknown as Observed;
	};

	it.each([
		["nothing happens", () => ({})],
		["a key is switched to that all servers have", () => SWITCHED],
		["a record goes after grace", () => REMOVED],
		["a key's document is saved", () => documentOf(KEYS_OF(["n1", "active"], ["n2", "verified"]))],
	] as const)("is kept where %s", (_, changes) => {
		for (const [name, holds] of Object.entries(PROMISES)) expect(holds(look(changes)), name).toEqual([]);
	});

	it.each(BROKEN)("(%s) is found broken where %s", (name, _, changes, what) => {
		expect(PROMISES[name](look(changes))).toContainEqual(expect.stringContaining(what));
	});

	it("has something that breaks it, here or among the planted faults", () => {
		const broken = new Set<string>([
			...BROKEN.map(([name]) => name),
			...PLANTED_FAULTS.flatMap(({ breaks }) => breaks),
		]);
		expect(Object.keys(PROMISES).filter((name) => !broken.has(name))).toEqual([]);
	});
});
