/** The dialogue of `keyturn init`: what is told, what is asked, and what is taken where nobody answers. */

import type { Prompt } from "../ports/prompt.ts";
import { oneLine, wrap } from "../report/words.ts";
import type { Terminal } from "./workbench.ts";

export class Talk {
	readonly #terminal: Terminal;
	readonly #ask: Prompt | null;

	constructor(terminal: Terminal, ask: Prompt | null) {
		this.#terminal = terminal;
		this.#ask = ask;
	}

	say(text: string): void {
		this.#terminal.say(wrap(oneLine(text), 79, "", "  "));
	}

	async answer(question: string, byDefault: string): Promise<string> {
		if (this.#ask === null) return byDefault;
		const given = (await this.#ask(wrap(`${question} [${byDefault}]: `, 79, "", "  "))).trim();
		return given === "" ? byDefault : given;
	}

	/** Asked again until the answer is one of them. */
	async choose<const Word extends string>(
		question: string,
		words: readonly [Word, ...Word[]],
	): Promise<Word> {
		for (;;) {
			const given = await this.answer(`${question} (${words.join(", ")})`, words[0]);
			const meant = words.find((word) => word === given.toLowerCase());
			if (meant !== undefined) return meant;
			this.say(`expected ${words.join(" or ")}, got ${given}`);
		}
	}

	async isYes(question: string): Promise<boolean> {
		return (await this.choose(question, ["yes", "no"])) === "yes";
	}
}

/** Two, and how many more. */
export function list(names: readonly string[]): string {
	if (names.length <= 3) return names.join(", ");
	return `${names.slice(0, 2).join(", ")} and ${names.length - 2} more`;
}
