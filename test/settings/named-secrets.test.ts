import { expect, test } from "vitest";
import { credentialsIn, secretsIn } from "../../src/settings/named-secrets.ts";
import type { Settings } from "../../src/settings/settings.ts";

test("finds the secrets of an adapter's settings at any depth", () => {
	const settings = {
		server: "127.0.0.1:53",
		token: { credential: "cf" },
		env: { KEY: { env: "KEY" }, PLACE: "here" },
		list: [{ file: "/etc/keyturn/token" }],
		none: null,
		ttl: 60,
	};
	expect(secretsIn(settings)).toEqual([{ credential: "cf" }, { env: "KEY" }, { file: "/etc/keyturn/token" }]);
});

test.each([null, "credential", 7, { credential: 7 }, { credential: "../x" }, { credential: "a", b: "c" }])(
	"finds none in %j",
	(settings) => {
		expect(secretsIn(settings)).toEqual([]);
	},
);

test("names each credential of providers and alerts once", () => {
	const settings = {
		providers: [
			{ name: "a", type: "x", settings: { token: { credential: "cf" } } },
			{ name: "b", type: "x", settings: { token: { credential: "cf" }, other: { file: "/f" } } },
		],
		alerts: [{ type: "webhook", on: null, repeatMs: 1, settings: { url: { credential: "hook" } } }],
	} as unknown as Settings;
	expect(credentialsIn(settings)).toEqual(["cf", "hook"]);
});
