/** Where rspamd takes mail as a milter: the socket of its proxy worker, as its main configuration and Debian's files beside it say. */

import { directoryOf } from "../../durable.ts";
import type { Disk } from "../../ports/disk.ts";
import type { SocketTarget } from "../../ports/sockets.ts";

const LIMIT_BYTES = 1024 * 1024;
/** Those that its block includes, the later ones counting more. */
const INCLUDED = ["worker-proxy.inc", "local.d/worker-proxy.inc", "override.d/worker-proxy.inc"];
/** Every address, by what it is reached at from here. */
const EVERYWHERE: Readonly<Record<string, string>> = {
	"*": "127.0.0.1",
	"0.0.0.0": "127.0.0.1",
	"::": "::1",
};

/** From 4.1 on its own rspamd.conf has ports as `{= env.PORT_PROXY|default('11332') =}`, for its authors' tests. */
const FROM_ENVIRONMENT = /\{=\s*env\.\w+\|default\('([^']*)'\)\s*=\}/g;

/** Null where it runs no such worker, or not as a milter, or that cannot be told. */
export async function milterSocket(disk: Disk, main: string): Promise<SocketTarget | null> {
	const block = proxyBlock(await textOf(disk, main));
	if (block === null) return null;
	const texts = [block];
	const directory = directoryOf((await disk.realpath(main)) ?? main);
	for (const name of INCLUDED)
		if (block.includes(name)) texts.push(await textOf(disk, `${directory}/${name}`));
	const isOff = /^(?:no|false|off)$/i.test(lastValue(texts, "enabled") ?? "yes");
	const isMilter = /^(?:yes|true|on)$/i.test(lastValue(texts, "milter") ?? "no");
	return isOff || !isMilter ? null : target(lastValue(texts, "bind_socket") ?? "");
}

/** Up to the next worker: what stands between are braces of its own. */
function proxyBlock(text: string): string | null {
	const [, rest] = /^\s*worker\s+"?rspamd_proxy"?\s*\{([^]*)/m.exec(text) ?? [];
	return rest === undefined ? null : (rest.split(/^\s*worker\s/m)[0] ?? rest);
}

function lastValue(texts: readonly string[], name: string): string | undefined {
	const found = texts.flatMap((text) => [
		...text.matchAll(new RegExp(`(?:^|[;{\\s])${name}\\s*[=:]\\s*"?([^";\\n]*?)"?\\s*[;\\n]`, "g")),
	]);
	return found.at(-1)?.[1];
}

/** `host:port`, or a path with its mode and owner behind it. */
function target(value: string): SocketTarget | null {
	const [place = ""] = value.split(/\s/);
	if (place.startsWith("/")) return { kind: "unix", path: place };
	const [, host = "", port] = /^(?:\[([^\]]*)\]|\*|[\w.-]+):(\d{1,5})$/.exec(place) ?? [];
	if (port === undefined || Number(port) === 0) return null;
	const named = host === "" ? place.slice(0, place.lastIndexOf(":")) : host;
	const everywhere = EVERYWHERE[named];
	if (everywhere !== undefined)
		return { kind: "inet", host: everywhere, port: Number(port), isOnEveryAddress: true };
	return { kind: "inet", host: named === "localhost" ? "127.0.0.1" : named, port: Number(port) };
}

async function textOf(disk: Disk, path: string): Promise<string> {
	const bytes = await disk.read(path, LIMIT_BYTES);
	return Buffer.from(bytes ?? [])
		.toString("latin1")
		.replace(/^\s*#.*$/gm, "")
		.replace(FROM_ENVIRONMENT, (_whole, byDefault: string) => byDefault);
}
