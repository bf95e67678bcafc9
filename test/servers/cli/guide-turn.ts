/** From a guide's set-up to the next key in use and the old record gone: the same for every signer, whatever names its keys. */

import { readFile } from "node:fs/promises";
import { expect } from "vitest";
import { nsupdate } from "../nsupdate.ts";
import { served } from "../dns-question.ts";
import { waitUntil } from "../program.ts";
import { type CliHost, TSIG_KEY } from "./cli-host.ts";

export interface GuideSetUp {
	readonly domain: string;
	readonly selector: string;
	/** Its key record, as the guide has it written. */
	readonly record: string;
	/** The file that a turn changes. */
	readonly rewritten: string;
	/** That file once `next` signs. */
	readonly after: (before: string, next: string) => string;
	/** `signer:` of keyturn.yaml, in one line. */
	readonly signer: string;
	/** Further changes of keyturn.yaml's text. */
	readonly edit?: (text: string) => string;
}

/** Puts the guide's record into the zone, adopts, turns, and waits until the old record is gone. Answers the new selector. */
export async function turnAsGuideHasIt(host: CliHost, at: GuideSetUp): Promise<string> {
	const { domain, edit = (text) => text } = at;
	const name = `${at.selector}._domainkey.${domain}`;
	const strings = at.record.match(/.{1,200}/g) ?? [];
	await nsupdate(host.bind, domain, TSIG_KEY, [
		`update add ${name} 1 TXT ${strings.map((part) => `"${part}"`).join(" ")}`,
	]);
	const configure = async (more: string): Promise<void> =>
		host.configure((text) => {
			const own = text.replace(/^signer: .*$/m, `signer: ${at.signer}`).replace("ttl: 5m", "ttl: 1s");
			return `${edit(own)}${more}`;
		});
	await configure("");
	const before = await readFile(at.rewritten, "utf8");
	expect(await host.keyturn(["rotate"])).toMatchObject({
		code: 0,
		stdout: expect.stringContaining(`adopted ${at.selector}`) as string,
	});
	expect(await readFile(at.rewritten, "utf8")).toBe(before);

	const turned = await host.keyturn(["rotate", "--now"]);
	if (turned.code !== 0) throw new Error(turned.stdout + turned.stderr);
	const next = / signs with (\S+) since/.exec(turned.stdout)?.[1] ?? "";
	expect(next).toMatch(/^\d{6}[a-z]?$/);
	expect(await readFile(at.rewritten, "utf8")).toBe(at.after(before, next));

	await configure("retire: { grace: 1s, adopted: true }\n");
	expect(await host.keyturn(["verify"])).toMatchObject({ code: 0 });
	await waitUntil("the old record to be gone", async () => {
		await host.keyturn(["rotate"]);
		return (await served(host.bind, name)).length === 0;
	});
	expect(await served(host.bind, `${next}._domainkey.${domain}`)).toHaveLength(1);
	return next;
}
