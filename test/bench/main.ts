/**
 * `npm run bench`: what keyturn costs on a booted mail host, each figure beside what it has to be compared with, measured in
 * the same run. REPEAT=5 repeats the mail pauses more often than three times.
 */

import { setup } from "../build.ts";
import { measureCommands, measureMemory } from "./footprint.ts";
import { compare, say } from "./figures.ts";
import { type Approach, measurePauses } from "./pauses.ts";

setup();
const repeat = Number(process.env["REPEAT"] ?? 3);

for (const connections of ["short", "long"] as const) {
	const pauses = await measurePauses(connections, repeat);
	const pause = (approach: Approach): number => pauses.get(approach) ?? Number.NaN;
	say(`mail pause over ${connections} connections, ms, median of ${repeat}`);
	for (const [approach, ms] of pauses) say(`  ${approach}: ${ms}`);
	const allowed = 1.2 * pause("bare stop and start") + 1000;
	compare("  keyturn by restart, against 1.2 x bare + 1 s", pause("keyturn restart") / allowed, 1);
	compare("  keyturn by restart, against the guide", pause("keyturn restart") / pause("guide"), 1.5);
	compare("  keyturn by reload, ms", pause("keyturn reload"), 0);
}

const memory = await measureMemory();
say("memory of an idle process, kB of RSS");
say(`  keyturn run: ${memory.keyturn}\n  node: ${memory.node}`);
compare("  keyturn run against node", memory.keyturn / memory.node, 2.5);

const commands = await measureCommands();
say("wall time, ms, median of 15");
for (const [command, ms] of commands) say(`  ${command}: ${ms.toFixed(0)}`);
const node = commands.get("node -e 0") ?? Number.NaN;
compare("  keyturn status against node -e 0", (commands.get("keyturn status") ?? Number.NaN) / node, 4);
