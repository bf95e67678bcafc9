/** The documents' commands, typed as they stand by readers with nothing else: on one booted host, from the package on. */

import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Block, blocksOf, firstLine, isRun, RUN } from "../docs/blocks.ts";
import { asShown, ofThisMonth } from "../docs/shown.ts";
import { putPackage } from "./host/built-package.ts";
import { type GuideHost, upGuideHost } from "./host/guide-host.ts";
import { OUTSIDE } from "./host/mail-host.ts";
import * as reader from "./host/reader-host.ts";
import { type } from "./host/typed.ts";

let host: GuideHost;

beforeAll(async () => {
	host = await upGuideHost({ domains: ["example.com"] });
	putPackage(join(host.outside, "packages"));
	await reader.withoutUpdates(host);
}, 600_000);
afterAll(async () => host.down());

describe.each(RUN)("%s", (document) => {
	beforeAll(async () => BEFORE[document]?.(host));

	const typed = blocksOf(document).filter((block) => block.language === "sh" && isRun(block));
	test.each(typed.map((block) => [firstLine(block.text), block] as const))("%s", async (_, block) => {
		await prepare(block);
		const { code, screen } = await type(host, ofThisMonth(block.text), OUTSIDE);
		expect(code, screen).toBe(0);
		const [answer] = blocksOf(document).filter(({ answers }) => answers?.line === block.line);
		if (answer !== undefined) expect(screen).toMatch(asShown(answer.text));
	});
});

test("what a document asks for in words is done before a block that there is", () => {
	const typed = RUN.flatMap(blocksOf).filter(({ language }) => language === "sh");
	expect(typed.map(({ text }) => firstLine(text))).toEqual(
		expect.arrayContaining(Object.keys(MEANWHILE)) as string[],
	);
});

/** What the reader has, where it is not what the document before left. */
const BEFORE: Readonly<Partial<Record<(typeof RUN)[number], (at: GuideHost) => Promise<unknown>>>> = {
	"docs/guides/opendkim-short-names.md": reader.shortNames,
	"docs/guides/opendkim-ed25519.md": reader.shortNames,
	"docs/guides/first-rotation.md": async (at) => {
		await reader.shortNames(at);
		await must("keyturn init --yes; systemctl enable --now keyturn-apply.socket keyturn.service");
	},
	"docs/emergency.md": async (at) => {
		await reader.shortNames(at);
		await must("keyturn init --yes; keyturn rotate --now");
	},
	"docs/providers.md": reader.powerdns,
	"docs/signers.md": reader.redis,
	"docs/guides/delegating-domainkey.md": async (at) => {
		await reader.shortNames(at);
		await must("keyturn init --yes");
	},
	"docs/guides/opendkim-one-key.md": reader.oneKey,
	"docs/guides/opendkim-directories.md": reader.directories,
	"docs/guides/docker-mailserver.md": reader.dockerMailserver,
	"docs/guides/dkimproxy.md": reader.dkimproxy,
};

/** What a document asks for in words, with what it shows: by the first line of the block that is typed next. */
const MEANWHILE: Readonly<Record<string, (shown: string) => Promise<void>>> = {
	"keyturn init": async (shown) => reader.allowUpdates(host, shown),
	"sed -i '/^domains:/a\\  - { name: try.example.com, provider: home, selector: \"scratch-{yyyy}{mm}\" }' /etc/keyturn/keyturn.yaml":
		async (shown) => reader.grant(host, shown),
	"awk '{ print $1, $4 }' /root/standing | while read name type; do": async (shown) =>
		reader.addZone(host, shown),
	"sed -i 's/name: example.com, provider: home/&, zone: _domainkey.example.com/' /etc/keyturn/keyturn.yaml":
		async (shown) => reader.delegate(host, shown),
};

async function prepare(block: Block): Promise<void> {
	const act = MEANWHILE[firstLine(block.text)];
	if (act === undefined) return;
	const before = blocksOf(block.document).filter((one) => one.line < block.line && one.answers === null);
	await act(before.findLast(({ language }) => language === "text")?.text ?? "");
}

async function must(text: string): Promise<void> {
	const { code, screen } = await type(host, text);
	expect(code, screen).toBe(0);
}
