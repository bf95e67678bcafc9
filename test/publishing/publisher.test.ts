import { beforeEach, describe, expect, test } from "vitest";
import { KeyturnError } from "../../src/errors.ts";
import type { Authorities, Served } from "../../src/ports/authorities.ts";
import type { ChangeResult, DnsProvider, ZoneChange } from "../../src/ports/dns-provider.ts";
import { createPublisher } from "../../src/publishing/publisher.ts";
import { createTurns } from "../../src/publishing/turns.ts";
import { createLyingProvider, type LyingProvider, OF_ANOTHER_HOST } from "../fakes/lying-provider.ts";
import { createSleepingClock } from "../fakes/sleeping-clock.ts";

const ZONE = "example.test";
const NAME = "s1._domainkey.example.test";
const VALUE = `v=DKIM1;k=rsa;p=${"Ab+/".repeat(100)}`;
const OTHER = "somebody else's";
const signal = new AbortController().signal;

let provider: LyingProvider;
let publisher: DnsProvider;
let slept: () => number;

beforeEach(() => {
	provider = createLyingProvider();
	publisher = publisherOf(provider);
});

function publisherOf(
	inner: DnsProvider,
	authorities?: Authorities,
	clock = createSleepingClock("2026-11-01T00:00:00Z"),
): DnsProvider {
	slept = () => clock.now().getTime() - Date.parse("2026-11-01T00:00:00Z");
	return createPublisher({
		provider: inner,
		turns: createTurns(),
		clock,
		random: { bytes: (count) => new Uint8Array(count), id: () => "0".repeat(32) },
		log: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
		...(authorities === undefined ? {} : { authorities }),
	});
}

const add = (name = NAME, value = VALUE): ZoneChange => ({ kind: "add", name, value, ttlSeconds: 300 });
const remove = (name = NAME, value = VALUE): ZoneChange => ({ kind: "remove", name, value });
const replace = (from: string, to: string): ZoneChange => ({
	kind: "replace",
	name: NAME,
	from,
	to,
	ttlSeconds: 300,
});
const change = async (...changes: readonly ZoneChange[]) => publisher.change(ZONE, changes, signal);
const writes = () => provider.calls.filter((call) => !call.startsWith("list"));

describe("a provider that says nothing for long", () => {
	const late = new KeyturnError("provider.unreachable", "fake: no answer", { retry: true });
	const clock = createSleepingClock();
	let asked = 0;
	/** Each call takes so long, and fails. */
	const failing = (ms: number): DnsProvider => ({
		...provider,
		list: async () => {
			asked += 1;
			await clock.sleep(ms, signal);
			throw late;
		},
	});
	const published = async (inner: DnsProvider, zones: readonly string[]) => {
		asked = 0;
		publisher = publisherOf(inner, undefined, clock);
		const results = [];
		for (const zone of zones)
			results.push(await publisher.change(zone, [add(`s1._domainkey.${zone}`)], signal));
		return results;
	};
	const refused = [{ kind: "refused", denied: false, why: "fake: no answer", hint: null }];

	test("is waited for once, not for each of its zones, and asked again after a minute", async () => {
		expect(await published(failing(30_000), ["a.test", "b.test", "c.test"])).toEqual([
			refused,
			refused,
			refused,
		]);
		expect(asked).toBe(3);
		await clock.sleep(60_000, signal);
		await publisher.change(ZONE, [add()], signal);
		expect(asked).toBe(6);
	});

	test("is not one whose trouble with a zone is told at once: each zone's is its own", async () => {
		await published(failing(100), ["a.test", "b.test"]);
		expect(asked).toBe(6);
	});
});

