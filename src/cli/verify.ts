/** `keyturn verify`: every key in use against DNS, as a receiver would see it, and why it fails. */

import { recordText, publicHalfOf } from "../dkim/key-material.ts";
import { formatKeyRecord } from "../dkim/key-record.ts";
import type { InspectedLine } from "../ports/door.ts";
import type { LookReport, ServerReport } from "../ports/propagation.ts";
import { signersOf } from "../rotation/lanes.ts";
import type { Policy } from "../rotation/policy.ts";
import { inspectedBy } from "./inspection.ts";
import { readableState } from "./pursuit.ts";
import { oneLine, wrap } from "../report/words.ts";
import { choose, type CommandContext, EXIT, type Workbench } from "./workbench.ts";

interface Verified {
	readonly domain: string;
	readonly selector: string;
	readonly verifies: boolean;
	readonly reason: string | null;
	readonly look: LookReport | null;
}

export async function verify(
	context: CommandContext,
	names: readonly string[],
	options: { readonly json: boolean },
): Promise<number> {
	const bench = await context.open();
	const policies = choose(bench, names);
	const answer = await inspectedBy(bench, context.signal);
	const results: Verified[] = [];
	for (const policy of policies) {
		for (const name of signersOf(policy)) {
			const signer = answer.signers.find((one) => one.signer === name);
			const lines = signer?.lines.filter((line) => line.domain === policy.domain && line.signs) ?? [];
			if (lines.length === 0 && (await isLeaving(bench, policy)) && signer?.problem == null)
				context.terminal.say(`${policy.domain}: nothing signs for it, as was asked for (keyturn remove)`);
			else if (lines.length === 0)
				results.push({
					domain: policy.domain,
					selector: "",
					verifies: false,
					reason:
						signer?.problem ?? `no key ${policy.signers === undefined ? "" : `of ${name} `}signs for it`,
					look: null,
				});
			for (const line of lines) results.push(await verifyLine(context, bench, policy, line));
		}
	}
	if (options.json) context.terminal.result(JSON.stringify({ schema: 1, keys: results }, null, 2));
	else if (results.length > 0) context.terminal.result(results.map(describe).join("\n"));
	return results.every((result) => result.verifies) ? EXIT.done : EXIT.unverified;
}

async function isLeaving(bench: Workbench, policy: Policy): Promise<boolean> {
	return (await readableState(bench, policy))?.wants.remove != null;
}

async function verifyLine(
	context: CommandContext,
	bench: Workbench,
	policy: Policy,
	line: InspectedLine,
): Promise<Verified> {
	const { domain } = policy;
	const half = line.publicKey === null ? null : publicHalfOf(line.publicKey);
	const base = { domain, selector: line.selector };
	if (half === null)
		return {
			...base,
			verifies: false,
			reason: line.problem ?? `its key file ${line.keyPath} cannot be read as a key`,
			look: null,
		};
	const look = await bench.propagation.look(
		{
			domain,
			selector: line.selector,
			record: formatKeyRecord({ algorithm: half.algorithm, publicKey: recordText(half) }),
			verify: policy.verify,
			askResolvers: true,
		},
		context.signal,
	);
	const reason = look.verdict === "right" ? line.unsafe : look.summary;
	return { ...base, verifies: look.verdict === "right" && line.unsafe === null, reason, look };
}

/** Each server tells its own; the reason is for what no server says. */
function describe(result: Verified): string {
	const { domain, selector, reason, look } = result;
	const servers = [...(look?.servers ?? []), ...(look?.resolvers ?? [])];
	const name = selector === "" ? domain : `${selector}._domainkey.${domain}`;
	const isTold = reason === null || servers.some((server) => reason.endsWith(server.sentence));
	const lines = [`${mark(result)} ${oneLine(name)}`];
	if (!isTold) lines.push(wrap(reason, 79, "       "));
	for (const server of servers) lines.push(serverLine(server));
	for (const warning of look?.warnings ?? [])
		if (warning !== reason) lines.push(wrap(`note: ${warning}`, 79, "       ", "         "));
	return lines.join("\n");
}

/** A server that does not answer proves nothing about the record. */
function mark({ verifies, look }: Verified): string {
	if (verifies) return "ok    ";
	return look?.verdict === "unknown" ? "UNSURE" : "FAIL  ";
}

function serverLine(server: ServerReport): string {
	const where = server.server === server.address ? server.address : `${server.server} ${server.address}`;
	const facts = [
		server.ttlSeconds === null ? null : `TTL ${server.ttlSeconds}`,
		server.serial === null ? null : `serial ${server.serial}`,
		server.chunks.length === 0 ? null : `${server.chunks.join("+")} octets`,
		server.signed === null ? null : server.signed ? "DNSSEC signed" : "not signed",
	].filter((fact) => fact !== null);
	if (server.outcome === "right")
		return wrap(`${where}: right (${facts.join(", ")})`, 79, "       ", "         ");
	return wrap(`${where}: ${server.sentence}`, 79, "       ", "         ");
}
