/** What is done to the host, a fault a month, and the alerts that each makes due. */

import { CONFIG_FILE } from "../e2e/host/agent-host.ts";
import { eventually } from "../e2e/host/eventually.ts";
import { isActive } from "../e2e/host/processes.ts";
import { before, type Fault, HOUR_MS, hourly, inThePause, killing, later, told, tick, TURN } from "./acts.ts";
import { trouble } from "./alert-count.ts";
import { configure } from "./year-host.ts";

/** Every domain's new key waits for it, and no key in use can be looked at everywhere: one server, one trouble. */
const deadSecondary: Fault = {
	name: "the secondary is dead for 32 hours",
	acts: new Map([
		[-65.7, before((host) => host.script("systemctl stop dns-secondary"))],
		...hourly(-41, -34),
		[-33, before((host) => host.script("systemctl start dns-secondary"))],
		[-32.5, tick],
		[-30, tick],
	]),
	due: trouble("verification_failed", 1),
};

const pluggedOut: Fault = {
	name: "the plug is pulled while services are stopped for the switch",
	acts: new Map([
		[
			TURN,
			async (world, at) => {
				const { host, clock, mail, month } = world;
				await inThePause(world, at, async () => {
					await host.cut();
					await mail.isCut();
					await clock.firstTickAfter(async () => host.boot());
					const selectors = Object.values(await host.selectors());
					// Before the rename the switch is undone, and tried again.
					if (!selectors.includes(month.name)) world.becomesDue(trouble("swap_failed", 1));
					await mail.start();
				});
				await clock.tickSoon();
			},
		],
	]),
	due: { recovered: 3 },
};

const REFUSE = `sed -i 's/allow-update { key keyturn; }/allow-update { none; }/' /etc/bind/named.conf`;
const ALLOW = `sed -i 's/allow-update { none; }/allow-update { key keyturn; }/' /etc/bind/named.conf`;
const READ_AGAIN = "systemctl kill -s HUP dns-primary";

/** One credential, one trouble. */
const refusingProvider: Fault = {
	name: "the provider refuses every change for a day",
	acts: new Map([
		[-74, before((host) => host.script(`${REFUSE}; ${READ_AGAIN}`))],
		...hourly(-60, -58),
		[-50, before((host) => host.script(`${ALLOW}; ${READ_AGAIN}`))],
		[-49.5, tick],
		[-47, tick],
	]),
	due: trouble("provider_denied", 1),
};

const killedAgent: Fault = {
	name: "the agent is killed while services are stopped",
	acts: new Map([[TURN, killing("main")]]),
	due: { recovered: 3 },
};

/** Until it is known how the switch ended, that is a trouble. */
const killedDoor: Fault = {
	name: "the door is killed while services are stopped",
	acts: new Map([[TURN, killing("door")]]),
	due: { recovered: 3, ...trouble("swap_failed", 1) },
};

const FILL = `free() { df --output=avail -k / | tail -1 | tr -d ' '; }
	while [ "$(free)" -gt 0 ]; do dd if=/dev/zero bs=4k of=/fill.$(free) 2>/dev/null || true; done`;

/** Nothing can be saved, so nothing may be turned; the night's window is still open when there is room again. */
const fullDisk: Fault = {
	name: "the disk is full when the turn is due",
	acts: new Map([
		[
			TURN,
			async ({ host, clock, mail }, at) =>
				mail.expectingRefusals(async () => {
					await host.script(FILL);
					await clock.moveTo(at);
					await told(host, "state_damaged start");
					await clock.moveTo(later(clock, HOUR_MS));
					await host.script("rm /fill.*");
					await clock.tickSoon();
				}),
		],
	]),
	due: trouble("state_damaged", 1),
};

/** From here on no mail waits for a turn. */
const killedSigner: Fault = {
	name: "OpenDKIM is killed; the administrator goes over to reload",
	acts: new Map([
		[
			90,
			async ({ host, clock, mail }, at) => {
				await mail.expectingRefusals(async () => {
					const invocation = async (): Promise<string> =>
						host.must(["systemctl", "show", "--value", "-p", "InvocationID", "opendkim"]);
					const killed = await invocation();
					await host.script("systemctl kill -s KILL opendkim");
					await eventually("OpenDKIM was started again", async () => (await invocation()) !== killed);
					await eventually("OpenDKIM runs again", async () => isActive(host, "opendkim"));
				});
				await configure(host, "reload");
				await host.script("systemctl reload keyturn");
				await clock.tickAt(at);
			},
		],
	]),
	due: {},
};

const slowSecondary: Fault = {
	name: "the secondary is 20 hours behind",
	acts: new Map([
		[-74, before((host) => host.script("systemctl stop dns-lag"))],
		...hourly(-60, -55),
		[-46, before((host) => host.script("systemctl start dns-lag"))],
		[-45.5, tick],
		[-43, tick],
	]),
	due: {},
};

const STILL_DAYS = 21;

/** Between two runs no uptime is known: a clock that jumped could look the same. */
const stoppedAgent: Fault = {
	name: `keyturn is stopped for ${STILL_DAYS} days`,
	acts: new Map([
		[
			50,
			async ({ host, clock, mail }, at) => {
				await clock.tickAt(at);
				await host.script("systemctl stop keyturn");
				for (let day = 0; day < STILL_DAYS; day += 3) {
					await clock.moveTo(later(clock, 72 * HOUR_MS));
					await mail.accepted(50);
					await mail.isJudged();
				}
				await clock.firstTickAfter(async () => void (await host.script("systemctl start keyturn")));
			},
		],
	]),
	due: trouble("clock_suspect", 1),
};

const badConfiguration: Fault = {
	name: "keyturn.yaml has a fault for a day",
	acts: new Map([
		[
			100,
			before((host) => host.script(`sed -i 's/^window:/windov:/' ${CONFIG_FILE}; systemctl reload keyturn`)),
		],
		[
			124,
			before((host) => host.script(`sed -i 's/^windov:/window:/' ${CONFIG_FILE}; systemctl reload keyturn`)),
		],
	]),
	due: trouble("config_rejected", 1),
};

/** Half an hour after the window has opened the next night it boots. */
const hostOff: Fault = {
	name: "the host is off when the turn is due, and for a day",
	acts: new Map([
		[
			-2,
			async ({ host, clock, mail }, at) => {
				await clock.tickAt(at);
				await mail.expectingRefusals(async () => {
					await host.cut();
					await mail.isCut();
					await clock.moveTo(later(clock, 25.5 * HOUR_MS));
					await clock.firstTickAfter(async () => host.boot());
					await mail.start();
				});
				await clock.tickSoon();
			},
		],
	]),
	due: {},
};

const none: Fault = { name: "nothing", acts: new Map(), due: {} };

/** By month. */
export const FAULTS: readonly Fault[] = [
	deadSecondary,
	pluggedOut,
	refusingProvider,
	killedAgent,
	killedDoor,
	fullDisk,
	killedSigner,
	slowSecondary,
	stoppedAgent,
	badConfiguration,
	hostOff,
	none,
];
