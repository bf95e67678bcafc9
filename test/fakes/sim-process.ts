/** A process of the simulation: every port call passes through it, so that it can die before any one of them. */

export interface SimProcess {
	/** Called by every fake before it acts. A dead process waits here for ever: none of its code runs again. */
	before(call: string): Promise<void>;
	/** Resolves with the call that it died at. */
	readonly died: Promise<string>;
	/** How many calls were let through. */
	calls(): number;
	isDead(): boolean;
	kill(): void;
}

export interface SimProcessOptions {
	/** Dies before the call with this number, counted from 0. */
	readonly dieAt?: number;
	/** Told of every call; returning "die" kills the process before it. A promise lets a scheduler hold the call. */
	readonly onCall?: (call: string, index: number) => "die" | void | Promise<"die" | void>;
}

/** One for all: there are millions of calls. */
const ALIVE = Promise.resolve();

export function createSimProcess(options: SimProcessOptions = {}): SimProcess {
	let calls = 0;
	let isDead = false;
	let tell: (call: string) => void = () => {};
	const died = new Promise<string>((resolve) => {
		tell = resolve;
	});
	const never = new Promise<never>(() => {});
	function kill(call: string): void {
		isDead = true;
		tell(call);
	}
	function goOn(call: string, said: "die" | void): Promise<void> {
		if (said === "die") kill(call);
		// Others may have killed it meanwhile.
		return isDead ? never : ALIVE;
	}
	return {
		died,
		calls: () => calls,
		isDead: () => isDead,
		kill: () => kill("killed"),
		before(call) {
			if (isDead) return never;
			const index = calls;
			calls += 1;
			if (index === options.dieAt) kill(call);
			else {
				const said = options.onCall?.(call, index);
				if (said instanceof Promise) return said.then((late) => goOn(call, late));
				return goOn(call, said);
			}
			return never;
		},
	};
}

/** Runs `work` until it ends or its process dies, whichever is first. */
export function runUntilDeath<Value>(
	process: SimProcess,
	work: Promise<Value>,
): Promise<
	{ readonly kind: "ended"; readonly value: Value } | { readonly kind: "died"; readonly at: string }
> {
	return Promise.race([
		work.then((value) => ({ kind: "ended" as const, value })),
		process.died.then((at) => ({ kind: "died" as const, at })),
	]);
}
