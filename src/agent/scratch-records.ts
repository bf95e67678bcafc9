/** The scratch records of `provider check`: noted before they are written, and until they are known to be gone. */

import { asKeyturnError, KeyturnError } from "../errors.ts";
import type { ChangeResult, DnsProvider } from "../ports/dns-provider.ts";
import { codeOfChange } from "./change-code.ts";
import { editHostDocument, withChecked } from "./host-document.ts";
import type { Checked, Scratch } from "./host-state.ts";
import type { AgentPorts } from "./run.ts";

export type ScratchPorts = Pick<AgentPorts, "clock" | "store">;

/** For taking a record back, also after somebody has ended the check. */
const TAKE_BACK_MS = 60_000;
const AGAIN_MS = 5_000;
const NEVER = new AbortController().signal;

export class ScratchRecords {
	readonly #ports: ScratchPorts;
	readonly #provider: DnsProvider;

	constructor(ports: ScratchPorts, provider: DnsProvider) {
		this.#ports = ports;
		this.#provider = provider;
	}

	/** What may stand at the account now; fails with `lease.lost` if another keyturn keeps the lock. */
	async noted(signal: AbortSignal): Promise<readonly Scratch[]> {
		return (await this.#edit((checked) => checked, signal)).scratch;
	}

	/** Durable when it resolves. */
	async note(scratch: Scratch, signal: AbortSignal): Promise<void> {
		await this.#edit((checked) => ({ ...checked, scratch: [...checked.scratch, scratch] }), signal);
	}

	/** Writes down that a check has passed on the account. */
	async passed(): Promise<void> {
		const passedAt = this.#ports.clock.now().toISOString();
		await this.#edit((checked) => ({ ...checked, passedAt }), NEVER);
	}

	/** What passed before counts no more: a record could not be removed. */
	async failed(): Promise<void> {
		await this.#edit((checked) => ({ ...checked, passedAt: null }), NEVER);
	}

	/** Null when the record is gone, else why it may still stand. Ends in time by itself; can be repeated. */
	async takeBack(scratch: Scratch): Promise<string | null> {
		const within = this.#ports.clock.deadline(TAKE_BACK_MS, NEVER);
		for (;;) {
			const error = await this.#remove(scratch, within);
			if (error === null) break;
			if (!error.retry || within.aborted) return error.message;
			await this.#ports.clock.sleep(AGAIN_MS, within);
		}
		const isOther = (one: Scratch): boolean => one.name !== scratch.name;
		await this.#edit((checked) => ({ ...checked, scratch: checked.scratch.filter(isOther) }), NEVER);
		return null;
	}

	async #remove({ zone, name, value }: Scratch, signal: AbortSignal): Promise<KeyturnError | null> {
		try {
			const [result] = await this.#provider.change(zone, [{ kind: "remove", name, value }], signal);
			return result?.kind === "done" ? null : changeError(this.#provider.name, result);
		} catch (thrown) {
			return asKeyturnError(thrown);
		}
	}

	async #edit(edit: (checked: Checked) => Checked, signal: AbortSignal): Promise<Checked> {
		const { name, account } = this.#provider;
		let edited: Checked = { provider: name, account, passedAt: null, scratch: [] };
		const said = await editHostDocument(
			this.#ports,
			(host) => withChecked(host, { provider: name, account }, (checked) => (edited = edit(checked))),
			signal,
		);
		if (said !== "held") return edited;
		throw new KeyturnError("lease.lost", "another keyturn holds the lock", { retry: true });
	}
}

/** Of a change that was not done. */
export function changeError(provider: string, result: ChangeResult | undefined): KeyturnError {
	switch (result?.kind) {
		case "refused":
			return new KeyturnError(
				codeOfChange(result),
				result.why,
				result.hint === null ? {} : { hint: result.hint },
			);
		case "unknown":
			return new KeyturnError("provider.unreachable", result.why, { retry: true });
		case "occupied":
			return new KeyturnError("provider.refused", `${provider}: another value stands there`);
		default:
			return new KeyturnError("provider.unreachable", `${provider} gave no result`, { retry: true });
	}
}