describe("a name at which an alias stands", () => {
	const asked: string[] = [];
	const served = (isAlias: boolean): Authorities => ({
		served: async (name): Promise<Served> => {
			asked.push(name);
			return { kind: "served", zone: ZONE, values: [], isAlias };
		},
	});

	test("gets no record, whatever the provider would do with it", async () => {
		publisher = publisherOf(provider, served(true));
		expect(await change(add())).toMatchObject([
			{ kind: "refused", why: expect.stringContaining(`a CNAME stands at ${NAME}`) },
		]);
		expect(writes()).toEqual([]);
	});

	test("may have its own record taken away, and nobody is asked for what stands there already", async () => {
		publisher = publisherOf(provider, served(true));
		provider.held.set(NAME, [VALUE]);
		asked.length = 0;
		expect(await change(add())).toEqual([{ kind: "done" }]);
		expect(await change(remove())).toEqual([{ kind: "done" }]);
		expect(asked).toEqual([]);
		expect(provider.held.get(NAME)).toEqual([]);
	});

	test("is told from one where none does, and from one where that cannot be seen", async () => {
		publisher = publisherOf(provider, served(false));
		expect(await change(add())).toEqual([{ kind: "done" }]);
		publisher = publisherOf(provider, {
			served: async () => ({ kind: "unknown", zone: null, why: "silent" }),
		});
		expect(await change(add(`other.${NAME}`))).toEqual([{ kind: "done" }]);
	});

	test("is looked for no longer than three seconds", async () => {
		const deadlines: number[] = [];
		const deadline = (ms: number): AbortSignal => {
			deadlines.push(ms);
			return AbortSignal.abort();
		};
		const slow: Authorities = {
			served: async (name, { aborted }) =>
				aborted ? { kind: "unknown", zone: null, why: "too late" } : served(true).served(name, signal),
		};
		publisher = publisherOf(provider, slow, { ...createSleepingClock("2026-11-01T00:00:00Z"), deadline });
		expect(await change(add())).toEqual([{ kind: "done" }]);
		expect(deadlines).toEqual([3_000]);
	});
});

describe("adding", () => {
	test("looks before and reads back after", async () => {
		expect(await change(add())).toEqual([{ kind: "done" }]);
		expect(provider.calls).toEqual([`list ${NAME}`, `add ${NAME}`, `list ${NAME}`]);
		expect(provider.held.get(NAME)).toEqual([VALUE]);
	});

	test("writes nothing where it stands already, however it is quoted", async () => {
		provider.held.set(NAME, [VALUE]);
		provider.shown = (value) => `"${value.slice(0, 255)}" "${value.slice(255)}"`;
		expect(await change(add())).toEqual([{ kind: "done" }]);
		expect(writes()).toEqual([]);
	});

	test("writes nothing beside what somebody else has there", async () => {
		provider.held.set(NAME, [OTHER]);
		expect(await change(add())).toEqual([{ kind: "occupied", values: [OTHER] }]);
		expect(writes()).toEqual([]);
	});

	test("a value that differs in one letter's case is somebody else's", async () => {
		provider.held.set(NAME, [VALUE.replace("Ab", "AB")]);
		expect(await change(add())).toMatchObject([{ kind: "occupied" }]);
	});

	test("a success that cannot be read back is not done, and is not tried twice", async () => {
		provider.next = ["lies"];
		expect(await change(add())).toMatchObject([{ kind: "unknown", why: expect.stringContaining(NAME) }]);
		expect(writes()).toEqual([`add ${NAME}`]);
	});

	test("a list that lags is waited for", async () => {
		provider.lag = 3;
		expect(await change(add())).toEqual([{ kind: "done" }]);
		expect(writes()).toEqual([`add ${NAME}`]);
		expect(slept()).toBeGreaterThan(0);
	});

	test.each(["denies", "silent"] as const)("a failure (%s) that wrote is done", async (behaviour) => {
		provider.next = [behaviour];
		expect(await change(add())).toEqual([{ kind: "done" }]);
		expect(provider.held.get(NAME)).toEqual([VALUE]);
	});

	test("no answer and nothing to be seen stays unknown, and is not written twice", async () => {
		provider.next = ["lost"];
		expect(await change(add())).toMatchObject([{ kind: "unknown" }]);
		expect(writes()).toEqual([`add ${NAME}`]);
	});

	test("a value that comes back cut short is told, and left for people", async () => {
		provider.next = ["cuts"];
		const [result] = await change(add());
		expect(result).toMatchObject({
			kind: "refused",
			denied: false,
			why: expect.stringContaining("255 octets"),
		});
		expect(provider.held.get(NAME)).toEqual([VALUE.slice(0, 255)]);
		expect(writes()).toEqual([`add ${NAME}`]);
	});

	test.each([add(), remove()])(
		"what is left of it is neither somebody else's nor gone: $kind",
		async (next) => {
			provider.next = ["cuts"];
			await change(add());
			expect(await change(next)).toMatchObject([
				{
					kind: "refused",
					denied: false,
					why: expect.stringContaining(
						"made of the value: 255 octets instead of 416, the first 255 of them alike",
					),
					hint: expect.stringContaining("remove that record by hand"),
				},
			]);
			expect(writes()).toEqual([`add ${NAME}`]);
		},
	);

	test("takes its own away when somebody else wrote at the same moment", async () => {
		provider.next = ["raced"];
		expect(await change(add())).toEqual([{ kind: "occupied", values: ["another host's key"] }]);
		expect(provider.held.get(NAME)).toEqual(["another host's key"]);
	});

	test("gives way where another host's set was written over its own, and has nobody remove that", async () => {
		provider.next = ["overwritten"];
		expect(await change(add())).toEqual([{ kind: "occupied", values: [OF_ANOTHER_HOST] }]);
		expect(provider.held.get(NAME)).toEqual([OF_ANOTHER_HOST]);
	});

	test("refuses before asking what does not fit", async () => {
		expect(await change(add(NAME, "x".repeat(1_001)))).toMatchObject([
			{ kind: "refused", why: expect.stringContaining("1001 octets") },
		]);
		expect(provider.calls).toEqual([]);
	});

	test("raises a TTL to the least that the provider takes", async () => {
		const seen: ZoneChange[] = [];
		publisher = publisherOf({
			...provider,
			change: async (zone, changes, inner) => {
				seen.push(...changes);
				return provider.change(zone, changes, inner);
			},
		});
		await change({ kind: "add", name: NAME, value: VALUE, ttlSeconds: 1 });
		expect(seen).toMatchObject([{ ttlSeconds: 60 }]);
	});
});

