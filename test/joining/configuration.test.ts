import { expect, test } from "vitest";
import { KeyturnError } from "../../src/errors.ts";
import { createConfiguration } from "../../src/joining/configuration.ts";
import { SimDisk } from "../fakes/sim-disk.ts";
import { createSimProcess } from "../fakes/sim-process.ts";

const PATH = "/etc/keyturn/keyturn.yaml";

/** Why a configuration is not read, with `fault` as the errno of its reading. */
async function refused(text: string | null, fault: string | null = null): Promise<KeyturnError> {
	const disk = new SimDisk(() => new Date("2026-11-27T00:00:00Z"));
	if (text !== null) disk.put(PATH, text);
	else disk.put(`${PATH}/inner`, "");
	const view = disk.open({
		process: createSimProcess(),
		fault: (call, path) => (call === "read" && path === PATH ? fault : null),
	});
	const read = createConfiguration(view, "/opt/keyturn").read(PATH);
	const thrown = await read.then(
		() => null,
		(error: unknown) => error,
	);
	if (!(thrown instanceof KeyturnError)) throw new Error("expected a refusal");
	return thrown;
}

test("a misspelt type of signer, provider or alert is told with the one that was meant", async () => {
	const { code, message } = await refused(
		[
			"signer: { type: opendkin, keys: /k }",
			"providers: { home: { type: acmesch } }",
			"domains: [{ name: example.com, provider: home }]",
			"alerts: [{ type: webhok }, { type: sms }]",
		].join("\n"),
	);
	const words = message.replaceAll(/\s+/g, " ");
	expect(code).toBe("config.invalid");
	expect(words).toContain('is no type of signer, got "opendkin" (did you mean `opendkim`?)');
	expect(words).toContain('is no type of provider, got "acmesch" (did you mean `acmesh`?)');
	expect(words).toContain("did you mean `webhook`?");
	expect(words).toContain('got "sms" (known here: webhook, email, command, heartbeat)');
});

test.each([
	[null, null, /keyturn\.yaml: expected the configuration: it is a directory$/],
	["signer: {}", "EACCES", /keyturn\.yaml: expected the configuration: .*EACCES/],
	["signer: {}", "EIO", /keyturn\.yaml: expected the configuration: .*EIO/],
])("one that cannot be read is a fault of the configuration, and no other", async (text, fault, words) => {
	const { code, message, hint } = await refused(text, fault);
	expect({ code, hint: typeof hint }).toEqual({ code: "config.unreadable", hint: "string" });
	expect(message).toMatch(words);
});
