/** Makes the signers' settings, for the agent and for the door, from `signers` or the short `signer`. */

import { type AdapterContext, readAdapter } from "./adapter-settings.ts";
import { checkOneWay, checkServices, checkStopOrders } from "./check-services.ts";
import type { Path } from "./faults.ts";
import { namesBelow } from "./read-file.ts";
import type { ConfiguredServices, ConfiguredSigner } from "./schema.ts";
import type { ServicesSettings, SignerSettings } from "./settings.ts";

export interface SignersInFile {
	readonly signers?: Readonly<Record<string, ConfiguredSigner>> | undefined;
	readonly signer?: ConfiguredSigner | undefined;
	readonly services: ConfiguredServices;
}

/** Types that know no reload, or for which it is a restart. */
const READ_AT_START = ["dkimpy", "dkimproxy", "docker-mailserver"];

/** The name of the one signer that `signer:` is short for. */
const ONLY = "main";

/** As written, whether their settings hold or not. */
export function signerNames(raw: Readonly<Record<string, unknown>>): readonly string[] {
	return [...namesBelow(raw, "signers"), ...(Object.hasOwn(raw, "signer") ? [ONLY] : [])];
}

export function readSigners(file: SignersInFile, context: AdapterContext): readonly SignerSettings[] {
	refuseBothOrNone(context);
	const named: readonly (readonly [string, Path, ConfiguredSigner])[] = [
		...Object.entries(file.signers ?? {}).map(([name, signer]) => [name, ["signers", name], signer] as const),
		...(file.signer === undefined ? [] : [[ONLY, ["signer"], file.signer] as const]),
	];
	const signers = named.map(([name, at, signer]) => readSigner(name, at, signer, file.services, context));
	refuseSameConfiguration(signers, context);
	refuseSameService(signers, context);
	const placed = named.flatMap(([name, at], index) => {
		const services = signers[index]?.services;
		return services === undefined
			? []
			: [{ signer: name, services, place: (key: string) => placeOf(at, key, context) }];
	});
	checkStopOrders(
		placed.map(({ signer, services, place }) => ({ signer, stop: services.stop, place: place("stop") })),
		context.faults,
	);
	checkOneWay(placed, context.faults);
	return signers;
}

function refuseBothOrNone({ source, faults }: AdapterContext): void {
	if (source.has(["signer"]) && source.has(["signers"]))
		faults.add({
			path: ["signer"],
			rule: "stands beside signers: use one of them",
			consequence: "nobody could tell which signer a domain without one means",
			on: "key",
		});
	const { signers } = source.value as { readonly signers?: unknown };
	if (!source.has(["signer"]) && JSON.stringify(signers ?? {}) === "{}")
		faults.add({
			path: source.has(["signers"]) ? ["signers"] : [],
			rule: "is missing: signer or signers must say what signs mail",
			consequence: "nothing would switch to the new key",
			hint: "signer: { type: opendkim, config: /etc/opendkim.conf, keys: /etc/opendkim/keys }",
		});
}

function readSigner(
	name: string,
	at: Path,
	signer: ConfiguredSigner,
	common: ConfiguredServices,
	context: AdapterContext,
): SignerSettings {
	const own = Object.fromEntries(
		Object.entries(signer.services ?? {}).filter(([, value]) => value !== undefined),
	);
	const services: ConfiguredServices = { ...common, ...servicesOf(signer, at, context), ...own };
	checkServices(services, {
		swap: signer.swap,
		faults: context.faults,
		place: (key) => placeOf(at, key, context),
	});
	if (signer.swap === "reload" && READ_AT_START.includes(signer.type))
		context.faults.add({
			path: [...at, "swap"],
			rule: `must be restart: it reads its keys at its start only (${signer.type})`,
			consequence: "it would go on with the old key",
		});
	return {
		name,
		type: signer.type,
		swap: signer.swap,
		probe: signer.probe,
		services: toServices(services),
		settings: readAdapter(signer, at, context),
	};
}

