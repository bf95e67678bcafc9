import { defineConfig } from "vitest/config";

/** The tests of one folder, which test/mutation/run.mjs names: what others notice by the way does not count. */
export default defineConfig({
	test: { include: [`test/${process.env["MUTATED_FOLDER"]}/**/*.test.ts`], testTimeout: 120_000 },
});
