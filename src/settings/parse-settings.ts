/** Reads keyturn.yaml to the agent's typed settings, or to all of its faults at once. */

import { type AdapterContext, readAdapter, type SettingsSchemas } from "./adapter-settings.ts";
import { checkDomains } from "./check-domains.ts";
import { checkTurn } from "./check-turns.ts";
import type { Path } from "./faults.ts";
import { isTimezone } from "./plain-values.ts";
import { effective, toPolicy, toVerify } from "./policies.ts";
import { type Faulty, type FileReading, namesBelow, readFile } from "./read-file.ts";
import {
	alertShape,
	type Configuration,
	type ConfiguredDomain,
	configuration,
	providerShape,
	signerShape,
} from "./schema.ts";
import type { AlertSettings, ProviderSettings, Settings, SignerSettings } from "./settings.ts";
import { readSigners, signerNames } from "./signer-settings.ts";
import { takeOutUnbuilt, UNBUILT_RULE } from "./unbuilt.ts";
import type { YamlReading } from "./yaml-source.ts";

export interface SettingsContext {
	/** Of the file, for messages. */
	readonly path: string;
	readonly schemas: SettingsSchemas;
	/** All types of each kind, for who has misspelt one, where `schemas` has only those that the file names. */
	readonly known?: Readonly<Record<keyof SettingsSchemas, readonly string[]>>;
	/** Types of provider whose adapters were never tried on the real thing; none if left out. */
	readonly unproven?: readonly string[];
	/** The system's host name; a selector leaves out what follows a dot. */
	readonly host: string;
	/** The system's. */
	readonly timezone: string;
}

export function parseSettings(
	read: YamlReading,
	context: SettingsContext,
): { readonly settings: Settings } | Faulty {
	const file = readFile(read, context.path, configuration, (value, faults) =>
		withoutMapOfDomains(
			takeOutUnbuilt(value, (path) =>
				faults.add({
					path,
					rule: UNBUILT_RULE,
					consequence: "keyturn would go on as if it were not there",
					on: "key",
				}),
			),
		),
	);
	if (!("value" in file)) return file;
	const adapters = readAdapters(file, context);
	if (file.value === null) return { faults: file.faults.all() };
	const settings = assemble(file, file.value, adapters, context);
	const faults = file.faults.all();
	return faults.length > 0 ? { faults } : { settings };
}

/** Both maps that `domains` may be are not built: of any other it is to be told that it has to be a list. */
function withoutMapOfDomains(file: unknown): unknown {
	const { domains } = (file ?? {}) as { readonly domains?: unknown };
	const isMap = typeof domains === "object" && domains !== null && !Array.isArray(domains);
	return isMap ? { ...(file as object), domains: null } : file;
}

type Reading = FileReading<Configuration>;

interface Adapters {
	readonly signers: readonly SignerSettings[];
	readonly providers: readonly ProviderSettings[];
	readonly alerts: readonly AlertSettings[];
}

function readAdapters(file: Reading, { schemas, known, unproven = [] }: SettingsContext): Adapters {
	const { source, faults, raw, value } = file;
	const contextOf = (kind: keyof SettingsSchemas, common: AdapterContext["common"]): AdapterContext => ({
		kind,
		schemas: schemas[kind],
		known: known?.[kind] ?? Object.keys(schemas[kind]),
		common,
		faults,
		source,
	});
	const signers = contextOf("signers", signerShape);
	const providers = contextOf("providers", providerShape);
	const alerts = contextOf("alerts", alertShape);
	const told = Array.isArray(raw["alerts"]) ? (raw["alerts"] as readonly unknown[]) : [];
	const toldSettings = told.map((entry, index) => readAdapter(entry, ["alerts", index], alerts));
	return {
		signers: value === null ? [] : readSigners(value, signers),
		providers: Object.entries(value?.providers ?? {}).map(([name, entry]) => ({
			name,
			type: entry.type,
			isProven: !unproven.includes(entry.type),
			settings: readAdapter(entry, ["providers", name], providers),
		})),
		alerts: (value?.alerts ?? []).map(({ type, on = null, repeat }, index) => ({
			type,
			on,
			repeatMs: repeat,
			settings: toldSettings[index],
		})),
	};
}

function assemble(
	file: Reading,
	value: Configuration,
	adapters: Adapters,
	context: SettingsContext,
): Settings {
	const domains = Array.isArray(value.domains) ? value.domains : [];
	const fullName = context.host.toLowerCase();
	const host = value.host ?? fullName.replace(/\..*$/, "");
	const timezone = readTimezone(file, value, context.timezone);
	const signers = signerNames(file.raw);
	checkNames(file, domains, signers);
	for (const [index, domain] of domains.entries())
		checkTurn({
			domain: domain.name,
			settings: effective(domain, value),
			host,
			signerTypes: [domain.signer ?? signers[0] ?? ""]
				.flat()
				.map((signer) => adapters.signers.find(({ name }) => name === signer)?.type ?? null),
			place: (...paths) => placeOf(file, file.domainAt(index), paths),
			faults: file.faults,
		});
	const policies = domains.map((domain) =>
		toPolicy(domain, value, {
			host,
			timezone,
			onlySigner: signers[0] ?? null,
			swapOf: (signer) => adapters.signers.find(({ name }) => name === signer)?.swap ?? "restart",
		}),
	);
	const expressions = new Set(policies.map((policy) => policy.schedule.expression));
	return {
		path: context.path,
		state: typeof value.state === "string" ? value.state : "",
		host: value.host ?? fullName,
		timezone,
		wake: [...expressions].map((expression) => ({ expression, timezone })),
		policies,
		verify: toVerify(value.verify),
		hooks: hooksOf(value.hooks),
		metrics: value.metrics,
		pagePath: value.status.html,
		...adapters,
	};
}

function hooksOf({ timeout, ...lists }: Configuration["hooks"]): Settings["hooks"] {
	return { ...lists, timeoutMs: timeout };
}

function checkNames(file: Reading, domains: readonly ConfiguredDomain[], signers: readonly string[]): void {
	const named = domains.map(({ name, signer, provider }, index) => ({
		name,
		signer,
		providers: [provider].flat(),
		at: file.domainAt(index),
	}));
	checkDomains(named, { signers, providers: namesBelow(file.raw, "providers"), faults: file.faults });
}

function readTimezone({ faults }: Reading, { timezone }: Configuration, system: string): string {
	const found = timezone ?? system;
	if (timezone === undefined && !isTimezone(system))
		faults.add({
			path: ["timezone"],
			rule: "is missing, and the system has no time zone that can be used",
			hint: "timezone: Europe/Berlin",
			on: "key",
		});
	return found;
}

/** Of these keys the first that is in the file, in the domain before for all; where none is, the domain's. */
function placeOf({ source }: Reading, domain: Path, paths: readonly Path[]): Path {
	const places = paths.flatMap((path) => [[...domain, ...path], path]);
	return places.find((place) => source.has(place)) ?? places[0] ?? domain;
}
