/** What a document shows a program to print, as a pattern: the words count, not days, numbers, and where lines break. */

const LENGTH = "\\d+\\s+(?:d|h|min|s)(?:\\s+\\d+\\s+min)?";
const WHEN = `(?:now|in\\s+${LENGTH}|${LENGTH}\\s+ago)`;
const IN_WORDS = new RegExp(`\\b${WHEN}(?=[\\s,)]|$)`, "g");
/** They stand for a time and for the name of a scratch record; nothing that a program prints. */
const [TIME, SCRATCH] = ["\u0000", "\u0001"];

/** A line with nothing but `…` stands for any number of lines. */
export function asShown(text: string): RegExp {
	const parts = text.split(/^…$/m).map((part) => {
		const words = part
			.replaceAll(IN_WORDS, TIME)
			.replaceAll(/(?<=keyturn-check-)[0-9a-f]+/g, SCRATCH)
			.trim()
			.split(/\s+/);
		return words.map(pattern).join("\\s+");
	});
	return new RegExp(`^\\s*${parts.join("\\s*[^]*?(?:(?<!\\S)|$)")}\\s*$`);
}

function pattern(word: string): string {
	return word
		.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")
		.replaceAll(/\d+(?:\\\.\d+)?/g, "\\d+(?:\\.\\d+)?")
		.replaceAll(SCRATCH, "[0-9a-f]+")
		.replaceAll(TIME, WHEN);
}

/** Its examples are of one November: typed in another month, the selector of a turn is that month's. */
export function ofThisMonth(text: string, now = new Date()): string {
	return text.replaceAll("202611", now.toISOString().slice(0, 7).replace("-", ""));
}
