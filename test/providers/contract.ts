/** The contract of providers under this test runner, against a server (real or replayed) that holds one empty zone. */

import { afterAll, beforeAll, describe, test } from "vitest";
import { type ContractBench, contractCases } from "../../src/publishing/contract.ts";

export { valueOf } from "../../src/publishing/contract.ts";

export interface ProviderBench extends ContractBench {
	readonly stop: () => Promise<void>;
}

export function describeProviderContract(title: string, start: () => Promise<ProviderBench>): void {
	describe(title, () => {
		let bench: ProviderBench;
		beforeAll(async () => {
			bench = await start();
		});
		afterAll(async () => {
			await bench.stop();
		});
		test.each(contractCases)("$title", async ({ run }) => run(bench));
	});
}
