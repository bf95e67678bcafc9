/** The program that asks a running signer for signatures: one request as JSON on standard input, one answer on standard output. */

import { setMaxListeners } from "node:events";
import { text } from "node:stream/consumers";
import { asKeyturnError } from "./errors.ts";
import { parseProbeRequest } from "./signers/probe-protocol.ts";
import { answerProbe } from "./signers/socket-probe.ts";
import { createSystemClock } from "./system/clock.ts";
import { createMailVerifier } from "./system/mail-verifier.ts";
import { createSystemSockets } from "./system/sockets.ts";

try {
	const request = parseProbeRequest(await text(process.stdin));
	const tools = {
		sockets: createSystemSockets(),
		verifier: createMailVerifier(),
		clock: createSystemClock(),
	};
	const { signal } = new AbortController();
	// Each message under way has a deadline that listens.
	setMaxListeners(0, signal);
	const answer = await answerProbe(tools, request, signal);
	process.stdout.write(`${JSON.stringify(answer)}\n`);
} catch (thrown) {
	process.stderr.write(`${asKeyturnError(thrown).message}\n`);
	process.exitCode = 1;
}
