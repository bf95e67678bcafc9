/** One DNS message to one address, the answer's bytes. */

/** How `why` begins when this host has no way to the address, as with IPv6 on an IPv4-only host. */
export const NO_ROUTE = "no route";

export type WireOutcome =
	| { readonly kind: "bytes"; readonly bytes: Uint8Array }
	| { readonly kind: "timeout" }
	/** Nothing is there, or no way to it (`why` begins with NO_ROUTE). */
	| { readonly kind: "unreachable"; readonly why: string };

export interface Wire {
	/**
	 * Sends `query` and resolves with the first datagram from that address (UDP, whose id and source port match) or the
	 * first framed message (TCP). At most 65,535 bytes. Never fails; ends as a timeout when `signal` aborts.
	 */
	exchange(
		target: { readonly address: string; readonly port: number; readonly transport: "udp" | "tcp" },
		query: Uint8Array,
		signal: AbortSignal,
	): Promise<WireOutcome>;
}
