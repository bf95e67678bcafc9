/** The life of a key: its states, the moves allowed, and what each waits for. Everything else derives from this table. */

export const KEY_STATES = [
	"pending",
	"published",
	"verified",
	"active",
	"retiring",
	"retired",
	"revoked",
] as const;

export type KeyState = (typeof KEY_STATES)[number];

export interface Move {
	/** null: the key is not known yet. */
	readonly from: KeyState | null;
	readonly to: KeyState;
	readonly when: string;
}

/** DESIGN.md section 1, row for row; `docs/lifecycle.md` is made from it. */
export const MOVES = [
	{ from: null, to: "pending", when: "made for the next turn" },
	{ from: null, to: "active", when: "found in use: adopted" },
	{ from: "pending", to: "published", when: "the provider took the record and showed it again" },
	{ from: "published", to: "verified", when: "every server serves it and the soak has passed" },
	{ from: "verified", to: "active", when: "the signer signs with it" },
	{
		from: "active",
		to: "retiring",
		when: "its successor signs, it was rolled back, or its signing line was taken out",
	},
	{
		from: "retiring",
		to: "retired",
		when: "grace has passed since its confirmed last use, and the record is removed",
	},
	{ from: "published", to: "pending", when: "the provider lost it; it is published again" },
	{ from: "verified", to: "published", when: "a server answers wrongly, or that the record is absent" },
	{ from: "pending", to: "retiring", when: "given up or superseded; grace 0, since it never signed" },
	{ from: "published", to: "retiring", when: "given up or superseded; grace 0, since it never signed" },
	{ from: "verified", to: "retiring", when: "given up or superseded; grace 0, since it never signed" },
	{ from: "retiring", to: "verified", when: "rollback to it: verified again first, then active" },
	{ from: "retiring", to: "revoked", when: "compromised: its record is replaced by an empty p=" },
	{
		from: "revoked",
		to: "retired",
		when: "the empty record has stood as long as configured, and is removed",
	},
	{
		from: "retired",
		to: "pending",
		when: "found in use again, unless it was revoked or its private half published",
	},
] as const satisfies readonly Move[];

export function mayMove(from: KeyState | null, to: KeyState): boolean {
	return MOVES.some((move) => move.from === from && move.to === to);
}

/** States of a key whose record has to stand in DNS. */
export function needsRecord(state: KeyState): boolean {
	return state === "published" || state === "verified" || state === "active" || state === "retiring";
}

/** States of the key that the next turn is about. */
export function isCandidate(state: KeyState): boolean {
	return state === "pending" || state === "published" || state === "verified";
}
