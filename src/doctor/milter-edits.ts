/** How a list of Postfix's milters comes to name a signer's socket, so that each service that takes the list finds it there. */

import type { MailWiring, MilterList } from "../ports/door.ts";
import type { Mending } from "./finding.ts";
import { spelled, type Wired } from "./milter-socket.ts";
import { quoted } from "./words.ts";

/** Of main.cf; what stands there keeps its own settings and macros. */
export function addTo(name: MilterList["name"], wired: Wired, mail: MailWiring): Mending {
	const list = mail.lists.find(({ setBy }) => setBy === name);
	const path = spelled(wired.socket, isAnyChrooted(list), mail);
	if (path === null) return move(wired, mail, (inside) => `name it ${inside} in ${name}`);
	const value = [list?.raw ?? "", path].filter((part) => part !== "").join(",");
	return { command: `postconf -e ${quoted(`${name}=${value}`)} && ${RELOAD}` };
}

/** In a list that names it so that not every service finds it. */
export function respell(
	list: MilterList,
	milter: string,
	{ wired, mail }: { readonly wired: Wired; readonly mail: MailWiring },
): Mending {
	const path = spelled(wired.socket, isAnyChrooted(list), mail);
	if (path === null)
		return move(wired, mail, (inside) => `let ${list.setBy} have ${inside} in place of ${milter}`);
	const isOwn = list.setBy.includes("/");
	// What a macro says is changed where the macro is; and `postconf -P` takes no blanks.
	if (!list.raw.includes(milter) || (isOwn && /\s/.test(list.raw)))
		return { advice: `let ${list.setBy} have ${path} in place of ${milter}, then ${RELOAD}` };
	const value = list.raw.replace(milter, () => path);
	return { command: `postconf ${isOwn ? "-P" : "-e"} ${quoted(`${list.setBy}=${value}`)} && ${RELOAD}` };
}

const RELOAD = "systemctl reload postfix";
/** Who makes the socket, and how its place is said. */
const SIGNERS: Readonly<
	Record<string, { readonly user: string; readonly option: (path: string) => string }>
> = {
	opendkim: { user: "opendkim", option: (path) => `Socket local:${path}` },
	dkimpy: { user: "dkimpy-milter", option: (path) => `Socket local:${path}` },
	rspamd: { user: "_rspamd", option: (path) => `bind_socket = "${path} mode=0660";` },
};

/** A chrooted service reaches no other directory. Its new one passes its group, which Postfix is in, on to the socket. */
function move(
	{ socket, service, type }: Wired,
	{ queueDirectory }: MailWiring,
	thenName: (inside: string) => string,
): Mending {
	const below = socket.kind === "unix" ? socket.path.split("/").slice(-2).join("/") : "";
	const path = `${queueDirectory}/${below}`;
	const signer = SIGNERS[type];
	const words = `let ${service} listen where chrooted services of Postfix reach it (${signer?.option(path) ?? path}), restart it, ${thenName(`unix:${below}`)}, then ${RELOAD}`;
	if (signer === undefined) return { advice: `${words}; Postfix has to be let into the socket's directory` };
	const directory = path.slice(0, path.lastIndexOf("/"));
	return {
		advice: `${words}; first make the directory`,
		command: `install -d -o ${signer.user} -g postfix -m 2750 ${quoted(directory)}`,
	};
}

function isAnyChrooted(list: MilterList | undefined): boolean {
	return list?.takenBy.some(({ isChrooted }) => isChrooted) ?? false;
}
