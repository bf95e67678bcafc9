/** The table at the end: each key's life with its times, and the mail that it signed. */

import type { Change } from "./chronicle.ts";
import type { MailFlow } from "./mail-flow.ts";

const COLUMNS = ["pending", "published", "verified", "active", "retiring", "retired", "dropped"] as const;
const WIDTH = 79;
const SELECTOR_WIDTH = 10;

/** The moments in UTC, a day above its minute; of the mail, how many verified of how many signed. */
export function lifeTable(
	domains: readonly string[],
	changes: readonly Change[],
	mail: Pick<MailFlow, "sent" | "failures">,
): string {
	const head = row("  key", COLUMNS, "mail");
	const blocks = domains.map((domain) => domainBlock(domain, changes, mail));
	return [head, "-".repeat(WIDTH), ...blocks].join("\n");
}

function domainBlock(
	domain: string,
	changes: readonly Change[],
	mail: Pick<MailFlow, "sent" | "failures">,
): string {
	const own = changes.filter((change) => change.domain === domain);
	const selectors = [...new Set(own.map((change) => change.selector))];
	const rows = selectors.flatMap((selector) => {
		const times = COLUMNS.map((state) => timeOf(own, selector, state));
		const isOurs = (message: { readonly domain: string; readonly selector: string }): boolean =>
			message.domain === domain && message.selector === selector;
		const sent = mail.sent.filter(isOurs).length;
		const failed = mail.failures.filter(({ message }) => isOurs(message)).length;
		return [
			row(
				`  ${selector}`,
				times.map((at) => at?.toISOString().slice(5, 10) ?? "-"),
				`${sent - failed}/${sent}`,
			),
			row(
				"",
				times.map((at) => at?.toISOString().slice(11, 16) ?? ""),
				"",
			),
		];
	});
	return [`${domain}: ${selectors.join(" -> ")}`, ...rows].join("\n");
}

function timeOf(changes: readonly Change[], selector: string, state: string): Date | null {
	return changes.find((change) => change.selector === selector && change.state === state)?.at ?? null;
}

function row(first: string, cells: readonly string[], last: string): string {
	const middle = cells.map((cell, index) => cell.padEnd(COLUMNS[index]?.length ?? 0));
	return [first.padEnd(SELECTOR_WIDTH), ...middle, last].join(" ").trimEnd();
}
