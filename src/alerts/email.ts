/** Tells by e-mail, worded so that it can be acted on from a phone. */

import { createHash } from "node:crypto";
import * as z from "zod";
import type { AlertSink, KeyturnEvent } from "../ports/alert-sink.ts";
import { PLAIN_ADDRESS } from "../ports/mailer.ts";
import { secretReference } from "../settings/secret-reference.ts";
import type { AlertGiven, AlertTools } from "./registry.ts";
import { headline, paragraphs } from "./wording.ts";

const address = z.string().regex(PLAIN_ADDRESS, {
	error: "must be a plain address, such as postmaster@example.com",
});

export const settingsSchema = z
	.strictObject({
		to: z
			.union([address, z.array(address).min(1)], {
				error: "must be a plain address, such as postmaster@example.com, or a list of them",
			})
			.describe("Who gets it: an address, or a list of them."),
		from: address
			.optional()
			.describe("Who it is from; default: keyturn at the domain of the first recipient."),
		smtp: z
			.string()
			.refine((text) => parseServer(text) !== null, { error: 'must be HOST:PORT, such as "127.0.0.1:25"' })
			.default("127.0.0.1:25")
			.describe(
				"The server that takes it, as HOST:PORT. Port 465 is TLS from the start; elsewhere it begins where the server offers it, unless it is this host.",
			),
		user: z.string().min(1).optional().describe("Where the server asks for a login."),
		password: secretReference.optional().describe("Where the server asks for a login."),
	})
	.refine(({ user, password }) => (user === undefined) === (password === undefined), {
		path: ["password"],
		error: "must be given together with user, or both left out",
	});

const SUBJECT_LENGTH = 120;
const FOOTER =
	"-- \nkeyturn tells this again while it lasts, and when it is over.\n`keyturn status` on the host says how it stands.";

export async function create(given: AlertGiven, { mailer, secrets }: AlertTools): Promise<AlertSink> {
	const settings = settingsSchema.parse(given.settings);
	const server = parseServer(settings.smtp) ?? { host: "127.0.0.1", port: 25 };
	const to = typeof settings.to === "string" ? [settings.to] : settings.to;
	const domain = to[0]?.split("@")[1] ?? "localhost";
	return Promise.resolve({
		...given,
		async deliver(event, signal) {
			const { user, password } = settings;
			const login =
				user === undefined || password === undefined
					? null
					: { user, password: await secrets.read(password) };
			const thread = event.trouble === null ? null : `${threadOf(event)}@${domain}`;
			const isFirst = event.phase === "start" || thread === null;
			const refusals = await mailer.send(
				{
					...server,
					login,
					from: settings.from ?? `keyturn@${domain}`,
					to,
					subject: headline(event, SUBJECT_LENGTH),
					text: bodyOf(event),
					messageId: event.phase === "start" && thread !== null ? thread : `${event.id}@${domain}`,
					inReplyTo: isFirst ? null : thread,
					headers: {
						// RFC 3834 section 5: no vacation program answers it.
						"Auto-Submitted": "auto-generated",
						"X-Keyturn-Event": event.event,
						...(event.severity === "critical" && event.phase !== "end" ? { Importance: "high" } : {}),
					},
				},
				signal,
			);
			return refusals.length === 0 ? undefined : refusals.join("\n");
		},
	});
}

/** Repetitions and the end of a trouble answer its start, so that a mail program shows them as one. */
function threadOf({ host, trouble, since }: KeyturnEvent): string {
	return createHash("sha256").update(`${host}\n${trouble}\n${since}`).digest("hex").slice(0, 32);
}

function bodyOf(event: KeyturnEvent): string {
	return `${[event.summary, ...paragraphs(event)].join("\n\n")}\n\n${FOOTER}\n`;
}

function parseServer(text: string): { readonly host: string; readonly port: number } | null {
	const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/.exec(text);
	const host = match?.[1] ?? match?.[2];
	const port = Number(match?.[3]);
	return host === undefined || !(port >= 1 && port <= 65_535) ? null : { host, port };
}
