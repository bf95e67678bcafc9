// @ts-check
/** A provider of one's own, for the interface of an imaginary DNS host: copy it, and put your host's calls in place of these. */

import {
	bearerOf,
	createApi,
	createRecordProvider,
	createZoneSearch,
	plainName,
	removeAt,
	secretReference,
	z,
} from "keyturn/provider";

/** What stands beside `type` in keyturn.yaml. */
export const settingsSchema = z.strictObject({
	url: z.string().regex(/^https?:\/\/[^/]+$/).describe("Where the interface is, without a path."),
	token: secretReference.describe("A token that may write the zones of key records."),
});

/** Told with every refusal of the credential. */
const permission = "the token needs the right to write records of this zone";
const zone = z.object({ name: z.string().transform(plainName), id: z.string() });
const record = z.object({ id: z.string(), value: z.string() });

/** @param {import("keyturn/provider").AdapterOptions<z.infer<typeof settingsSchema>>} options */
export function createProvider(options) {
	const { name, settings } = options;
	const about = { title: "My host", evidence: /** @type {const} */ ("documented"), permission, credential: "", remarks: [] };
	const api = createApi({ ...bearerOf(options, about), base: settings.url, gapMs: 0 });
	return createRecordProvider({
		name,
		account: `my-host ${settings.url}`,
		limits: { valueOctets: 2048, minTtlSeconds: 60, batch: 10 },
		zones: createZoneSearch(name, {
			all: async (signal) => api.call({ method: "GET", path: "/zones", read: (all) => z.array(zone).parse(all) }, signal),
		}),
		calls: {
			records: async (zone, at, signal) => {
				const path = `/zones/${encodeURIComponent(zone.id)}/records`;
				return api.call({ method: "GET", path, query: { name: at }, read: (all) => z.array(record).parse(all) }, signal);
			},
			create: async (zone, { name: at, value, ttlSeconds }, signal) => {
				const path = `/zones/${encodeURIComponent(zone.id)}/records`;
				const body = { name: at, type: "TXT", value, ttl: ttlSeconds };
				await api.call({ method: "POST", path, body, read: (made) => record.parse(made) }, signal);
			},
			remove: async (zone, _, { id }, signal) =>
				removeAt(api, `/zones/${encodeURIComponent(zone.id)}/records/${encodeURIComponent(id)}`, signal),
		},
	});
}
