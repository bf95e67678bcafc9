/** Copies of what stood in a zone, for whoever has to put it back by hand after a call that wrote more than one record. */

export interface ZoneCopies {
	/**
	 * Keeps `content` (JSON, without any secret) as it was before a write, and of one zone the last twenty. Resolves with its
	 * path once it is durable; fails with `provider.refused` where it cannot be kept: then nothing is to be written.
	 */
	keep(provider: string, zone: string, content: unknown): Promise<string>;
}
