/** A world of one domain whose messages are signed with keys of two algorithms, each by a signer of its own. */

import { generateKeyPairSync } from "node:crypto";
import { AgentWorld } from "./agent-world.ts";
import { newHalf, policyOf } from "./policies.ts";

const RSA = { algorithm: "rsa", bits: 2048 } as const;

/** The keys of these names sign: `r1` by the signer `main`, `e1` by `second`. */
export function dualWorld(names: readonly ("r1" | "e1")[]): AgentWorld {
	const quick = policyOf({ publishAheadMs: 0, verify: { ...policyOf().verify, soakMs: 0 } });
	const signers = [quick, { signer: "second", swap: "restart" }] as const;
	const world = new AgentWorld([{ ...quick, key: RSA, keys: [RSA, { algorithm: "ed25519" }], signers }]);
	world.ed25519Signer = "second";
	world.signNothing();
	const publicKeys = { r1: rsaPublicKey(), e1: newHalf().publicKey };
	world.signWithBoth(
		"example.com",
		names.map((name) => [name, publicKeys[name]]),
	);
	return world;
}

export function rsaPublicKey(): string {
	const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 1024 });
	return publicKey.export({ format: "der", type: "spki" }).toString("base64");
}
