/** The plain values of keyturn.yaml that are more than a text: names, addresses, times of the day, cron fields. */

import * as z from "zod";
import { parseDomain } from "../dkim/names.ts";
import { printable } from "./faults.ts";
import { readSchedule } from "./schedule.ts";

export const domainName = z.string().transform((text, context) => {
	const name = parseDomain(text);
	if (name !== null) return name;
	context.issues.push({
		code: "custom",
		message: "must be a domain name such as example.com, international names in their xn-- form",
		input: text,
	});
	return z.NEVER;
});

/** Like a domain, but `_domainkey.example.com` is one too. */
export const zoneName = z
	.string()
	.regex(
		/^(?=.{1,254}$)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?)*\.?$/,
		{
			error: "must be the name of a zone such as example.com",
		},
	)
	.transform((text) => text.toLowerCase().replace(/\.$/, ""));

export const hostLabel = z
	.string()
	.regex(/^[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/, {
		error: "must be a short host name: letters, digits and inner hyphens, without a dot",
	})
	.transform((text) => text.toLowerCase());

/** The zone's exact name, as the runtime knows it. */
export const timezone = z.string().refine(isTimezone, { error: "must be a time zone such as Europe/Berlin" });

export const cron = z.string().transform((text, context) => {
	const read = readSchedule(text);
	if (read.kind === "schedule") return read;
	context.issues.push({
		code: "custom",
		message: `must be cron fields such as "0 3 1 * *" (${printable(read.why, 100)})`,
		input: text,
	});
	return z.NEVER;
});

const WINDOW = /^([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]|24(?=:00)):([0-5]\d)$/;

export const windowOfDay = z
	.string()
	.regex(WINDOW, { error: 'must be a time of the day such as "02:00-05:00"' })
	.transform((text) => {
		const [, fromHour = "", fromMinute = "", toHour = "", toMinute = ""] = WINDOW.exec(text) ?? [];
		return {
			fromMinute: Number(fromHour) * 60 + Number(fromMinute),
			toMinute: (Number(toHour) * 60 + Number(toMinute)) % 1440,
		};
	})
	.refine((window) => window.fromMinute !== window.toMinute, {
		error: "must have an end that is not its start; leave it out for any time",
	});

const ADDRESS_RULE = "must be an address such as 192.0.2.53, 127.0.0.1:5300 or [2001:db8::53]:53";

/** An IP address, with a port or the one of DNS. */
export const endpoint = z.string({ error: ADDRESS_RULE }).transform((text, context) => {
	const match = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text);
	const address = match?.[1] ?? match?.[2] ?? text;
	const port = Number(match?.[3] ?? "53");
	const six = z.ipv6().safeParse(address).success && (match === null || match[1] !== undefined);
	const four = z.ipv4().safeParse(address).success && match?.[1] === undefined;
	if ((four || six) && port >= 1 && port <= 65_535) return { address, port };
	context.issues.push({ code: "custom", message: ADDRESS_RULE, input: text });
	return z.NEVER;
});

const LOOPBACK_RULE =
	"must be an address of this host only with a port, such as 127.0.0.1:9710 or [::1]:9710";

/** Whoever is on the host may read what is served there, and nobody else. */
export const loopbackEndpoint = z
	.string({ error: LOOPBACK_RULE })
	.regex(/^(?:127\.\d+\.\d+\.\d+|\[::1\]):\d+$/, { error: LOOPBACK_RULE })
	.pipe(endpoint);

export function isTimezone(name: string): boolean {
	try {
		return new Intl.DateTimeFormat("en-US", { timeZone: name }).resolvedOptions().timeZone !== "";
	} catch {
		return false;
	}
}
