/** How Postfix names a signer's socket, and which of its services find the socket by that name. */

import type { MailWiring, MilterService } from "../ports/door.ts";
import type { SocketTarget } from "../ports/sockets.ts";

/** A signer as Postfix meets it. */
export interface Wired {
	readonly service: string;
	/** Of the signer, as keyturn.yaml has it. */
	readonly type: string;
	readonly socket: SocketTarget;
	readonly swap: "restart" | "reload";
	/** Whether `restart` stops it while the mail server goes on. */
	readonly isStoppedAlone: boolean;
	/** Whether `reload` ends the connections that are open to it. */
	readonly cutsOff: boolean;
}

/**
 * Whether it means the socket, to a chrooted service or to another: `unix:path`, `local:path` or `inet:host:port` (postconf(5),
 * smtpd_milters).
 */
export function names(milter: string, { socket }: Pick<Wired, "socket">, mail: MailWiring): boolean {
	const { kind, place } = partsOf(milter);
	if (socket.kind === "unix")
		return (
			kind === "unix" &&
			[true, false].some((isChrooted) => pathOf(place, isChrooted, mail) === real(socket.path))
		);
	const [, host = "", port = ""] = /^(.*):([^:]+)$/.exec(place) ?? [];
	if (kind !== "inet" || Number(port) !== socket.port) return false;
	// By what name or address this host is called there cannot be told.
	return socket.isOnEveryAddress ?? isSameHost(host, socket.host);
}

/** Whether this service finds the socket there. What stands where it looks may be the socket by another path (a mount, a link). */
export function isOpenedBy(
	{ isChrooted, absent }: MilterService,
	milter: string,
	{ socket }: Pick<Wired, "socket">,
	mail: MailWiring,
): boolean {
	if (!names(milter, { socket }, mail)) return false;
	if (socket.kind === "inet" || !absent.includes(milter)) return true;
	return pathOf(partsOf(milter).place, isChrooted, mail) === real(socket.path);
}

/** As every service finds it; null where a chrooted one does not, whatever it is called. */
export function spelled(socket: SocketTarget, isChrooted: boolean, mail: MailWiring): string | null {
	if (socket.kind === "inet")
		return `inet:${socket.host.includes(":") ? `[${socket.host}]` : socket.host}:${socket.port}`;
	const start = `${mail.queueDirectory}/`;
	// Without a slash before it, it is the queue directory's to each of them: there they work.
	if (socket.path.startsWith(start)) return `unix:${socket.path.slice(start.length)}`;
	return isChrooted ? null : `unix:${socket.path}`;
}

function partsOf(milter: string): { readonly kind: "unix" | "inet" | null; readonly place: string } {
	const [, kind, place = ""] = /^(unix|local|inet):(.+)$/.exec(milter) ?? [];
	if (kind === undefined) return { kind: null, place };
	return { kind: kind === "inet" ? "inet" : "unix", place };
}

function pathOf(place: string, isChrooted: boolean, { queueDirectory }: MailWiring): string {
	const isBelow = isChrooted || !place.startsWith("/");
	return real(isBelow ? `${queueDirectory}/${place.replace(/^\/+/, "")}` : place);
}

/** Debian's /run is /var/run to older guides. */
function real(path: string): string {
	return path.replace(/^\/var\/run\//, "/run/");
}

function isSameHost(named: string, host: string): boolean {
	const bare = named.replace(/^\[(?:ipv6:)?(.*)\]$/i, "$1");
	return bare === host || (isLoopback(bare) && isLoopback(host));
}

function isLoopback(host: string): boolean {
	return host === "localhost" || host === "::1" || host.startsWith("127.");
}
