/** What `keyturn init` finds around it, and the one file that it writes. */

import type { FoundSigner } from "../ports/found-signer.ts";
import type { FoundZone } from "../ports/found-zone.ts";
import type { StarterProvider } from "../settings/starter.ts";

/** What is around keyturn before there is a configuration; every member but the last two only reads. */
export interface InitHost {
	signers(): Promise<readonly FoundSigner[]>;
	/** The service of the mail server in front of the signer; null if none is known. */
	mailServer(): Promise<string | null>;
	/** Who serves the zone of a domain; null if DNS does not say. */
	zoneOf(domain: string): Promise<FoundZone | null>;
	/** The provider that these names of servers belong to, with what its settings begin with. */
	guess(servers: readonly string[]): Omit<StarterProvider, "name" | "remarks"> | null;
	/** Files that hold a TSIG key as BIND writes it, likeliest first. */
	tsigKeys(): Promise<readonly string[]>;
	readonly timezone: string;
	/** Whether systemd runs the services of this host. */
	readonly hasSystemd: boolean;
	isThere(path: string): Promise<boolean>;
	/** Makes the copy of a TSIG key that keyturn may read; what stands there stays. Fails with `disk.failed`. */
	copyKey(from: string, to: string): Promise<"copied" | "exists">;
	/** Fails with `config.*` if keyturn would not read it, and writes nothing then, nor over another file. */
	write(path: string, text: string): Promise<"written" | "exists">;
}
