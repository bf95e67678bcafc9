/** How `keyturn doctor` tells what it read of each signer: its files, then a line for each key. */

import type { KeyRead, SignerRead } from "../doctor/signers-read.ts";
import { plural } from "../report/status-words.ts";
import { oneLine, wrap } from "../report/words.ts";

const WIDTH = 79;
/** More keys than this are counted; `--json` has all. */
const MOST_KEYS = 20;

/** One paragraph each. */
export function signersText(signers: readonly SignerRead[]): readonly string[] {
	return signers.map(paragraph);
}

function paragraph({ signer, type, reads, keys, idle }: SignerRead): string {
	const what = reads.length === 0 ? "could not be read" : `reads ${reads.map(oneLine).join(", ")}`;
	const more = keys.length - MOST_KEYS;
	return [
		wrap(`signer ${oneLine(signer)} (${type}) ${what}`, WIDTH, "", "    "),
		...keys.slice(0, MOST_KEYS).map((key) => wrap(keyLine(key), WIDTH, "    ", "      ")),
		...(more > 0 ? [`    and ${more} more ${plural("key", more)}: --json has all`] : []),
		...(idle > 0 ? [`    ${idle} ${plural("line", idle)} besides, with which nothing is signed`] : []),
		...(keys.length === 0 && reads.length > 0 ? ["    nothing signs"] : []),
	].join("\n");
}

function keyLine({ domain, selector, file, algorithm, bits, isConfigured, problem }: KeyRead): string {
	const kind =
		algorithm === null ? "no key that can be read" : `${algorithm}${bits === null ? "" : ` ${bits}`}`;
	const aside = isConfigured ? "" : ", not in keyturn.yaml";
	const fixed = problem === null ? "" : ", which keyturn leaves as it is";
	return `${oneLine(domain)} ${oneLine(selector)}: ${kind}, ${oneLine(file)}${aside}${fixed}`;
}
