/** Runs the tests of one folder for Stryker, in its own process (`run.ts` names it). */

import { basename } from "node:path";
import { testsOf } from "./folders.ts";
import { type FoundTest, loadTestFiles, type TestFile, TestNeverEnded } from "./test-files.ts";

/** What Stryker's changed code reads and writes, under this global name. */
interface Instrumentation {
	activeMutant?: string | undefined;
	currentTestId?: string | undefined;
	mutantCoverage?: unknown;
	hitCount?: number | undefined;
	hitLimit?: number | undefined;
}

interface MutantRun {
	readonly activeMutant: { readonly id: string; readonly fileName: string };
	readonly mutantActivation: "runtime" | "static";
	readonly testFilter?: readonly string[];
	readonly hitLimit?: number;
}

const instrumentation = ((globalThis as { __stryker__?: Instrumentation }).__stryker__ ??= {});

class FolderRunner {
	#files: readonly TestFile[] = [];

	capabilities() {
		return { reloadEnvironment: true };
	}

	async init() {
		this.#files = await loadTestFiles(testsOf(process.env["MUTATED_FOLDER"] ?? ""));
	}

	/** Every test once, nothing changed: which of them runs which places. */
	async dryRun() {
		instrumentation.activeMutant = undefined;
		instrumentation.mutantCoverage = undefined;
		const tests = [];
		for (const file of this.#files)
			for (const test of file.find()) {
				const id = idOf(test);
				instrumentation.currentTestId = id;
				const startedAt = performance.now();
				const failure = await failureOf(test);
				instrumentation.currentTestId = undefined;
				const about = {
					id,
					name: test.name,
					fileName: test.file,
					timeSpentMs: performance.now() - startedAt,
				};
				tests.push(
					failure === null
						? { ...about, status: "success" }
						: { ...about, status: "failed", failureMessage: failure.message },
				);
			}
		return { status: "complete", tests, mutantCoverage: instrumentation.mutantCoverage };
	}

	/** The tests that run the changed place, until one fails. */
	async mutantRun({ activeMutant, mutantActivation, testFilter, hitLimit }: MutantRun) {
		instrumentation.hitCount = hitLimit === undefined ? undefined : 0;
		instrumentation.hitLimit = hitLimit;
		let nrOfTests = 0;
		try {
			for (const file of likeliestFirst(this.#files, activeMutant.fileName)) {
				const isCovering = (test: FoundTest) => testFilter === undefined || testFilter.includes(idOf(test));
				if (testFilter !== undefined && !testFilter.some((id) => id.startsWith(`${file.file}#`))) continue;
				instrumentation.activeMutant = mutantActivation === "static" ? activeMutant.id : undefined;
				const tests = file.find().filter(isCovering);
				instrumentation.activeMutant = activeMutant.id;
				for (const test of tests) {
					nrOfTests += 1;
					const failure = await failureOf(test);
					if (failure !== null) return ended(failure, idOf(test), nrOfTests);
				}
			}
		} catch (error) {
			// A file that cannot even be loaded.
			return ended(error instanceof Error ? error : new Error(String(error)), "", nrOfTests);
		} finally {
			instrumentation.activeMutant = undefined;
		}
		return loop() ?? { status: "survived", nrOfTests };
	}

	async dispose() {}
}

export const strykerPlugins = [{ kind: "TestRunner", name: "folder", injectableClass: FolderRunner }];

/** The tests that are named like the changed file notice most of what is changed in it. */
function likeliestFirst(files: readonly TestFile[], changed: string): readonly TestFile[] {
	const name = basename(changed, ".ts");
	const isLikely = ({ file }: TestFile) => basename(file, ".test.ts") === name;
	return [...files.filter(isLikely), ...files.filter((file) => !isLikely(file))];
}

function idOf({ file, name }: FoundTest): string {
	return `${file}#${name}`;
}

async function failureOf(test: FoundTest): Promise<Error | null> {
	try {
		await test.run();
		return null;
	} catch (error) {
		return error instanceof Error ? error : new Error(String(error));
	}
}

function ended(failure: Error, id: string, nrOfTests: number) {
	if (failure instanceof TestNeverEnded) return { status: "timeout", reason: failure.message };
	return loop() ?? { status: "killed", killedBy: [id], failureMessage: failure.message, nrOfTests };
}

/** The changed place ran so often that it would never end. */
function loop() {
	const { hitCount = 0, hitLimit = Number.POSITIVE_INFINITY } = instrumentation;
	if (hitCount <= hitLimit) return null;
	return { status: "timeout", reason: `Hit limit reached (${hitCount}/${hitLimit})` };
}
