/** In which order vitest begins files: a long one that begins last is waited for alone. */

import { BaseSequencer, type TestSpecification } from "vitest/node";

/** As they took their time on two cores, the longest first; the others follow as vitest sorts them. */
const LONGEST = [
	"e2e/kill",
	"e2e/life",
	"e2e/documents",
	"e2e/watchdog",
	"e2e/pause",
	"e2e/stopped-door",
	"e2e/proxies-and-containers",
	"e2e/rspamd-layouts",
	"e2e/slow-secondary",
	"e2e/wishes",
	"e2e/turn",
	"e2e/baseline",
	"e2e/guides",
	"servers/cli/strikes",
	"servers/cli/trouble",
	"servers/cli/secrets",
	"servers/cli/rotate",
].map((name) => `/test/${name}.test.ts`);

export class LongestFirst extends BaseSequencer {
	override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
		const sorted = await super.sort(files);
		return sorted.toSorted((one, other) => rank(one) - rank(other));
	}
}

function rank({ moduleId }: TestSpecification): number {
	const place = LONGEST.findIndex((name) => moduleId.endsWith(name));
	return place === -1 ? LONGEST.length : place;
}
