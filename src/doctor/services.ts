/** Whether signer and mail server run, and whether a switch would be let through when its time comes. */

import type { InspectAnswer } from "../ports/door.ts";
import type { Settings } from "../settings/settings.ts";
import type { Facts } from "./facts.ts";
import { type Finding, finding } from "./finding.ts";
import { quoted } from "./words.ts";

export function checkServices({ door, settings }: Facts): readonly Finding[] {
	if (door.kind === "silent") return [];
	const { signers, examined } = door.answer;
	return [
		...signers.flatMap((signer) => (signer.running ? [] : [stoppedSigner(signer, settings)])),
		...mailServers(examined.signers, settings),
		...examined.signers.flatMap(({ signer, holds }) => (holds === null ? [] : [held(signer, holds)])),
		...signers.flatMap(({ signer, notes }) => notes.map((note) => noted(signer, note))),
	];
}

type Examined = NonNullable<InspectAnswer["examined"]>["signers"];

function stoppedSigner({ service }: { readonly service: string }, settings: Settings): Finding {
	const isUnit = ownStart(service, settings) === undefined;
	return finding("signer.stopped", service, {
		summary: "the signer does not run: mail is deferred, or leaves unsigned",
		advice: `if it does not stay: ${isUnit ? `journalctl -u ${quoted(service)}` : "its own log says why"}`,
		command: startCommand(service, settings),
	});
}

function startCommand(service: string, settings: Settings): string {
	return (ownStart(service, settings) ?? ["systemctl", "start", service]).map(quoted).join(" ");
}

/** As keyturn.yaml has it; undefined where systemd starts it. No service has both: the door refuses that. */
function ownStart(service: string, { signers }: Settings): readonly string[] | undefined {
	const own = signers.find(({ services }) => Object.hasOwn(services.commands, service));
	return own?.services.commands[service]?.start;
}

/** The last of a signer's services is the signer itself. */
function mailServers(signers: Examined, settings: Settings): readonly Finding[] {
	const stopped = signers.flatMap(({ services }) =>
		services.slice(0, -1).flatMap(({ service, running }) => (running ? [] : [service])),
	);
	return [...new Set(stopped)].map((service) =>
		finding("mail.stopped", service, {
			summary: "the mail server does not run, and no switch starts what did not run before it",
			command: startCommand(service, settings),
		}),
	);
}

function held(signer: string, { why, hint }: NonNullable<Examined[number]["holds"]>): Finding {
	return finding("switch.held", `signer ${signer}`, {
		summary: `a switch would be refused now: ${why}`,
		advice: hint ?? "mend that before the next turn is due",
	});
}

function noted(signer: string, note: string): Finding {
	return finding("signer.note", `signer ${signer}`, {
		summary: note.replace(/\.$/, ""),
		advice: "nothing has to be done if it is meant so",
	});
}