/** Where a key of a signer's services was set: its own go over those of all. */
function placeOf(at: Path, key: string, { source }: AdapterContext): Path {
	return source.has([...at, "services", key]) ? [...at, "services", key] : ["services", key];
}

/** The units of Debian's packages, where nothing is said of them; null where only who set it up knows. All others have the default. */
const SERVICES = new Map<string, readonly string[] | null>([
	["opendkim", ["postfix", "opendkim"]],
	["rspamd", ["postfix", "rspamd"]],
	["dkimpy", ["postfix", "dkimpy-milter"]],
	["dkimproxy", ["postfix", "dkimproxy"]],
	["exim", ["exim4"]],
	["docker-mailserver", null],
]);

function servicesOf(
	{ type, services }: ConfiguredSigner,
	at: Path,
	{ source, faults }: AdapterContext,
): Partial<Pick<ConfiguredServices, "stop" | "start">> {
	if (source.has(["services", "stop"]) || source.has(["services", "start"])) return {};
	const stop = SERVICES.get(type);
	if (stop === null && services?.stop === undefined)
		faults.add({
			path: [...at, "services", "stop"],
			rule: "is missing: it has no service by default",
			consequence: "another service would be stopped around a switch, and its own go on with the old key",
			hint: "services: { stop: [NAME], start: [NAME] }, by the names of its units or with manager: command",
			on: "key",
		});
	return stop == null ? {} : { stop: [...stop], start: stop.toReversed() };
}

function refuseSameConfiguration(signers: readonly SignerSettings[], { faults }: AdapterContext): void {
	const seen = new Map<unknown, string>();
	for (const { name, settings } of signers) {
		const { key, file } = rewritten(settings);
		const before = seen.get(file);
		if (file === null) continue;
		if (before !== undefined)
			faults.add({
				path: ["signers", name, key],
				rule: `is that of signer ${before} already`,
				consequence: "two signers would rewrite one table",
			});
		seen.set(file, name);
	}
}

/** Their process reads one configuration, the one that its service names. */
const ONE_CONFIGURATION = ["opendkim", "dkimpy"];

/** A second instance has a service of its own, which is not that of the package. */
function refuseSameService(signers: readonly SignerSettings[], { source, faults }: AdapterContext): void {
	// Beside `signers` it is refused already.
	if (source.has(["signer"])) return;
	const seen = new Map<string, SignerSettings>();
	for (const signer of signers.filter(({ type }) => ONE_CONFIGURATION.includes(type))) {
		const service = signer.services.stop.at(-1) ?? "";
		const before = seen.get(service);
		seen.set(service, signer);
		if (before === undefined || rewritten(before.settings).file === rewritten(signer.settings).file) continue;
		const own = `${service}-${signer.name}`;
		faults.add({
			path: ["signers", signer.name],
			rule: `its service ${service} is that of signer ${before.name} already`,
			consequence: "its own process would go on with the old key, and the other be touched in its place",
			hint: `services: { stop: [postfix, ${own}], start: [${own}, postfix] }, by the name of its unit`,
		});
	}
}

/** What a signer's turn changes, by the setting that names it. Beside a table the configuration stays as it is. */
function rewritten(settings: unknown): { readonly key: string; readonly file: unknown } {
	const named = (settings ?? {}) as Readonly<Record<string, unknown>>;
	const key = ["table", "volume"].find((name) => typeof named[name] === "string") ?? "config";
	return { key, file: named[key] ?? null };
}

function toServices({ manager, stop, start, hold, commands }: ConfiguredServices): ServicesSettings {
	return {
		manager,
		stop,
		start,
		holdMs: hold,
		commands: Object.fromEntries(
			Object.entries(commands).map(([name, { reload = [], ...others }]) => [name, { ...others, reload }]),
		),
	};
}
