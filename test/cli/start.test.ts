import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

/** What is loaded before a command does anything, and what each loads besides. */
describe("a command that only reads starts fast", () => {
	test.each(["status", "record", "history"])(
		"%s loads neither the agent nor what faces the network",
		(command) => {
			const loaded = [
				...loadedBy("src/main.ts"),
				...loadedBy(`src/cli/${command}.ts`),
				...loadedBy("providers/rfc2136/settings.ts"),
			];
			expect(loaded).toContain("commander");
			expect(loaded).toContain("src/settings/parse-settings.ts");
			const slow = /^(axios|pino|node-forge|dns-packet|mailauth)$|agent\/agent\.ts|src\/swap\/|door-client/;
			expect(loaded.filter((name) => slow.test(name))).toEqual([]);
		},
	);
});

/** Modules and packages that its imports load, those of `import()` left out. */
function loadedBy(path: string, seen = new Set<string>()): Set<string> {
	const imports = readFileSync(path, "utf8").matchAll(/^(?:import|export) (?!type )[^;]*?from "([^"]+)";/gm);
	for (const [, name = ""] of imports) {
		const target = name.startsWith(".") ? join(path, "..", name) : name;
		if (seen.has(target)) continue;
		seen.add(target);
		if (name.startsWith(".")) loadedBy(target, seen);
	}
	return seen;
}
