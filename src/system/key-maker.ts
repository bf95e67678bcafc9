/** Makes private keys. Two implementations have to agree on each RSA key before anybody publishes it. */

import { publicHalf } from "../dkim/key-material.ts";
import { KeyturnError } from "../errors.ts";
import type { KeySpec } from "../dkim/key-material.ts";

export interface PrivateKey {
	/** PKCS#8. */
	readonly pem: string;
	/** Base64 of the SPKI DER of the public half. */
	readonly publicKey: string;
}

export type MakeKey = (spec: KeySpec) => Promise<PrivateKey>;

type ForgeKeyPair = import("node-forge").pki.rsa.KeyPair;

const RSA_BITS = [2048, 3072, 4096];
const PUBLIC_EXPONENT = 0x10001;

/** The pool is shared with the disk: with every thread making keys a durable write takes seconds. */
export function createKeyMaker(): MakeKey {
	const poolSize = Number(process.env["UV_THREADPOOL_SIZE"] ?? 4) || 4;
	const inTurn = limitInFlight(Math.max(1, poolSize - 2));
	return (spec) => inTurn(() => (spec.algorithm === "rsa" ? makeRsa(spec.bits) : makeEd25519()));
}

async function makeRsa(bits: number): Promise<PrivateKey> {
	if (!RSA_BITS.includes(bits)) {
		throw new KeyturnError("key.invalid", `RSA key: expected ${RSA_BITS.join(", ")} bits, got ${bits}`);
	}
	const { default: forge } = await import("node-forge");
	const { options } = forge as unknown as { readonly options: { readonly usePureJavaScript: boolean } };
	if (options.usePureJavaScript) {
		throw new KeyturnError("key.invalid", "RSA key: expected the native generator, got one in JavaScript");
	}
	const pair = await new Promise<ForgeKeyPair>((resolve, reject) => {
		forge.pki.rsa.generateKeyPair({ bits, e: PUBLIC_EXPONENT }, (error: Error | null, made: ForgeKeyPair) => {
			if (error === null) resolve(made);
			else reject(new KeyturnError("key.invalid", `RSA key of ${bits} bits: it could not be made`));
		});
	});
	const wrapped = forge.pki.wrapRsaPrivateKey(forge.pki.privateKeyToAsn1(pair.privateKey));
	const pem = forge.pki.privateKeyInfoToPem(wrapped).replaceAll("\r\n", "\n");
	const spki = forge.asn1.toDer(forge.pki.publicKeyToAsn1(pair.publicKey)).getBytes();
	return readBack(pem, { algorithm: "rsa", bits, publicKey: forge.util.encode64(spki) });
}

/** node-forge reads Ed25519 keys but writes none. */
async function makeEd25519(): Promise<PrivateKey> {
	const { generateKeyPairSync } = await import("node:crypto");
	const pair = generateKeyPairSync("ed25519");
	const pem = pair.privateKey.export({ format: "pem", type: "pkcs8" }).toString();
	const publicKey = pair.publicKey.export({ format: "der", type: "spki" }).toString("base64");
	return readBack(pem, { algorithm: "ed25519", bits: null, publicKey });
}

function readBack(
	pem: string,
	made: { readonly algorithm: string; readonly bits: number | null; readonly publicKey: string },
): PrivateKey {
	const read = publicHalf(pem);
	if (read?.publicKey !== made.publicKey || read.algorithm !== made.algorithm || read.bits !== made.bits) {
		throw new KeyturnError("key.invalid", `${made.algorithm} key: read back it is not the key that was made`);
	}
	return { pem, publicKey: made.publicKey };
}

/** The work is begun in the order it came, `most` at a time. */
export function limitInFlight(most: number) {
	let running = 0;
	const waiting: (() => void)[] = [];
	return async <T>(work: () => Promise<T>): Promise<T> => {
		if (running >= most) await new Promise<void>((resolve) => waiting.push(resolve));
		else running += 1;
		try {
			return await work();
		} finally {
			const next = waiting.shift();
			if (next === undefined) running -= 1;
			else next();
		}
	};
}
