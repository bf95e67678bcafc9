/** A reader at a terminal of eighty columns: types a block of a document as root, and sees what is left on the screen. */

import type { MailHost } from "./mail-host.ts";

export interface Typed {
	readonly code: number;
	readonly screen: string;
}

/** Stops at the first command that fails; `keyturn doctor` fails when it found something, which is no fault of the block. */
export async function type(host: MailHost, text: string, directory = "/root"): Promise<Typed> {
	await host.write("/root/typed.sh", `${HEAD}cd ${directory}\n${text}\n`);
	const shell = "stty cols 80 -echo; exec bash --norc -euo pipefail /root/typed.sh";
	// Whoever is asked takes what is proposed.
	const answers = /^keyturn init(?! --yes)/m.test(text)
		? "for n in 1 2 3 4 5 6; do sleep 0.7; echo; done"
		: ":";
	const { code, stdout } = await host.in(
		["bash", "--norc", "-c", `(${answers}) | script -qec '${shell}' /dev/null`],
		{ timeoutSeconds: 180, env: { TERM: "xterm", SYSTEMD_PAGER: "", NO_COLOR: "1", HOME: "/root" } },
	);
	return { code, screen: screenOf(stdout) };
}

/** The hours for which resolvers may remember an absence are not waited for, and no due date comes near. */
const HEAD = String.raw`
keyturn() {
	local file=/etc/keyturn/keyturn.yaml
	case "$*" in "rotate --now"* | "add "[^-]* | revoke*)
		if ! grep -q '^verify:' $file; then
			echo 'verify: { soak: 0s, interval: 1s }' >> $file
			! systemctl -q is-active keyturn || systemctl reload keyturn
		fi ;;
	esac
	command keyturn "$@" || { local status=$?; [ "$1" = doctor ] && [ $status -le 2 ] || return $status; }
	[ "$1" != init ] || sed -i "s/^schedule:.*/schedule: \"0 3 $(($(date +%d | sed s/^0//) % 17 + 10)) * *\"/" $file
}
`;

/** What is left of it: live lines that were drawn over are gone, and so is all colour. */
function screenOf(written: string): string {
	const lines: string[] = [""];
	// oxlint-disable-next-line no-control-regex -- a terminal reads them
	for (const piece of written.replaceAll(/\u001b\[\d*m/g, "").split(/(\r?\n|\u001b\[\d+A\r\u001b\[J)/)) {
		// oxlint-disable-next-line no-control-regex -- the same
		const up = /^\u001b\[(\d+)A/.exec(piece)?.[1];
		if (up !== undefined) lines.splice(Math.max(lines.length - 1 - Number(up), 0), Infinity, "");
		else if (/^\r?\n$/.test(piece)) lines.push("");
		else lines.push(`${lines.pop() ?? ""}${piece.split("\r").at(-1) ?? ""}`);
	}
	return lines.join("\n");
}
