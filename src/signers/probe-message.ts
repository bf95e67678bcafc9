/** The message that is signed to prove a key, offline and through the running signer; never delivered to anybody. */

/** RFC 2606: nobody's address. */
export const PROBE_RECIPIENT = "nobody@keyturn.invalid";

export const PROBE_BODY = "keyturn asks whether this message gets signed. It is never delivered.\r\n";

export function probeHeaders(sender: string): readonly (readonly [name: string, value: string])[] {
	return [
		["From", `<${sender}>`],
		["To", `<${PROBE_RECIPIENT}>`],
		["Date", "Thu, 01 Jan 1970 00:00:00 +0000"],
		["Message-ID", "<probe@keyturn.invalid>"],
		["Subject", "keyturn probe"],
	];
}

/** The whole message with CRLF line ends. */
export function probeText(sender: string): string {
	const headers = probeHeaders(sender).map(([name, value]) => `${name}: ${value}\r\n`);
	return `${headers.join("")}\r\n${PROBE_BODY}`;
}
