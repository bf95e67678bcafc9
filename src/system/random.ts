/** The machine's randomness: for ids, temporary names, DNS message ids. */

import { randomBytes } from "node:crypto";
import type { Random } from "../ports/random.ts";

export function createSystemRandom(): Random {
	return {
		bytes: (count) => new Uint8Array(randomBytes(count)),
		id: () => randomBytes(16).toString("hex"),
	};
}
