/** The XML form (XML-RPC) of INWX's interface, as it was recorded, read as its JSON form is. */

/** A call becomes `{ method, params }`, an answer its content; what is JSON already is read as that. */
export function readInwx(text: string): unknown {
	if (!text.startsWith("<")) return JSON.parse(text) as unknown;
	const tokens = [...text.matchAll(/<(\/?)([\w.]+)(\/?)>([^<]*)/g)].map(
		([, close = "", name = "", empty = "", content = ""]) => ({
			name: close + name,
			isEmpty: empty !== "",
			content,
		}),
	);
	const reader = new Reader(tokens);
	const method = tokens.find(({ name }) => name === "methodName")?.content;
	return method === undefined ? reader.first() : { method, params: reader.first() };
}

interface Token {
	readonly name: string;
	readonly isEmpty: boolean;
	readonly content: string;
}

class Reader {
	readonly #tokens: readonly Token[];
	#at = 0;

	constructor(tokens: readonly Token[]) {
		this.#tokens = tokens;
	}

	first(): unknown {
		while (this.#peek().name !== "value") this.#at += 1;
		return this.#value();
	}

	#peek(): Token {
		const token = this.#tokens[this.#at];
		if (token === undefined) throw new Error("the XML ends too early");
		return token;
	}

	#next(): Token {
		const token = this.#peek();
		this.#at += 1;
		return token;
	}

	/** From `<value>` to behind `</value>`. */
	#value(): unknown {
		this.#next();
		const token = this.#next();
		const value = token.isEmpty ? "" : this.#typed(token);
		while (this.#next().name !== "/value");
		return value;
	}

	#typed({ name, content }: Token): unknown {
		switch (name) {
			case "int":
			case "double":
				return Number(content);
			case "struct":
				return Object.fromEntries(this.#members());
			case "array":
				return this.#items();
			default:
				return content;
		}
	}

	*#members(): Generator<[string, unknown]> {
		while (this.#next().name !== "/struct") {
			if (this.#peek().name !== "name") continue;
			const name = this.#next().content;
			this.#next();
			yield [name, this.#value()];
		}
	}

	#items(): readonly unknown[] {
		const items: unknown[] = [];
		for (this.#next(); this.#peek().name === "value"; ) items.push(this.#value());
		return items;
	}
}
