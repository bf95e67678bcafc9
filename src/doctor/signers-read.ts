/** What was read of each signer, before anything of it is judged: which files, and which keys sign for whom. */

import { publicHalfOf } from "../dkim/key-material.ts";
import type { InspectedLine } from "../ports/door.ts";
import { signersOf } from "../rotation/lanes.ts";
import type { DoorFacts, Facts } from "./facts.ts";

export interface SignerRead {
	readonly signer: string;
	/** As keyturn.yaml calls it. */
	readonly type: string;
	readonly service: string;
	/** Files, and what else was asked; empty where it cannot be read. */
	readonly reads: readonly string[];
	/** One for each line that signs. */
	readonly keys: readonly KeyRead[];
	/** Lines that sign nothing. */
	readonly idle: number;
}

export interface KeyRead {
	readonly domain: string;
	readonly selector: string;
	readonly file: string;
	/** Null where the file cannot be read as a key. */
	readonly algorithm: "rsa" | "ed25519" | null;
	/** Of an RSA key. */
	readonly bits: number | null;
	/** Whether keyturn.yaml gives the domain to this signer; other keys are left alone. */
	readonly isConfigured: boolean;
	/** Why keyturn cannot turn it; null if it can. */
	readonly problem: string | null;
}

/** One that could not be read is a finding, and stands here without files. */
export function signersRead({
	door,
	settings,
}: {
	readonly door: DoorFacts;
	readonly settings: Pick<Facts["settings"], "signers" | "policies">;
}): readonly SignerRead[] {
	if (door.kind === "silent") return [];
	const { signers, examined } = door.answer;
	return signers.map(({ signer, service, lines }) => ({
		signer,
		type: settings.signers.find(({ name }) => name === signer)?.type ?? "",
		service,
		reads: examined.signers.find((one) => one.signer === signer)?.reads ?? [],
		keys: lines
			.filter(({ signs }) => signs)
			.map((line) => keyRead(line, isConfigured(settings, signer, line.domain))),
		idle: lines.filter(({ signs }) => !signs).length,
	}));
}

function isConfigured(
	{ policies }: Pick<Facts["settings"], "policies">,
	signer: string,
	domain: string,
): boolean {
	return policies.some((policy) => policy.domain === domain && signersOf(policy).includes(signer));
}

function keyRead({ domain, selector, keyPath, publicKey, problem }: InspectedLine, isOurs: boolean): KeyRead {
	const half = publicKey === null ? null : publicHalfOf(publicKey);
	return {
		domain,
		selector,
		file: keyPath,
		algorithm: half?.algorithm ?? null,
		bits: half?.bits ?? null,
		isConfigured: isOurs,
		problem,
	};
}
