/** The status as one page: needs no server and no script, asks nothing of any other, and has no secret in it. */

import { hashOf } from "../durable.ts";
import { inOneLine } from "../dkim/foreign-text.ts";
import type { KeyturnEvent } from "../ports/alert-sink.ts";
import type { LookReport, ServerReport } from "../ports/propagation.ts";
import { PAGE_SCRIPT, PAGE_STYLE } from "./page-looks.ts";
import type { DomainStatus, KeyShown, Status, TroubleShown } from "./status.ts";
import { damageWords, daemonWords, signingWith, stateWords, stuckMs, verdictOf } from "./status-words.ts";
import { type KeyLine, timeLineOf } from "./time-line.ts";
import { inLocalTime, localMinute, moment, relative } from "./words.ts";

export interface PageGiven {
	readonly status: Status;
	/** What was seen last at the servers, by domain and selector; a key without one has no matrix. */
	readonly lookAt: (domain: string, selector: string) => LookReport | null;
	/** The newest last. */
	readonly events: readonly KeyturnEvent[];
	readonly timezone: string;
}

/** A whole HTML document. */
export function renderPage(given: PageGiven): string {
	const { status, timezone } = given;
	const now = new Date(status.at);
	const verdict = verdictOf(status);
	const policy = `default-src 'none'; style-src '${sourceHash(PAGE_STYLE)}'; script-src '${sourceHash(PAGE_SCRIPT)}'; base-uri 'none'; form-action 'none'`;
	return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<meta name="color-scheme" content="light dark">
<title>${text(`${verdict.isWell ? "well" : "trouble"}: keyturn on ${status.host}`)}</title>
<style>${PAGE_STYLE}</style>
</head>
<body>
<header>
<h1>keyturn on ${text(status.host)}</h1>
<p class="verdict ${verdict.isWell ? "well" : "ill"}">${mark(verdict.isWell)} ${text(verdict.sentence)}</p>
<p class="quiet">as of <time datetime="${text(status.at)}">${text(localMinute(now, timezone))}</time>; ${daemonMarked(status)}</p>
</header>
<main>
${status.troubles.length === 0 ? "" : troubles(status.troubles, now, timezone)}
${overview(status, now, timezone)}
${status.domains.map((domain) => details(domain, given, now)).join("\n")}
${events(given.events, now, timezone)}
</main>
<script>${PAGE_SCRIPT}</script>
</body>
</html>
`;
}

function daemonMarked(status: Status): string {
	const words = text(daemonWords(status));
	return status.daemon && stuckMs(status) === null ? words : `<strong>${words}</strong>`;
}

function troubles(list: readonly TroubleShown[], now: Date, timezone: string): string {
	const items = list.map(
		({ severity, event, summary, detail, hint, since }) =>
			`<li class="trouble"><p><strong>${text(`${severity}: ${event}`)}</strong> since ${time(since, now, timezone)}</p>
<p>${text(inLocalTime(summary, timezone))}</p>${paragraph(detail, timezone)}${hint === null ? "" : `<p><strong>What to do:</strong> ${text(hint)}</p>`}</li>`,
	);
	return `<section><h2>Troubles</h2><ul class="bare">${items.join("\n")}</ul></section>`;
}

function paragraph(words: string | null, timezone: string): string {
	return words === null ? "" : `<p>${text(inLocalTime(words, timezone))}</p>`;
}

function overview(status: Status, now: Date, timezone: string): string {
	const rows = status.domains.map((domain, index) => {
		const { active, nextDueAt } = domain;
		return `<tr><th scope="row"><a href="#d${index}">${text(domain.domain)}</a></th>
<td>${active === null ? "–" : `<code>${text(signingWith(domain))}</code>`}</td>
<td>${active === null ? "" : text(relative(new Date(active.since), now))}</td>
<td>${nextDueAt === null ? "" : text(new Date(nextDueAt) <= now ? "now" : relative(new Date(nextDueAt), now))}</td>
<td>${mark(isWell(domain, status))} ${text(stateWords(domain))}</td></tr>`;
	});
	return `<section><h2>Domains</h2>
<div class="wide" tabindex="0" role="region" aria-label="Domains"><table class="short">
<thead><tr><th scope="col">domain</th><th scope="col">signs with</th><th scope="col">since</th><th scope="col">next turn</th><th scope="col">state</th></tr></thead>
<tbody>${rows.join("\n")}</tbody></table></div>
<p class="quiet">Times are those of ${text(timezone)}.</p></section>`;
}

function isWell({ domain, active, damaged, leaving }: DomainStatus, { troubles }: Status): boolean {
	if (damaged !== null || troubles.some(({ domains }) => domains.includes(domain))) return false;
	return active !== null || leaving;
}

function details(domain: DomainStatus, given: PageGiven, now: Date): string {
	const { timezone } = given;
	const index = given.status.domains.indexOf(domain);
	const shown = domain.keys.filter(({ state }) => state !== "retired" && state !== "pending");
	const waits = domain.waits.map(
		({ selector, reason, until }) =>
			`<li>${selector === null ? "" : `<code>${text(selector)}</code>: `}${text(inLocalTime(reason, timezone))}${until === null ? "" : ` (${time(until, now, timezone)})`}</li>`,
	);
	return `<details id="d${index}"${given.status.domains.length <= OPEN_DOMAINS ? " open" : ""}>
<summary><h2>${text(domain.domain)}</h2> <span class="quiet">${mark(isWell(domain, given.status))} ${text(stateWords(domain))}</span></summary>
${paragraph(domain.damaged === null ? null : damageWords(domain.damaged, domain), timezone)}${domain.step === null ? "" : `<p>Due now: ${text(domain.step)}</p>`}
${waits.length === 0 ? "" : `<ul>${waits.join("\n")}</ul>`}
${timeLine(domain, now, timezone)}
${matrix(domain.domain, shown, given)}
${shown.map((key, place) => record(key, `d${index}k${place}`)).join("\n")}
</details>`;
}

/** More domains than this are folded. */
const OPEN_DOMAINS = 3;

const WIDTH = 720;
const LABEL = 96;
const ROW = 26;

function timeLine(domain: DomainStatus, now: Date, timezone: string): string {
	const { from, to, keys } = timeLineOf(domain, now);
	if (keys.length === 0) return "";
	const scale = (WIDTH - LABEL) / (to.getTime() - from.getTime());
	const x = (at: Date): number =>
		Math.round(
			LABEL + (Math.min(Math.max(at.getTime(), from.getTime()), to.getTime()) - from.getTime()) * scale,
		);
	const height = keys.length * ROW + 22;
	const bars = keys.map((line, row) => keyBars(line, row, x));
	const months = monthStarts(from, to).map(
		(at) =>
			`<line class="grid" x1="${x(at)}" x2="${x(at)}" y1="0" y2="${height - 18}"/><text class="axis" x="${x(at)}" y="${height - 4}">${at.toISOString().slice(0, 7)}</text>`,
	);
	const sentences = keys.map((line) => lifeInWords(line, now, timezone));
	return `<figure><div class="wide" tabindex="0" role="region" aria-label="${text(`Keys of ${domain.domain} over time`)}">
<svg viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" aria-hidden="true">${months.join("")}${bars.join("")}
<line class="now" x1="${x(now)}" x2="${x(now)}" y1="0" y2="${height - 18}"/></svg></div>
<figcaption><span class="key"><i class="advertised"></i>advertised</span> <span class="key"><i class="signing"></i>signing</span> <span class="key"><i class="grace"></i>grace</span> <span class="quiet">then removed; the upright line is now</span>
<ul>${sentences.map((sentence) => `<li>${sentence}</li>`).join("\n")}</ul></figcaption></figure>`;
}

function keyBars({ key, stretches }: KeyLine, row: number, x: (at: Date) => number): string {
	const y = row * ROW + 4;
	const bars = stretches.map(
		({ stage, from, to, isAhead }) =>
			`<rect class="${stage}${isAhead ? " ahead" : ""}" x="${x(from)}" y="${y}" width="${Math.max(x(to) - x(from), 2)}" height="${ROW - 10}"/>`,
	);
	return `<text class="label" x="0" y="${y + 13}">${text(key.selector.length > 12 ? `${key.selector.slice(0, 11)}…` : key.selector)}</text>${bars.join("")}`;
}

const SHORTEST_MONTH_MS = 28 * 86_400_000;

function monthStarts(from: Date, to: Date): readonly Date[] {
	const startOf = (month: number): Date =>
		new Date(Date.UTC(from.getUTCFullYear(), from.getUTCMonth() + month, 1));
	const months = Math.ceil((to.getTime() - from.getTime()) / SHORTEST_MONTH_MS);
	return Array.from({ length: months }, (_, index) => startOf(index + 1)).filter((start) => start < to);
}

function lifeInWords({ key, removedAt }: KeyLine, now: Date, timezone: string): string {
	const parts = [
		key.publishedAt === null ? null : `advertised ${time(key.publishedAt, now, timezone)}`,
		key.usedFrom === null ? null : `signing from ${time(key.usedFrom, now, timezone)}`,
		key.usedUntil === null ? null : `last used ${time(key.usedUntil, now, timezone)}`,
		key.removableFrom === null ? null : `its record may go ${time(key.removableFrom, now, timezone)}`,
		removedAt === null ? null : `removed ${time(removedAt.toISOString(), now, timezone)}`,
	].filter((part) => part !== null);
	return `<code>${text(key.selector)}</code> <strong>${text(key.state)}</strong>${parts.length === 0 ? "" : `: ${parts.join("; ")}`}`;
}

/** Which server serves which key rightly. */
function matrix(domain: string, keys: readonly KeyShown[], { lookAt, timezone, status }: PageGiven): string {
	const now = new Date(status.at);
	const looks = keys.flatMap((key) => {
		const look = lookAt(domain, key.selector);
		return look === null ? [] : [{ key, look, servers: [...look.servers, ...look.resolvers] }];
	});
	if (looks.length === 0) return "";
	const names = new Map(
		looks
			.flatMap(({ servers }) => servers)
			.map(({ server, address }) => [`${server} ${address}`, { server, address }]),
	);
	const heads = looks.map(
		({ key, look }) =>
			`<th scope="col"><code>${text(key.selector)}</code><br><span class="quiet">${time(look.at, now, timezone)}</span></th>`,
	);
	const rows = [...names.values()].map(({ server, address }) => {
		const cells = looks.map(({ servers }) =>
			cell(servers.find((one) => one.server === server && one.address === address)),
		);
		return `<tr><th scope="row">${text(server)}${server === address ? "" : ` <span class="quiet">${text(address)}</span>`}</th>${cells.join("")}</tr>`;
	});
	return `<h3>Servers</h3><div class="wide" tabindex="0" role="region" aria-label="${text(`Servers of ${domain}`)}"><table>
<thead><tr><th scope="col">server</th>${heads.join("")}</tr></thead><tbody>${rows.join("\n")}</tbody></table></div>`;
}

function cell(report: ServerReport | undefined): string {
	if (report === undefined) return "<td>not asked</td>";
	const facts = [
		report.ttlSeconds === null ? null : `TTL ${report.ttlSeconds}`,
		report.serial === null ? null : `serial ${report.serial}`,
	].filter((fact) => fact !== null);
	if (report.outcome === "right")
		return `<td>${mark(true)} right${facts.length === 0 ? "" : `, ${facts.join(", ")}`}</td>`;
	return `<td>${mark(false)} ${text(report.outcome.replaceAll("_", " "))}<br><span class="quiet">${text(report.sentence)}</span></td>`;
}

function record(key: KeyShown, id: string): string {
	return `<details class="record"><summary><h3>Record of <code>${text(key.selector)}</code></h3> <span class="quiet">${text(`${key.algorithm}${key.bits === null ? "" : ` ${key.bits}`}, ${key.state}`)}</span></summary>
<p>TXT at <code>${text(key.record)}</code> <button type="button" hidden data-copies="${id}">Copy</button></p>
<p><code class="value" id="${id}">${text(key.value)}</code></p></details>`;
}

function events(all: readonly KeyturnEvent[], now: Date, timezone: string): string {
	const items = all
		.toReversed()
		.map(
			({ at, event, phase, summary }) =>
				`<li>${time(at, now, timezone)} <strong>${text(phase === null ? event : `${event} ${phase}`)}</strong><br>${text(inLocalTime(summary, timezone))}</li>`,
		);
	return `<section><h2>Last events</h2>${items.length === 0 ? "<p>Nothing was done yet.</p>" : `<ul class="bare">${items.join("\n")}</ul>`}</section>`;
}

/** Never by colour alone. */
function mark(isGood: boolean): string {
	return isGood
		? '<span class="well" aria-hidden="true">✓</span>'
		: '<span class="ill" aria-hidden="true">✗</span>';
}

function time(at: string, now: Date, timezone: string): string {
	return `<time datetime="${text(at)}">${text(moment(new Date(at), now, timezone))}</time>`;
}

/** Of others or of ours: none of it is markup. */
function text(words: string): string {
	return inOneLine(words).replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** CSP level 3, section 2.3.1: the hash of what stands between the tags. */
function sourceHash(source: string): string {
	return `sha256-${Buffer.from(hashOf(Buffer.from(source)), "hex").toString("base64")}`;
}
