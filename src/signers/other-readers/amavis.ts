/** Which keys amavis signs with: the `dkim_key` lines of its configuration, which is Perl. */

import type { Disk } from "../../ports/disk.ts";
import { named } from "./read-file.ts";
import { domainOf, lineCounter, pathOf, type Reading, unclear } from "./reading.ts";

const PROGRAM = "amavis";
const TEXT = String.raw`\s*(?:'([^'"$@\\]*)'|"([^'"$@\\]*)")\s*`;
const PLAIN = new RegExp(String.raw`^\(${TEXT},${TEXT},${TEXT}[,)]`);

/** Longer than any such call: what follows one that is not closed is not searched again and again. */
const CALL_LIMIT = 2000;

/** Where Debian's, and that of others, is configured; not all need be there. Fails as the disk does. */
export async function amavisFiles(disk: Disk): Promise<readonly string[]> {
	return [...(await named(disk, "/etc/amavis/conf.d", /^[A-Za-z0-9_-]+$/)), ...OTHERS];
}

const OTHERS = ["/etc/amavis/amavisd.conf", "/etc/amavisd/amavisd.conf", "/etc/amavisd.conf"];

/** A line, or several, `dkim_key('example.com', 'selector', '/path', …);`. What is computed in Perl cannot be told. */
export function amavisReadings(text: string, path: string): readonly Reading[] {
	const code = text.replace(/(^|\s)#.*$/gm, "$1");
	const lineAt = lineCounter(code);
	return [...code.matchAll(/\bdkim_key\s*(?=\()/g)].map((call) => {
		const where = `${path} line ${lineAt(call.index)}`;
		const given = PLAIN.exec(code.slice(call.index + call[0].length, call.index + CALL_LIMIT));
		if (given === null) return unclear(PROGRAM, where, "dkim_key is not given plain texts");
		const [domain = "", selector = "", key = ""] = [1, 3, 5].map((at) => given[at] ?? given[at + 1]);
		return {
			program: PROGRAM,
			where,
			domain: domainOf(domain),
			selector,
			keyPath: pathOf(key),
			problem: null,
		};
	});
}