describe("removing", () => {
	test("takes the exact value and leaves the siblings", async () => {
		provider.held.set(NAME, [OTHER, VALUE]);
		expect(await change(remove())).toEqual([{ kind: "done" }]);
		expect(provider.held.get(NAME)).toEqual([OTHER]);
		expect(await change(remove())).toEqual([{ kind: "done" }]);
		expect(writes()).toEqual([`remove ${NAME}`]);
	});

	test("goes on until the twin has gone too", async () => {
		provider.next = ["doubles"];
		await change(add());
		expect(provider.held.get(NAME)).toEqual([VALUE, VALUE]);
		expect(await change(remove())).toEqual([{ kind: "done" }]);
		expect(provider.held.get(NAME)).toEqual([]);
	});

	test("a removal that never happens is not done", async () => {
		provider.held.set(NAME, [VALUE]);
		provider.next = ["lies", "lies", "lies"];
		expect(await change(remove())).toMatchObject([{ kind: "unknown" }]);
	});
});

describe("a provider of which DNS alone shows what stands", () => {
	test.each([remove(), replace(VALUE, "v=DKIM1;p=")])(
		"is waited for where it took what cannot be seen yet: $kind",
		async (one) => {
			provider.held.set(NAME, [VALUE]);
			provider.next = ["lies"];
			publisher = publisherOf({ ...provider, readsBack: "dns" });
			const why = expect.stringContaining(`DNS does not show it at ${NAME} yet`);
			expect(await change(one)).toEqual([{ kind: "unknown", isAwaited: true, why }]);
			expect(writes()).toEqual([`${one.kind} ${NAME}`]);
		},
	);

	test("is not believed to have taken what it says nothing of", async () => {
		publisher = publisherOf({ ...provider, readsBack: "dns", change: async () => [] });
		expect(await change(add())).toMatchObject([
			{ kind: "unknown", why: expect.stringContaining("fake did not say what became of it") },
		]);
	});

	test("is not where nobody knows whether it took it", async () => {
		provider.held.set(NAME, [VALUE]);
		provider.next = ["lost", "lost", "lost"];
		publisher = publisherOf({ ...provider, readsBack: "dns" });
		const [result] = await change(remove());
		expect(result).toMatchObject({ kind: "unknown" });
		expect(result).not.toHaveProperty("isAwaited");
	});
});

