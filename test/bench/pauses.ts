/** For how long no mail is accepted while keys are changed: by the guide's own procedure, by a bare stop and start, and by keyturn. */

import { type AgentHost, upAgentHost } from "../e2e/host/agent-host.ts";
import { eventually } from "../e2e/host/eventually.ts";
import { type Judgement, type MailOptions, underMail } from "../e2e/host/mail-run.ts";
import { SECONDARY } from "../e2e/host/name-servers.ts";
import { median, say } from "./figures.ts";

export type Approach = "bare stop and start" | "guide" | "keyturn restart" | "keyturn reload";

type Connections = MailOptions["connections"];

/** Each on a host of its own, so that none inherits what another left. */
const APPROACHES: Readonly<
	Record<Approach, (host: AgentHost, round: number) => Promise<() => Promise<void>>>
> = {
	"bare stop and start": async (host) => async () =>
		void (await host.script(
			"systemctl stop postfix@-; systemctl stop opendkim; systemctl start opendkim; systemctl start postfix@-",
		)),
	guide: byGuide,
	"keyturn restart": async (host) => turn(host, "restart"),
	"keyturn reload": async (host) => turn(host, "reload"),
};

/** Medians in milliseconds. */
export async function measurePauses(
	connections: Connections,
	repeat: number,
): Promise<ReadonlyMap<Approach, number>> {
	const pauses = new Map<Approach, number>();
	for (const approach of Object.keys(APPROACHES) as Approach[])
		pauses.set(approach, await measure(approach, connections, repeat));
	return pauses;
}

async function measure(approach: Approach, connections: Connections, repeat: number): Promise<number> {
	const host = await upAgentHost({ swap: "restart" });
	const pauses: number[] = [];
	try {
		await host.keyturn("rotate");
		for (let round = 0; round < repeat; round += 1) {
			const act = await APPROACHES[approach](host, round);
			const { judgement } = await underMail(host, { connections }, act);
			pauses.push(judgement.pauseMs);
			say(`${approach}, ${connections}: ${JSON.stringify(shown(judgement))}`);
		}
	} finally {
		await host.down();
	}
	return median(pauses);
}

function shown({ accepted, unsigned, invalid, lost, refused, tempfailed, dropped, pauseMs }: Judgement) {
	return { accepted, unsigned, invalid, lost, refused, tempfailed, dropped, pauseMs };
}

async function turn(host: AgentHost, swap: "restart" | "reload"): Promise<() => Promise<void>> {
	await host.configure({ swap });
	return async () => {
		const { code, stdout, stderr } = await host.keyturn("rotate --now");
		if (code !== 0) throw new Error(`rotate ended ${code}: ${stdout}${stderr}`);
	};
}

/** Keys made and published before: only what the guide does with the services stopped is under mail. */
async function byGuide(host: AgentHost, round: number): Promise<() => Promise<void>> {
	const selector = `guide${round}`;
	await host.script(`mkdir -p /root/${selector}`);
	for (const domain of host.domains) {
		const entry = host.entryOf(domain);
		const made = await host.script(`
			cd /root/${selector}; opendkim-genkey -b 2048 -h sha256 -r -s ${selector} -d ${domain}
			mv ${selector}.private ${entry}.private; cat ${selector}.txt
		`);
		const value = [...made.matchAll(/"([^"]*)"/g)].map(([, part]) => part).join("");
		await host.publish(domain, `${selector}._domainkey.${domain}`, value);
	}
	await eventually("the secondary has the records", async () => {
		const names = host.domains.map((domain) => `${selector}._domainkey.${domain}`);
		const values = await Promise.all(names.map(async (name) => host.txt(SECONDARY, name)));
		return values.every((each) => each.length === 1);
	});
	return async () =>
		void (await host.script(`
			systemctl stop postfix opendkim
			cp /root/${selector}/*.private /etc/opendkim/keys/
			chown opendkim:opendkim /etc/opendkim/keys/*; chmod go-rw /etc/opendkim/keys/*
			sed -i 's/^\\([^ #]* [^:]*\\):[^:]*:/\\1:${selector}:/' /etc/opendkim/key.table
			systemctl start opendkim
			systemctl start postfix
		`));
}
