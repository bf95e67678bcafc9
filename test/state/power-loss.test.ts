import { expect, test } from "vitest";
import type { Disk } from "../../src/ports/disk.ts";
import type { TakeLock } from "../../src/ports/lock.ts";
import type { Lease, StateStore } from "../../src/ports/state-store.ts";
import { createFileStateStore } from "../../src/state/files.ts";
import { SimDisk } from "../fakes/sim-disk.ts";
import { createSimProcess, runUntilDeath } from "../fakes/sim-process.ts";
import { createSleepingClock } from "../fakes/sleeping-clock.ts";

const NOW = () => new Date("2026-11-01T03:00:00Z");
const never = new AbortController().signal;
const alone: TakeLock = async () => ({ release: async () => undefined });

function storeOn(disk: Disk): StateStore {
	return createFileStateStore({
		directory: "/var/state",
		disk,
		takeLock: alone,
		clock: createSleepingClock(),
	});
}

async function lock(store: StateStore): Promise<Lease> {
	const lease = await store.lock(0, never);
	if (lease === "held") throw new Error("nobody else is there");
	return lease;
}

/** One run of the agent: it says after each act what is durable from then on. */
async function work(store: StateStore, confirm: (fact: string) => void): Promise<void> {
	const lease = await lock(store);
	confirm(`epoch ${lease.epoch}`);
	for (let revision = 0; revision < 3; revision += 1) {
		await store.save(lease, "domains/example.com", { value: revision + 1 }, revision);
		confirm(`revision ${revision + 1}`);
	}
	const wish = { id: "w1", at: "2026-11-01T00:00:00Z", kind: "rotate", domains: [], noSoak: false } as const;
	await store.leaveWish(wish);
	confirm("wish");
	await store.recordHistory(lease, { n: 1 });
	await lease.release();
	const next = await lock(store);
	confirm(`epoch ${next.epoch}`);
	// The name of its file is durable by the lock only.
	confirm("history 1");
	await store.recordHistory(next, { n: 2 });
	confirm("history 2");
	await store.dropWish(next, "w1");
	confirm("wish dropped");
	await store.save(next, "host", { value: 1 }, 0);
	await store.setAside(next, "host");
	confirm("set aside");
}

test("whatever the crash, the next run reads whole documents and everything that was confirmed", async () => {
	let survivors = 0;
	for (let dieAt = 0; ; dieAt += 1) {
		const disk = new SimDisk(NOW);
		disk.putDirectory("/var");
		const process = createSimProcess({ dieAt });
		const confirmed: string[] = [];
		const running = work(storeOn(disk.open({ process })), (fact) => confirmed.push(fact));
		const outcome = await runUntilDeath(process, running);
		const left = [disk.crash(), ...[0, 1, 2, 3, 4, 5, 6, 7].map((seed) => disk.powerLoss(chooser(seed)))];
		for (const after of left) {
			await check(storeOn(after.open({ process: createSimProcess() })), confirmed);
			survivors += 1;
		}
		if (outcome.kind === "ended") break;
	}
	expect(survivors).toBeGreaterThan(300);
});

test("what is read under the lock is durable, though whoever wrote it was told that it might not be", async () => {
	const disk = new SimDisk(NOW);
	disk.putDirectory("/var");
	let isFailing = false;
	const fault = (call: string) => (isFailing && call === "syncDirectory" ? "EIO" : null);
	const store = storeOn(disk.open({ process: createSimProcess(), fault }));
	const lease = await lock(store);
	isFailing = true;
	await expect(store.save(lease, "domains/example.com", { value: 1 }, 0)).rejects.toThrow("EIO");
	isFailing = false;
	await lease.release();
	await lock(store);
	expect(await store.load("domains/example.com")).toMatchObject({ revision: 1 });
	const after = storeOn(disk.powerLoss(() => 0).open({ process: createSimProcess() }));
	expect(await after.load("domains/example.com")).toMatchObject({ revision: 1 });
});

async function check(store: StateStore, confirmed: readonly string[]): Promise<void> {
	const stored = await store.load("domains/example.com");
	const revision = stored?.revision ?? 0;
	if (stored !== null) expect(stored.state).toEqual({ value: revision });
	expect(revision).toBeGreaterThanOrEqual(confirmed.filter((fact) => fact.startsWith("revision")).length);
	const is = (fact: string) => confirmed.includes(fact);
	const wishes = (await store.wishes()).length;
	// While it is dropped it may stand or not.
	if (is("wish dropped")) expect(wishes).toBe(0);
	else if (is("wish") && !is("history 2")) expect(wishes).toBe(1);
	const history = JSON.stringify(await store.history(10));
	for (const n of [1, 2]) if (is(`history ${n}`)) expect(history).toContain(`{"n":${n}}`);
	if (is("set aside")) expect(await store.load("host")).toBeNull();
	const lease = await lock(store);
	expect(lease.epoch).toBeGreaterThan(epochIn(confirmed));
	await store.save(lease, "domains/example.com", { value: revision + 1 }, revision);
}

function epochIn(confirmed: readonly string[]): number {
	const told = confirmed.findLast((fact) => fact.startsWith("epoch "));
	return told === undefined ? 0 : Number(told.slice("epoch ".length));
}

/** A small generator: the same seed chooses the same. */
function chooser(seed: number): (count: number) => number {
	let state = seed * 2_654_435_761 + 1;
	return (count) => {
		state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
		return Math.floor((state / 2 ** 32) * count);
	};
}
