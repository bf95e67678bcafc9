/** What every part of the door's work is given, and where in the door's own directory its papers lie. */

import { directoryOf } from "../durable.ts";
import { KeyturnError } from "../errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { Disk } from "../ports/disk.ts";
import type { InspectedQueue, MailWiring, OtherReader } from "../ports/door.ts";
import type { Log } from "../ports/log.ts";
import type { Services } from "../ports/services.ts";
import type { Signer } from "../ports/signer.ts";

export interface SwapSigner {
	readonly signer: Signer;
	readonly services: {
		/** In this order; the last is the signer's own service, all others count as mail server. */
		readonly stop: readonly string[];
		readonly start: readonly string[];
		/** How long the mail server stays down when the signer does not come up even with the old table. */
		readonly holdMs: number;
		/** By service; systemd has those that are not named. */
		readonly commands: Readonly<Record<string, unknown>>;
	};
	/** Whether the running signer is proven after a switch. */
	readonly probe: boolean;
}

export interface SwapContext {
	readonly disk: Disk;
	readonly services: Services;
	readonly signers: ReadonlyMap<string, SwapSigner>;
	readonly clock: Clock;
	readonly log: Log;
	/** The door's own directory: 0700, root's. Its parent exists. */
	readonly directory: string;
	/** The domains whose lines may change, each with its signers: several where each of its keys has one of its own. */
	readonly domains: ReadonlyMap<string, readonly string[]>;
	/**
	 * Whether the mail server in front of this signer defers mail while the signer is down
	 * (`milter_default_action = tempfail`). If it does not, it would send unsigned mail, and is held instead.
	 */
	readonly defersMail: (signer: string) => Promise<boolean>;
	/** What waits in the mail server's queue; null where that cannot be told. */
	readonly queue: () => Promise<InspectedQueue | null>;
	/** How the mail server hands mail to signers; null where that cannot be told. Reads only. */
	readonly wiring: () => Promise<MailWiring | null>;
	/** Whether private halves of old keys may be given back (`retire.publish_private`). */
	readonly mayReveal: boolean;
	/** Domains that keyturn.yaml gives keys of several algorithms, all of one signer. */
	readonly several: ReadonlySet<string>;
	/** Who else on this host reads keys. Never fails: what cannot be read is a reader with a problem. */
	readonly otherReaders: () => Promise<readonly OtherReader[]>;
}

export function signerNamed(context: SwapContext, name: string): SwapSigner {
	const found = context.signers.get(name);
	if (found === undefined)
		throw new KeyturnError("config.invalid", `signer ${name}: not in keyturn.yaml any more`, {
			hint: "put it back until its last switch has been settled",
		});
	return found;
}

/** Whether keyturn.yaml has this signer sign for the domain. */
export function isGivenTo({ domains }: SwapContext, domain: string, signer: string): boolean {
	return domains.get(domain)?.includes(signer) ?? false;
}

/** Makes the door's directories; names that a crash left unsynced become durable here, before anything relies on them. */
export async function makeDirectories({ disk, directory }: SwapContext): Promise<void> {
	for (const path of [directory, `${directory}/results`, `${directory}/staged`])
		await disk.makeDirectory(path, 0o700);
	await disk.syncDirectory(directory);
	await disk.syncDirectory(directoryOf(directory));
}

/** A signal for waits that nothing cuts short: between stop and start the door does not give up. */
export function noSignal(): AbortSignal {
	return new AbortController().signal;
}

/** RFC 3339, UTC. */
export function timestamp({ clock }: SwapContext): string {
	return clock.now().toISOString();
}
