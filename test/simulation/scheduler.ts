/** Decides which simulated process goes on, call by call, and moves time on when all of them wait. */

import { createSimProcess, type SimProcess } from "../fakes/sim-process.ts";
import type { Chance } from "./chance.ts";
import type { SimTime } from "./sim-time.ts";

export interface Running {
	readonly name: string;
	readonly kind: "daemon" | "command" | "door";
	readonly process: SimProcess;
	/** Waits for something that is not a port call: then it takes no part in the choice of who goes on. */
	parked: boolean;
	isAlive(): boolean;
	/** Told once, when it is killed or has ended. */
	onEnd(tell: (why: string) => void): void;
	/** The way out in good order: no death. */
	end(): void;
}

export interface Scheduler {
	start(name: string, kind: Running["kind"]): Running;
	/** Death without warning: every later port call of it never resolves. */
	kill(running: Running, why: string): void;
	living(): readonly Running[];
	/** `port` as a process has it: every asynchronous member becomes a step of its own. */
	guard<Port extends object>(
		running: Running,
		label: string,
		port: Port,
		immediate?: readonly (keyof Port)[],
	): Port;
	/** Lets everything happen until `done`. */
	run(done: () => boolean): Promise<void>;
}

export function createScheduler(given: {
	readonly chance: Chance;
	readonly time: SimTime;
	/** Before each port call; "die" is the end of the process. May change the world: it is between two system calls. */
	readonly onStep: (running: Running, call: string) => "die" | void;
}): Scheduler {
	const { chance, time, onStep } = given;
	let living: Running[] = [];
	let waiting: { readonly running: Running; readonly go: () => void }[] = [];
	const deaths = new Map<Running, ((why: string) => void)[]>();

	const leave = (running: Running) => {
		living = living.filter((other) => other !== running);
		waiting = waiting.filter((other) => other.running !== running);
	};

	const kill = (running: Running, why: string) => {
		if (!living.includes(running)) return;
		running.process.kill();
		leave(running);
		tellOf(running, why);
	};

	const tellOf = (running: Running, why: string) => {
		const tells = deaths.get(running) ?? [];
		deaths.delete(running);
		for (const tell of tells) tell(why);
	};

	const step = (running: Running, call: string): "die" | void => {
		if (onStep(running, call) !== "die") return;
		kill(running, `died before ${call}`);
		return "die";
	};

	return {
		start: (name, kind) => {
			const process = createSimProcess({
				onCall: (call) => {
					if (living.every((other) => other === running || other.parked)) return step(running, call);
					return new Promise<void>((resolve) => {
						waiting.push({ running, go: resolve });
					}).then(() => step(running, call));
				},
			});
			const running: Running = {
				name,
				kind,
				process,
				parked: false,
				isAlive: () => living.includes(running),
				onEnd: (tell) => {
					deaths.set(running, [...(deaths.get(running) ?? []), tell]);
				},
				end: () => {
					leave(running);
					tellOf(running, "ended");
				},
			};
			living.push(running);
			return running;
		},
		kill,
		living: () => living,
		guard: (running, label, port, immediate = []) => guard(running, label, port, immediate),
		run: async (done) => {
			for (;;) {
				await settle();
				if (done()) return;
				if (waiting.length > 0) {
					const [next] = waiting.splice(chance.between(0, waiting.length - 1), 1);
					next?.go();
				} else {
					if (time.nextMs() === null) throw new Error("the world stands still: nobody waits for anything");
					time.advance();
				}
			}
		},
	};
}

function guard<Port extends object>(
	running: Running,
	label: string,
	port: Port,
	immediate: readonly (keyof Port)[],
): Port {
	const guarded: Record<PropertyKey, unknown> = {};
	for (const name of Object.keys(port) as (keyof Port)[]) {
		const member = port[name];
		guarded[name] =
			typeof member !== "function" || immediate.includes(name)
				? member
				: async (...args: unknown[]) => {
						await running.process.before(`${label}.${String(name)}`);
						return (await member.apply(port, args)) as unknown;
					};
	}
	return guarded as Port;
}

/** Resolves when every promise that can go on has gone on. */
function settle(): Promise<void> {
	return new Promise((resolve) => {
		setImmediate(resolve);
	});
}
