/** Tells whether OpenDKIM signs for connections from loopback: only then does an unsigned probe prove anything. */

/** The hosts of a data set's file: the first word of each line. */
export function isLoopbackInternal(hosts: readonly string[]): boolean {
	if (hosts.some((host) => host === "!127.0.0.1" || host === "!localhost")) return false;
	return hosts.some((host) => host.toLowerCase() === "localhost" || coversLoopback(host));
}

const LOOPBACK = 0x7f000001;

function coversLoopback(host: string): boolean {
	const [address = "", mask = "32"] = host.split("/");
	const network = parseAddress(address);
	const bits = prefixMask(mask);
	return network !== null && bits !== null && ((network ^ LOOPBACK) & bits) === 0;
}

function parseAddress(text: string): number | null {
	const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
	if (match === null) return null;
	return match.slice(1).reduce((sum, part) => (sum << 8) | Number(part), 0);
}

function prefixMask(text: string): number | null {
	if (!/^\d{1,2}$/.test(text) || Number(text) > 32) return null;
	return Number(text) === 0 ? 0 : -1 << (32 - Number(text));
}
