/** Looks for services that would be stopped and not started again, or in an order that lets mail out unsigned. */

import type { FaultList, NewFault } from "./fault-list.ts";
import { formatPath, type Path } from "./faults.ts";
import type { ConfiguredServices } from "./schema.ts";
import type { ServicesSettings } from "./settings.ts";

export interface ServicesCheck {
	readonly swap: "restart" | "reload";
	/** Where a key of these services was set. */
	readonly place: (key: string) => Path;
	readonly faults: FaultList;
}

export function checkServices(services: ConfiguredServices, check: ServicesCheck): void {
	checkOrder(services, check);
	checkCommands(services, check);
}

/** One signer's list, and where it was set. */
export interface StopOrder {
	readonly signer: string;
	readonly stop: readonly string[];
	readonly place: Path;
}

/** Refuses lists in which the service of another signer is taken for a mail server: a signer's own is stopped for none but itself. */
export function checkStopOrders(orders: readonly StopOrder[], faults: FaultList): void {
	for (const { signer, stop, place } of orders)
		for (const service of stop.slice(0, -1)) {
			const other = orders.find((one) => one.signer !== signer && one.stop.at(-1) === service);
			if (other === undefined) continue;
			faults.add({
				path: place,
				rule: `must not have ${service} before the end: as the last of ${formatPath(other.place)} it is the own service of signer ${other.signer}`,
				consequence: `it would run on while ${stop.at(-1) ?? ""} is stopped, and mail could leave unsigned`,
				hint: `end the list of ${other.signer} with a service of its own, take ${service} out of this one if it hands no mail to ${signer}, or let keyturn turn one of the two signers only`,
			});
		}
}

/** What one signer's services are run by, and where that was set. */
export interface ServiceRunning {
	readonly signer: string;
	readonly services: Pick<ServicesSettings, "manager" | "stop" | "commands">;
	readonly place: (key: string) => Path;
}

/** Refuses one service that would be stopped and started in two ways: all signers share one stop. */
export function checkOneWay(all: readonly ServiceRunning[], faults: FaultList): void {
	const managed = new Map<string, ServiceRunning>();
	const commanded = new Map<string, ServiceRunning>();
	for (const one of all) {
		const { manager, stop, commands } = one.services;
		for (const service of stop) {
			const before = firstOf(managed, service, one);
			if (before.services.manager === manager) continue;
			refuseTwoWays(faults, {
				path: one.place("manager"),
				rule: `must be ${before.services.manager} for ${service}, as for signer ${before.signer}, got ${manager}`,
			});
		}
		for (const [service, argvs] of Object.entries(commands)) {
			const before = firstOf(commanded, service, one);
			if (JSON.stringify(before.services.commands[service]) === JSON.stringify(argvs)) continue;
			refuseTwoWays(faults, {
				path: [...one.place("commands"), service],
				rule: `must be what signer ${before.signer} has for ${service}`,
				on: "key",
			});
		}
	}
}

function firstOf(seen: Map<string, ServiceRunning>, service: string, one: ServiceRunning): ServiceRunning {
	const first = seen.get(service) ?? one;
	seen.set(service, first);
	return first;
}

function refuseTwoWays(faults: FaultList, fault: NewFault): void {
	faults.add({
		...fault,
		consequence: "it would be looked at, stopped and started in one of the two ways only",
		hint: "services are known by their names: give each a name of its own",
	});
}

function checkOrder({ stop, start }: ConfiguredServices, { place, faults }: ServicesCheck): void {
	for (const [key, list] of [
		["stop", stop],
		["start", start],
	] as const)
		if (new Set(list).size < list.length)
			faults.add({
				path: place(key),
				rule: "names a service twice",
				consequence: "nobody could tell in which order it is meant",
			});
	const down = stop.filter((service) => !start.includes(service));
	if (down.length > 0)
		faults.add({
			path: place("start"),
			rule: `must start what stop stops: ${down.join(", ")} is missing`,
			consequence: "what was stopped would stay down",
		});
	const never = start.filter((service) => !stop.includes(service));
	if (never.length > 0)
		faults.add({
			path: place("stop"),
			rule: `must stop what start starts: ${never.join(", ")} is missing`,
			consequence: "the switch would be made while it runs, and mail could leave unsigned",
		});
	const signer = stop.at(-1);
	if (down.length === 0 && never.length === 0 && start[0] !== signer)
		faults.add({
			path: place("start"),
			rule: `must begin with ${signer}, the signer: the last of stop`,
			consequence: "the mail server would take mail before its signer answers",
		});
}

function checkCommands({ manager, stop, commands }: ConfiguredServices, check: ServicesCheck): void {
	const { place, faults, swap } = check;
	const named = Object.keys(commands);
	if (manager === "systemd" && named.length > 0)
		faults.add({
			path: place("commands"),
			rule: "stands beside manager: systemd, which does not use it",
			consequence: "the commands would have no effect",
			on: "key",
		});
	if (manager !== "command") return;
	const missing = stop.filter((service) => !named.includes(service));
	if (missing.length > 0)
		faults.add({
			path: place("commands"),
			rule: `must say how ${missing.join(", ")} is stopped and started`,
			consequence: "services could not be stopped and started around a switch",
		});
	const signer = stop.at(-1) ?? "";
	if (swap === "reload" && Object.hasOwn(commands, signer) && commands[signer]?.reload === undefined)
		faults.add({
			path: [...place("commands"), signer, "reload"],
			rule: "is missing: swap: reload needs it",
			consequence: "the signer would go on with the old table",
			on: "key",
		});
}
