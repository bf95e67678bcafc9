/** Looks for secrets in what a program said and kept, in every form in which they may have got there. */

import { createPrivateKey } from "node:crypto";

/** A part of a key that is shorter may be there by chance. */
const WINDOW = 24;

/** By name: the texts of which none may be found. */
export type Needles = ReadonlyMap<string, readonly string[]>;

/** A secret as it is, and as encoders write it. */
export function needlesOf(name: string, secret: string): readonly (readonly [string, readonly string[]])[] {
	const bytes = Buffer.from(secret);
	// Within something longer, base64 depends on where it begins.
	const shifted = [0, 1, 2].map((shift) => {
		const whole = Buffer.concat([Buffer.alloc(shift), bytes]).toString("base64");
		return whole.slice(shift === 0 ? 0 : 4, -4);
	});
	const decoded = Buffer.from(secret, "base64");
	const isBase64 = decoded.toString("base64") === secret;
	const forms = [secret, encodeURIComponent(secret), bytes.toString("hex"), ...shifted];
	if (isBase64) forms.push(decoded.toString("latin1"), decoded.toString("hex"));
	return [[name, forms]];
}

/** Every stretch of the private part of a key in PEM, wherever its lines are broken, and its numbers in hexadecimal. */
export function needlesOfKey(name: string, pem: string): readonly (readonly [string, readonly string[]])[] {
	const body = pem.replaceAll(/-----[^-]*-----|\s/g, "");
	const der = Buffer.from(body, "base64");
	const { d = "", p = "", q = "" } = createPrivateKey(pem).export({ format: "jwk" });
	const numbers = [d, p, q].map((part) => Buffer.from(part, "base64url"));
	const begins = der.indexOf(numbers[0] ?? "");
	if (begins < 0) throw new Error(`${name}: its private exponent is not where it should be`);
	const secretPart = body.slice(Math.ceil((begins * 4) / 3) + 4);
	const stretches = Array.from({ length: Math.floor((secretPart.length - WINDOW) / 4) }, (_, index) =>
		secretPart.slice(index * 4, index * 4 + WINDOW),
	);
	const written = numbers.flatMap((number) => [number.toString("hex"), number.toString("base64url")]);
	return [[name, [...stretches, ...written.map((text) => text.slice(0, 2 * WINDOW))]]];
}

/** What was found of whom; line breaks, written out or real, do not hide anything. */
export function found(needles: Needles, said: string): readonly string[] {
	const plain = said.toLowerCase();
	const joined = plain.replaceAll(/\\+[nrt]|[\s"',]/g, "");
	const hits: string[] = [];
	for (const [name, forms] of needles)
		for (const form of forms) {
			const sought = form.toLowerCase();
			if (sought.length < 12) throw new Error(`${name}: too short to look for`);
			if (plain.includes(sought) || joined.includes(sought.replaceAll(/[\s"',]/g, "")))
				hits.push(`${name}: ${form.slice(0, 12)}…`);
		}
	return hits;
}
