/** A certificate that nobody vouches for, as a server takes it. */

import forge from "node-forge";

export function selfSigned(name: string): { readonly key: string; readonly cert: string } {
	const keys = forge.pki.rsa.generateKeyPair(2048);
	const certificate = forge.pki.createCertificate();
	certificate.publicKey = keys.publicKey;
	certificate.validity.notBefore = new Date(Date.now() - 86_400_000);
	certificate.validity.notAfter = new Date(Date.now() + 86_400_000);
	certificate.setSubject([{ name: "commonName", value: name }]);
	certificate.setIssuer([{ name: "commonName", value: name }]);
	certificate.sign(keys.privateKey, forge.md.sha256.create());
	return { key: forge.pki.privateKeyToPem(keys.privateKey), cert: forge.pki.certificateToPem(certificate) };
}
