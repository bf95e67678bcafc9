/** Writes zones at INWX, DomRobot JSON-RPC (www.inwx.com/en/help/apidoc; github.com/inwx/python-client is its maker's client). */

import * as z from "zod";
import { asKeyturnError, KeyturnError } from "../../src/errors.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { DnsProvider } from "../../src/ports/dns-provider.ts";
import { type AdapterOptions, commonOf } from "../../src/publishing/api/adapter.ts";
import { type ApiAnswer, createApi, type Verdict } from "../../src/publishing/api/client.ts";
import { plainName } from "../../src/publishing/api/names.ts";
import {
	createRecordProvider,
	type RecordCalls,
	type WantedRecord,
} from "../../src/publishing/api/record-api.ts";
import { createSession, ENDED } from "../../src/publishing/api/session.ts";
import { type ApiZone, createZoneSearch } from "../../src/publishing/api/zones.ts";
import { about, type InwxSettings } from "./settings.ts";
import { TOTP_STEP_MS, totpCode } from "./totp.ts";

const BASE = "https://api.domrobot.com";
const PATH = "/jsonrpc/";
/** The documentation names no limit of a value. */
const LIMITS = { valueOctets: 4_000, minTtlSeconds: 300, batch: 20 } as const;
const GAP_MS = 200;

/** Of an answer (www.inwx.com/en/help/apidoc, chapter Result Codes); all come with the status 200. */
const CODES = {
	ok: [1000, 1001],
	denied: [2200, 2201, 2501],
	gone: [2303],
	limited: [2502],
	failed: [2400, 2500],
};
/** Of a call without a session, as the documentation names it: one that comes after the login cannot mean the password by it. */
const NO_SESSION = 2200;
/** And as it is told (github.com/inwx/nodejs-client, issue 28); of a session that has just begun it is a refusal like others. */
const COMMAND_USE = 2002;

const envelope = z.object({ code: z.number(), msg: z.string(), reason: z.unknown().optional() });
const login = z.object({ resData: z.object({ tfa: z.string().optional() }) });
const info = z.object({
	resData: z.object({
		domain: z.string(),
		type: z.string().optional(),
		record: z
			.array(
				z.object({
					id: z.union([z.number(), z.string()]),
					name: z.string(),
					type: z.string(),
					content: z.string(),
				}),
			)
			.default([]),
	}),
});

type Params = Readonly<Record<string, string | number>>;

/** One method, with the session that is held. */
type Call = <Result>(
	method: string,
	params: Params,
	read: (content: unknown) => Result,
	signal: AbortSignal,
	absent?: Result,
) => Promise<Result>;

export function createProvider(options: AdapterOptions<InwxSettings>): DnsProvider {
	const { name, settings } = options;
	const call = connect(options);
	return createRecordProvider({
		name,
		account: `inwx ${settings.user}`,
		limits: LIMITS,
		zones: createZoneSearch(name, { named: async (zone, signal) => zonesNamed(call, zone, signal) }),
		calls: callsOf(call),
	});
}

function connect(options: AdapterOptions<InwxSettings>): Call {
	const { name, settings, secrets, clock } = options;
	const secret = async () => [
		await secrets.read(settings.password),
		...(settings.totp === undefined ? [] : [await secrets.read(settings.totp)]),
	];
	const api = createApi({
		...commonOf(options, about),
		base: BASE,
		authorize: async () => ({ headers: {}, secrets: await secret() }),
		gapMs: GAP_MS,
		judge,
		explain: (content) => sayFailure(envelope.parse(content)),
	});
	const codes = oneTimeCodes(clock);

	async function begin(signal: AbortSignal): Promise<string> {
		const [pass = "", totp] = await secret();
		const body = { method: "account.login", params: { user: settings.user, pass, lang: "en" } };
		const read = (content: unknown, answer: ApiAnswer) => ({
			isLocked: (login.parse(content).resData.tfa ?? "0") !== "0",
			cookie: cookieOf(answer),
		});
		const begun = await api.call({ method: "POST", path: PATH, body, read }, signal);
		if (!begun.isLocked) return begun.cookie;
		if (totp === undefined) throw noSecondFactor(name);
		await unlock(begun.cookie, totp, signal).catch(async (thrown: unknown) => {
			if (asKeyturnError(thrown).code !== "provider.denied") throw thrown;
			// Another keyturn, or a person, may have used this code just before: the next one is nobody's yet.
			await unlock(begun.cookie, totp, signal);
		});
		return begun.cookie;
	}

	async function unlock(cookie: string, totp: string, signal: AbortSignal): Promise<void> {
		const body = { method: "account.unlock", params: { tan: await codes(totp, signal) } };
		await api.call({ method: "POST", path: PATH, headers: { cookie }, body, read: readDone }, signal);
	}

	const session = createSession({ provider: name, clock }, begin);
	return async (method, params, read, signal, absent) =>
		session.use(async (cookie, isNew) => {
			const isEnded = (answer: ApiAnswer) =>
				[NO_SESSION, ...(isNew ? [] : [COMMAND_USE])].some((code) => code === codeOf(answer));
			return api.call(
				{
					method: "POST",
					path: PATH,
					headers: { cookie },
					body: { method, params },
					secrets: [cookie.slice("domrobot=".length)],
					judge: (answer) => (isEnded(answer) ? { kind: "answered", why: null } : null),
					read: (content, answer) => (isEnded(answer) ? ENDED : read(content)),
					...(absent === undefined ? {} : { absent }),
				},
				signal,
			);
		}, signal);
}

