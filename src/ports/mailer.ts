/** Sends mail through an SMTP server. */

/** An address that can stand as it is in an envelope and in a header field: no name beside it, no quotes. */
export const PLAIN_ADDRESS = /^[^\s@<>,;:"()[\]\\]+@[^\s@<>,;:"()[\]\\]+$/;

export interface MailRequest {
	readonly host: string;
	readonly port: number;
	/** Null where the server asks for none. */
	readonly login: { readonly user: string; readonly password: string } | null;
	readonly from: string;
	readonly to: readonly string[];
	readonly subject: string;
	/** Plain text. */
	readonly text: string;
	/** Without angle brackets: the same message sent twice is one to mail programs. */
	readonly messageId: string;
	/** Of the message that this one belongs to; null for the first. */
	readonly inReplyTo: string | null;
	readonly headers: Readonly<Record<string, string>>;
}

export interface Mailer {
	/**
	 * Resolves when the server took it for one recipient at least, to a sentence for each that it refused (RFC 5321 section
	 * 3.3); fails with `alert.undelivered` where nobody gets it. TLS is used where the server offers it and is not on this
	 * host; its certificate is verified for a login, and on port 465. A password goes over such TLS or loopback alone.
	 */
	send(mail: MailRequest, signal: AbortSignal): Promise<readonly string[]>;
}