describe("replacing", () => {
	test("is done when the new stands and the old does not", async () => {
		provider.held.set(NAME, [VALUE, OTHER]);
		expect(await change(replace(VALUE, "v=DKIM1;p="))).toEqual([{ kind: "done" }]);
		expect(provider.held.get(NAME)?.toSorted()).toEqual([OTHER, "v=DKIM1;p="].toSorted());
		expect(await change(replace(VALUE, "v=DKIM1;p="))).toEqual([{ kind: "done" }]);
		expect(writes()).toEqual([`replace ${NAME}`]);
	});

	test("adds what is left to add when an earlier try got half way", async () => {
		expect(await change(replace(VALUE, "v=DKIM1;p="))).toEqual([{ kind: "done" }]);
		expect(writes()).toEqual([`add ${NAME}`]);
	});

	test("touches nothing where only somebody else's stands", async () => {
		provider.held.set(NAME, [OTHER]);
		expect(await change(replace(VALUE, "v=DKIM1;p="))).toEqual([{ kind: "occupied", values: [OTHER] }]);
		expect(writes()).toEqual([]);
	});
});

describe("several", () => {
	test("one occupied, one too long: the others are done, in order", async () => {
		provider.held.set("b.test", [OTHER]);
		const results = await change(
			add("a.test"),
			add("b.test"),
			add("c.test", "x".repeat(2_000)),
			add("d.test"),
		);
		expect(results.map((result) => result.kind)).toEqual(["done", "occupied", "refused", "done"]);
	});

	test("no batch is larger than the provider takes, and none holds a name twice", async () => {
		const sizes: number[] = [];
		publisher = publisherOf({
			...provider,
			change: async (zone, changes, inner) => {
				sizes.push(changes.length);
				expect(new Set(changes.map((one) => one.name)).size).toBe(changes.length);
				return provider.change(zone, changes, inner);
			},
		});
		const names = ["a", "b", "c", "d", "e", "f", "g"].map((label) => `${label}.test`);
		const results = await change(...names.map((name) => add(name)), remove("g.test"), add("g.test", "new"));
		expect(results).toHaveLength(9);
		expect(results.every((result) => result.kind === "done")).toBe(true);
		expect(Math.max(...sizes)).toBe(3);
		expect(provider.held.get("g.test")).toEqual(["new"]);
	});

	test("calls of one account take turns", async () => {
		const turns = await Promise.all([change(add("a.test")), change(add("b.test")), change(add("c.test"))]);
		expect(turns).toEqual([[{ kind: "done" }], [{ kind: "done" }], [{ kind: "done" }]]);
		expect(provider.atOnce.most).toBe(1);
	});

	test("a call that fails does not hold up the next", async () => {
		provider.listErrors = [new KeyturnError("bug", "broken")];
		await expect(change(add())).rejects.toThrow("broken");
		expect(await change(add())).toEqual([{ kind: "done" }]);
	});
});

