/** A byte stream to a local service: the milter and SMTP probes. */

export interface InetTarget {
	readonly kind: "inet";
	readonly host: string;
	readonly port: number;
	/** Set where it listens at every address of this host; `host` is then one at which it can be reached from here. */
	readonly isOnEveryAddress?: true;
	/** Tried in place of asking for those of `host`. */
	readonly addresses?: readonly string[];
}

export type SocketTarget = InetTarget | { readonly kind: "unix"; readonly path: string };

/** Every member but `close` fails with `signer.probe`: the other side ended, was silent too long, or `signal` aborted. */
export interface Connection {
	/** Resolves when the bytes are on their way, which says nothing of their arrival. */
	write(bytes: Uint8Array): Promise<void>;
	/** Exactly `count` bytes; fails if the other side ends before. */
	read(count: number, signal: AbortSignal): Promise<Uint8Array>;
	/** Up to and including the next LF, at most `limitBytes`. */
	readLine(limitBytes: number, signal: AbortSignal): Promise<string>;
	/** Can be repeated. */
	close(): void;
}

export interface Sockets {
	/** Fails with `signer.probe` when nothing answers. */
	connect(target: SocketTarget, signal: AbortSignal): Promise<Connection>;
}