function noSecondFactor(provider: string): KeyturnError {
	return new KeyturnError(
		"provider.denied",
		`${provider}: the account has a second factor, and \`totp\` is not set`,
		{
			hint: "give a sub-account without a second factor, or the secret of this one's as `totp`",
		},
	);
}

/** Each is good for one login only. */
function oneTimeCodes(clock: Clock): (secret: string, signal: AbortSignal) => Promise<string> {
	let last: string | null = null;
	return async (secret, signal) => {
		const now = clock.now();
		if (totpCode(secret, now) === last)
			await clock.sleep(TOTP_STEP_MS - (now.getTime() % TOTP_STEP_MS), signal);
		last = totpCode(secret, clock.now());
		return last;
	};
}

/** `domrobot=…; Path=/; HttpOnly` becomes `domrobot=…`. */
function cookieOf({ headers }: ApiAnswer): string {
	return z.string().parse(/\bdomrobot=[^;,\s]+/.exec(headers["set-cookie"] ?? "")?.[0]);
}

/** Every answer has the status 200. */
function judge(answer: ApiAnswer): Verdict | null {
	const code = answer.status === 200 ? codeOf(answer) : undefined;
	if (code === undefined || CODES.ok.includes(code)) return null;
	const why = sayFailure(envelope.parse(answer.content));
	const kinds = ["denied", "gone", "limited", "failed"] as const;
	return { kind: kinds.find((kind) => CODES[kind].includes(code)) ?? "refused", why };
}

/** The message is that of the code; what was wrong is the reason (github.com/DNSControl/dnscontrol, issue 848). */
function sayFailure({ code, msg, reason }: z.infer<typeof envelope>): string {
	return typeof reason === "string" && reason !== "" ? `${msg}: ${reason} (${code})` : `${msg} (${code})`;
}

function codeOf({ content }: ApiAnswer): number | undefined {
	return envelope.safeParse(content).data?.code;
}

async function zonesNamed(call: Call, name: string, signal: AbortSignal): Promise<readonly ApiZone[]> {
	const read = (content: unknown): readonly ApiZone[] => {
		const { domain, type } = info.parse(content).resData;
		const zone = plainName(domain);
		return [{ id: zone, name: zone, ...(type === "SLAVE" ? { copy: type } : {}) }];
	};
	return call("nameserver.info", { domain: name, type: "SOA" }, read, signal, []);
}

function callsOf(call: Call): RecordCalls<ApiZone> {
	return {
		async records(zone, name, signal) {
			const params = { domain: zone.id, name, type: "TXT" };
			const { resData } = await call("nameserver.info", params, (content) => info.parse(content), signal);
			return resData.record
				.filter((one) => one.type === "TXT" && plainName(one.name) === name)
				.map(({ id, content }) => ({ id: String(id), value: content }));
		},
		async create(zone, wanted, signal) {
			const params = { domain: zone.id, ...fieldsOf(wanted) };
			await call("nameserver.createRecord", params, readDone, signal);
		},
		async update(_, { id }, wanted, signal) {
			const params = { id: Number(id), ...fieldsOf(wanted) };
			await call("nameserver.updateRecord", params, readDone, signal);
		},
		async remove(_, __, { id }, signal) {
			await call("nameserver.deleteRecord", { id: Number(id) }, readDone, signal, null);
		},
	};
}

/** Its refusals are known before. */
function readDone(content: unknown): null {
	envelope.parse(content);
	return null;
}

function fieldsOf({ name, value, ttlSeconds }: WantedRecord): Params {
	return { type: "TXT", name, content: value, ttl: ttlSeconds };
}