describe("a provider that lost what others have in the zone", () => {
	const lost = {
		kind: "refused",
		denied: false,
		why: "no longer shows MX",
		hint: "put it back",
		isFinal: true,
	};
	/** What is asked of it is done all the same. */
	const losing = (): DnsProvider => ({
		...provider,
		change: async (zone, changes, inner) => {
			await provider.change(zone, changes, inner);
			return changes.map(() => lost as ChangeResult);
		},
	});

	test.each([add(), remove()])("is told as such though the change itself was made: $kind", async (one) => {
		if (one.kind === "remove") provider.held.set(NAME, [VALUE]);
		publisher = publisherOf(losing());
		expect(await change(one)).toEqual([lost]);
		expect(writes()).toEqual([`${one.kind} ${NAME}`]);
	});

	test("writes no further batch", async () => {
		publisher = publisherOf(losing());
		const names = ["a", "b", "c", "d"].map((label) => `${label}.test`);
		expect(await change(...names.map((name) => add(name)))).toEqual([lost, lost, lost, lost]);
		expect(writes()).toEqual(["add a.test", "add b.test", "add c.test"]);
	});

	test("is told as such by one that fails in the middle of a change, too", async () => {
		publisher = publisherOf({
			...provider,
			change: async (zone, changes, inner) => {
				await provider.change(zone, changes, inner);
				throw new KeyturnError("provider.loss", lost.why, { hint: lost.hint });
			},
		});
		expect(await change(add())).toEqual([lost]);
	});

	test("is told as such where its own record is taken back from beside another's", async () => {
		provider.next = ["raced"];
		let calls = 0;
		publisher = publisherOf({
			...provider,
			change: async (zone, changes, inner) =>
				(calls += 1) === 1 ? provider.change(zone, changes, inner) : losing().change(zone, changes, inner),
		});
		expect(await change(add())).toEqual([lost]);
		expect(calls).toBe(2);
	});
});

describe("a provider in trouble", () => {
	test("is left alone for a while when it says so, and then asked again", async () => {
		provider.listErrors = [new KeyturnError("provider.refused", "429", { retry: true })];
		expect(await change(add())).toEqual([{ kind: "done" }]);
		expect(slept()).toBeGreaterThanOrEqual(1_000);
	});

	test.each([
		["is waited for as long as it asks, up to a minute", 60_000, { kind: "done" }, 60_000],
		["is not waited for where it asks for more", 60_001, { kind: "refused", why: "429" }, 0],
	] as const)("%s", async (_, retryAfterMs, result, sleptMs) => {
		provider.listErrors = [new KeyturnError("provider.limited", "429", { retry: true, retryAfterMs })];
		expect(await change(add())).toMatchObject([result]);
		expect(slept()).toBe(sleptMs);
	});

	test("that denies is not asked again", async () => {
		provider.next = ["forbids"];
		expect(await change(add())).toMatchObject([{ kind: "refused", denied: true, why: "403" }]);
		expect(writes()).toHaveLength(1);
		expect(slept()).toBe(0);
	});

	test("that fails in the middle of a change leaves it unknown unless it is seen", async () => {
		provider.next = ["busy"];
		expect(await change(add())).toMatchObject([{ kind: "unknown", why: expect.stringContaining("429") }]);
		expect(provider.held.get(NAME)).toBeUndefined();
	});

	test("that fails for its credential in the middle of a change has denied it", async () => {
		const denying = publisherOf({
			...provider,
			change: async () => Promise.reject(new KeyturnError("provider.denied", "no right to write")),
		});
		expect(await denying.change(ZONE, [add()], signal)).toMatchObject([
			{ kind: "refused", denied: true, why: "no right to write" },
		]);
	});

	test("that does not answer is not waited for at each name", async () => {
		provider.listErrors = Array.from(
			{ length: 9 },
			() => new KeyturnError("provider.unreachable", "no route"),
		);
		const results = await change(add("a.test"), add("b.test"), add("c.test"));
		expect(results).toMatchObject([
			{ kind: "refused", why: "no route" },
			{ kind: "refused", why: "no route" },
			{ kind: "refused", why: "no route" },
		]);
		expect(provider.calls.filter((call) => call === "list b.test")).toEqual([]);
	});

	test("that cannot be read back leaves the outcome unknown", async () => {
		provider.next = ["honest"];
		const answered = publisherOf({
			...provider,
			list: async (zone, name, inner) => {
				if (writes().length > 0) throw new KeyturnError("provider.unreachable", "gone");
				return provider.list(zone, name, inner);
			},
		});
		expect(await answered.change(ZONE, [add()], signal)).toMatchObject([
			{ kind: "unknown", why: expect.stringContaining("gone") },
		]);
	});
});

test("lists values as DNS has them", async () => {
	provider.held.set(NAME, [VALUE]);
	provider.shown = (value) => `"${value.slice(0, 255)}""${value.slice(255)}"`;
	expect(await publisher.list(ZONE, NAME, signal)).toEqual([VALUE]);
});
