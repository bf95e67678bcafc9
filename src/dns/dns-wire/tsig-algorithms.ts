/** The algorithms of RFC 8945 that we sign with, apart from the signing: the settings need their names only. */

export const TSIG_ALGORITHMS = ["hmac-sha256", "hmac-sha512"] as const;
export type TsigAlgorithm = (typeof TSIG_ALGORITHMS)[number];
