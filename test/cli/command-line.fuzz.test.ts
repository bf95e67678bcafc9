/** Whatever stands on the command line: a command that was meant, help, or a refusal that says where help is. */

import * as fc from "fast-check";
import { CommanderError } from "commander";
import { expect, test } from "vitest";
import { createProgram } from "../../src/cli/program.ts";
import { KeyturnError } from "../../src/errors.ts";
import { AgentWorld } from "../fakes/agent-world.ts";
import { commandBench } from "../fakes/command-bench.ts";
import { policyOf } from "../fakes/policies.ts";
import { fuzzed, PATIENCE } from "../fuzz/fuzzing.ts";
import { anyName, anyText } from "../fuzz/nasty-text.ts";

const COMMANDS = createdProgram().program.commands.map((command) => command.name());
const OPTIONS = createdProgram().program.commands.flatMap(({ options }) =>
	options.map(({ long }) => long ?? ""),
);
const DURATIONS = [
	"90s",
	"1d",
	"0s",
	"-1s",
	"1.5h",
	"1e3s",
	"999999999d",
	`${"9".repeat(400)}d`,
	"NaN",
	"15",
];
const word = fc.oneof(
	fc.constantFrom(...COMMANDS, ...OPTIONS, ...DURATIONS, "--", "-", "--config", "--help", "-V", "help"),
	fc.constantFrom(
		"example.com",
		"EXAMPLE.COM",
		"202610",
		"--json=yes",
		"--wait-max=1h",
		"--limit=7",
		"--no-json",
	),
	anyName,
	anyText.map((text) => `--${text}`),
	anyText,
);
const line = fc.oneof(
	fc.array(word, { maxLength: 6 }),
	fc
		.tuple(fc.constantFrom(...COMMANDS), fc.array(word, { maxLength: 5 }))
		.map(([name, words]) => [name, ...words]),
);

class Meant extends Error {}

interface Created {
	readonly program: ReturnType<typeof createProgram>;
	readonly said: string[];
	readonly configs: string[];
}

/** Ends where a command would begin. */
function createdProgram(): Created {
	const [said, configs]: [string[], string[]] = [[], []];
	const program = createProgram({
		print: () => undefined,
		version: "1",
		context: (config) => {
			configs.push(config);
			throw new Meant();
		},
		say: (text) => said.push(text),
		ended: () => undefined,
	});
	for (const one of [program, ...program.commands]) one.configureOutput({ writeOut: () => undefined });
	return { program, said, configs };
}

test("a line is a command, help, or refused with a word where help is", PATIENCE, async () => {
	const seen = { meant: 0, help: 0, refused: 0 };
	await fc.assert(
		fc.asyncProperty(line, async (words) => {
			const { program, said, configs } = createdProgram();
			const thrown: unknown = await program
				.parseAsync(["node", "keyturn", ...words])
				.catch((one: unknown) => one);
			if (thrown instanceof Meant) {
				seen.meant += 1;
				expect(words.some((one) => COMMANDS.includes(one))).toBe(true);
				expect(configs).toHaveLength(1);
				return;
			}
			if (!(thrown instanceof CommanderError)) throw thrown;
			if (thrown.exitCode === 0) seen.help += 1;
			else {
				seen.refused += 1;
				expect(said.join("\n")).toMatch(/keyturn (?:[a-z]+ )*--help|^Usage: keyturn /);
			}
		}),
		fuzzed(500),
	);
	expect(Math.min(...Object.values(seen))).toBeGreaterThan(0);
});

test.each([
	["words", Array.from({ length: 20_000 }, () => "example.com")],
	["options", Array.from({ length: 20_000 }, () => "--now")],
	["letters", [`--${"a".repeat(2_000_000)}`]],
	["letters of a value", ["--wait-max", "9".repeat(2_000_000)]],
	["blanks", [`--${" ".repeat(2_000_000)}`]],
	["lines", [`--${"a\n".repeat(1_000_000)}`]],
])("endlessly many %s come to an end", PATIENCE, async (_, words) => {
	const { program } = createdProgram();
	const thrown: unknown = await program
		.parseAsync(["node", "keyturn", "rotate", ...words])
		.catch((one: unknown) => one);
	expect(thrown instanceof Meant || thrown instanceof CommanderError).toBe(true);
});

const NAMING = ["rotate", "verify", "record", "history", "rollback", "revoke", "retire", "remove"] as const;

test(
	"names that are not configured, or no selectors of ours, change nothing and are told",
	PATIENCE,
	async () => {
		const world = new AgentWorld([policyOf()]);
		await world.tick();
		const { changes, doorRequests } = world;
		const before = [changes.length, doorRequests.length];
		const { context } = commandBench(world);
		const naming = fc.constantFrom(...NAMING);
		let unknown = 0;
		await fc.assert(
			fc.asyncProperty(naming, fc.boolean(), anyName, anyName, async (name, onOurs, domain, selector) => {
				fc.pre(!/^example\.com\.?$/i.test(domain) && selector !== "202610");
				const program = createProgram({
					print: () => undefined,
					version: "1",
					context: () => context,
					say: () => undefined,
					ended: (status) => expect(status).toBe(0),
				});
				const namesKey = name === "revoke" || name === "retire";
				const isOurs = namesKey && onOurs;
				const words = namesKey ? [isOurs ? "example.com" : domain, selector] : [domain];
				const thrown: unknown = await program
					.parseAsync(["node", "keyturn", name, "--", ...words])
					.catch((one: unknown) => one);
				if (name === "history" && thrown === program) return;
				expect(thrown).toBeInstanceOf(KeyturnError);
				expect(thrown).toMatchObject({
					code: "usage",
					message: isOurs
						? expect.stringMatching(/^example\.com: no key [^]* is known$/)
						: expect.stringContaining("is not configured"),
				});
				if (isOurs) unknown += 1;
			}),
			fuzzed(200),
		);
		expect(unknown).toBeGreaterThan(0);
		expect(await world.store.wishes()).toEqual([]);
		expect([changes.length, doorRequests.length]).toEqual(before);
	},
);
