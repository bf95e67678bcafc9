/** Simulated time: moves only when told, and keeps what shall happen when. The wall clock may be stepped apart from it. */

export interface SimTime {
	/** True time since the world began, in milliseconds; never goes back. */
	elapsedMs(): number;
	/** What the host's wall clock shows. */
	wall(): Date;
	/** What a right clock shows: for those who are not this host. */
	trueWall(): Date;
	stepWall(byMs: number): void;
	/** The host sleeps: time passes for the world, and whatever the host had planned is late. */
	suspend(ms: number): void;
	/** How long it has slept so far. */
	suspendedMs(): number;
	/** What has passed without that. */
	awakeMs(): number;
	/** How far the wall clock is off. */
	wallErrorMs(): number;
	/** Calls `fire` in `delayMs`; the answer takes it back. */
	after(delayMs: number, fire: () => void): () => void;
	/** When something happens next; null for never. */
	nextMs(): number | null;
	/** Moves to the next thing and lets all of that instant happen. */
	advance(): void;
}

interface Planned {
	readonly atMs: number;
	readonly order: number;
	fire: (() => void) | null;
}

export function createSimTime(beginning: Date): SimTime {
	const heap: Planned[] = [];
	let nowMs = 0;
	let errorMs = 0;
	let suspendedMs = 0;
	let order = 0;
	const dropCancelled = () => {
		while (heap[0] !== undefined && heap[0].fire === null) takeFirst(heap);
	};
	return {
		elapsedMs: () => nowMs,
		wall: () => new Date(beginning.getTime() + nowMs + errorMs),
		trueWall: () => new Date(beginning.getTime() + nowMs),
		stepWall: (byMs) => {
			errorMs += byMs;
		},
		suspend: (ms) => {
			nowMs += ms;
			suspendedMs += ms;
		},
		suspendedMs: () => suspendedMs,
		awakeMs: () => nowMs - suspendedMs,
		wallErrorMs: () => errorMs,
		after: (delayMs, fire) => {
			order += 1;
			const planned: Planned = { atMs: nowMs + Math.max(0, Math.ceil(delayMs)), order, fire };
			put(heap, planned);
			return () => {
				planned.fire = null;
			};
		},
		nextMs: () => {
			dropCancelled();
			return heap[0]?.atMs ?? null;
		},
		advance: () => {
			dropCancelled();
			const first = heap[0];
			if (first === undefined) throw new Error("nothing is planned");
			nowMs = Math.max(nowMs, first.atMs);
			while (heap[0] !== undefined && heap[0].atMs <= nowMs) takeFirst(heap)?.fire?.();
		},
	};
}

function put(heap: Planned[], planned: Planned): void {
	heap.push(planned);
	let index = heap.length - 1;
	while (index > 0) {
		const parent = (index - 1) >> 1;
		if (!isBefore(heap, index, parent)) return;
		exchange(heap, index, parent);
		index = parent;
	}
}

function takeFirst(heap: Planned[]): Planned | undefined {
	const first = heap[0];
	const last = heap.pop();
	if (last === undefined || heap.length === 0) return first;
	heap[0] = last;
	let index = 0;
	for (;;) {
		let least = index;
		for (const child of [2 * index + 1, 2 * index + 2])
			if (child < heap.length && isBefore(heap, child, least)) least = child;
		if (least === index) return first;
		exchange(heap, index, least);
		index = least;
	}
}

function isBefore(heap: readonly Planned[], left: number, right: number): boolean {
	const [a, b] = [heap[left], heap[right]];
	if (a === undefined || b === undefined) return false;
	return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

function exchange(heap: Planned[], left: number, right: number): void {
	const [a, b] = [heap[left], heap[right]];
	if (a === undefined || b === undefined) return;
	heap[left] = b;
	heap[right] = a;
}
