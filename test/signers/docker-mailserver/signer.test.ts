import { createPrivateKey } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { hashOf } from "../../../src/durable.ts";
import { settingsSchema } from "../../../src/signers/docker-mailserver/settings.ts";
import { LEAVES_RSPAMD } from "../../../src/signers/docker-mailserver/inside.ts";
import { createDockerMailserverSigner } from "../../../src/signers/docker-mailserver/signer.ts";
import type { ProgramResult, Programs } from "../../../src/ports/programs.ts";
import type { SignerFile } from "../../../src/ports/signer.ts";
import type { ProbeRequest } from "../../../src/signers/probe-protocol.ts";
import { createSystemPrograms } from "../../../src/system/programs.ts";
import { temporaryDirectory } from "../../system/temporary-directory.ts";
import { createSleepingClock } from "../../fakes/sleeping-clock.ts";
import { DKIM_SIGNING } from "../../fakes/docker-mailserver-files.ts";
import { ED25519_KEY, RSA_KEY } from "../../fakes/found-host.ts";
import { SimDisk } from "../../fakes/sim-disk.ts";
import { createSimProcess } from "../../fakes/sim-process.ts";

const VOLUME = "/srv/dms/config";
const ACCEPTS = "Postfix lets mail out unsigned";

const NO_PROGRAM: Programs["run"] = async () => Promise.reject(new Error("nothing is run here"));

function signerOn(
	sim: SimDisk,
	{ signs = "opendkim", run = NO_PROGRAM }: { signs?: "opendkim" | "rspamd"; run?: Programs["run"] } = {},
) {
	return createDockerMailserverSigner({
		name: "main",
		settings: settingsSchema.parse({ volume: VOLUME, signs }),
		service: "mailserver",
		swap: "restart",
		disk: sim.open({ process: createSimProcess() }),
		programs: { run: NO_PROGRAM },
		outside: { run },
		clock: createSleepingClock(),
		runProbe: async () => Promise.reject(new Error("nothing is probed here")),
	});
}

async function notesWith(postfixMain: string | null): Promise<string> {
	const sim = new SimDisk(() => new Date(0));
	sim.put(
		`${VOLUME}/opendkim/KeyTable`,
		"mail example.com:mail:/etc/opendkim/keys/example.com/mail.private\n",
	);
	sim.put(`${VOLUME}/opendkim/SigningTable`, "*@example.com mail\n");
	if (postfixMain !== null) sim.put(`${VOLUME}/postfix-main.cf`, postfixMain);
	return (await signerOn(sim).read()).notes.join("\n");
}

test.each([
	["nothing", null],
	["something else", "maximal_queue_lifetime = 1d\n#milter_default_action = tempfail\n"],
	["what is overridden", "milter_default_action = tempfail\nmilter_default_action=accept\n"],
])(
	"notes that its Postfix lets mail out unsigned while it is stopped, where postfix-main.cf says %s",
	async (_, text) => {
		expect(await notesWith(text)).toContain(ACCEPTS);
	},
);

test.each(["milter_default_action = tempfail\n", "x = y\n milter_default_action=tempfail \n"])(
	"notes nothing of it where postfix-main.cf says %j",
	async (text) => {
		const notes = await notesWith(text);
		expect(notes).toContain("retire.grace");
		expect(notes).not.toContain(ACCEPTS);
	},
);

/** What its Postfix says of itself, where it runs, and the status of whether rspamd is left running when a key is new. */
function rspamdOn(files: Readonly<Record<string, string>>, action: string | null, leaves = 1) {
	const sim = new SimDisk(() => new Date(0));
	sim.put(`${VOLUME}/rspamd/override.d/dkim_signing.conf`, DKIM_SIGNING);
	sim.put(`${VOLUME}/rspamd/dkim/mail.private`, RSA_KEY);
	for (const [name, text] of Object.entries(files)) sim.put(`${VOLUME}/${name}`, text);
	return signerOn(sim, {
		signs: "rspamd",
		run: async ({ argv }) => {
			if (argv.includes("rspamadm")) return Promise.resolve(SIGNED);
			if (argv.join().includes("change-detection.sh")) return Promise.resolve({ ...SIGNED, status: leaves });
			return Promise.resolve({ ...SIGNED, status: action === null ? 1 : 0, stdout: `${action ?? ""}\n` });
		},
	});
}

const DEFERS = { "postfix-main.cf": "milter_default_action = tempfail\n" };
const TURN = {
	domain: "example.com",
	from: "mail",
	to: { selector: "next", keyPath: `${VOLUME}/rspamd/dkim/n` },
};

describe("rspamd, which its container restarts as soon as anything changes on the volume", () => {
	test.each([
		["the volume lets mail out unsigned", {}, "accept", "put `milter_default_action = tempfail`"],
		["its Postfix does not have it from there yet", DEFERS, "accept", "make the container anew"],
	])("gets no new key as long as %s", async (_, files, action, why) => {
		const signer = rspamdOn(files, action);
		const reading = await signer.read();
		expect(reading.lines).toMatchObject([
			{
				domain: "example.com",
				selector: "mail",
				publicKey: expect.any(String),
				problem: expect.stringContaining(why),
			},
		]);
		expect(reading.notes.join()).toContain(why);
		expect([...(await signer.firstKeyFaults(["new.example"], new Set()))]).toEqual([
			["new.example", expect.stringContaining(why)],
		]);
		expect(await signer.preflight()).toContain(why);
	});

	test.each([
		["the volume says so", {}, null, "put `milter_default_action = tempfail`"],
		["its Postfix does not have it yet", DEFERS, "accept", "make the container anew"],
	])("is staged nothing for, neither a key nor a file, as long as %s", async (_, files, action, why) => {
		const signer = rspamdOn(files, action);
		const reading = await signer.read();
		for (const changes of [[TURN], []]) expect(() => signer.render(reading, changes)).toThrow(why);
	});

	test.each([
		["mail is deferred meanwhile", DEFERS, "tempfail", 1],
		["user-patches.sh has it deferred", {}, "tempfail", 1],
		["it is down", DEFERS, null, 1],
		["it is of before 15.0.1, and looks at scripts alone", {}, "accept", 0],
		["the same, and is to be made anew", DEFERS, "accept", 0],
	])("gets one where %s", async (_, files, action, leaves) => {
		const signer = rspamdOn(files, action, leaves);
		const reading = await signer.read();
		expect(reading.lines).toMatchObject([{ selector: "mail", problem: null }]);
		expect(await signer.firstKeyFaults(["new.example"], new Set())).toEqual(new Map());
		expect(await signer.preflight()).toBeNull();
		expect(signer.render(reading, [TURN])).toHaveLength(1);
	});
});

describe("keys of both algorithms", () => {
	const bare = ED25519_KEY;
	const pem = createPrivateKey({
		key: Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), Buffer.from(bare, "base64")]),
		format: "der",
		type: "pkcs8",
	})
		.export({ format: "pem", type: "pkcs8" })
		.toString();

	test("are no two first keys of a domain, of which one alone would be turned", async () => {
		const both = new Set(["new.example"]);
		const why = expect.stringContaining("one key of a domain is turned");
		const rspamd = rspamdOn(DEFERS, "tempfail");
		expect([...(await rspamd.firstKeyFaults(["new.example", "one.example"], both))]).toEqual([
			["new.example", why],
		]);
	});

	test("are written for rspamd as it reads them, an Ed25519 key bare", () => {
		expect(rspamdOn(DEFERS, "tempfail").keyFile?.(pem)).toBe(`${bare}\n`);
	});

	test("are refused before the switch where OpenDKIM signs, with rsa-sha256 alone", async () => {
		const sim = new SimDisk(() => new Date(0));
		sim.put(`${VOLUME}/opendkim/KeyTable`, "mail example.com:mail:/etc/opendkim/keys/mail\n");
		sim.put(`${VOLUME}/opendkim/SigningTable`, "*@example.com mail\n");
		sim.put(`${VOLUME}/opendkim/keys/mail`, pem);
		const signer = signerOn(sim);
		const key = { domain: "example.com", selector: "mail", record: "" };
		await expect(signer.signOffline(new Map(), [key], await signer.read())).rejects.toMatchObject({
			code: "signer.config",
			message: expect.stringContaining("signs with RSA keys alone") as string,
		});
	});
});

describe("rspamd, which does not ask for each block of its file", () => {
	const PATH = "rspamd/override.d/dkim_signing.conf";
	const inPlace = (text: string, by: string) => ({ ...DEFERS, [PATH]: DKIM_SIGNING.replace(text, by) });

	test.each([
		["its module is off", "enabled = true", "enabled = false", "rspamd signs nothing"],
		["its keys are in Redis", "use_redis = false", "use_redis = true", "use_redis: rspamd takes its keys"],
		["tables count", "use_esld", 'signing_table = "/s";\nuse_esld', "signing_table: rspamd takes its keys"],
	])("has nothing turned, and gets no first key, where %s", async (_, text, by, why) => {
		const signer = rspamdOn(inPlace(text, by), "tempfail");
		expect((await signer.read()).lines).toMatchObject([{ problem: expect.stringContaining(why) as string }]);
		expect([...(await signer.firstKeyFaults(["new.example"], new Set()))]).toEqual([
			["new.example", expect.stringContaining(why)],
		]);
	});

	test("gets no first key for a sub-domain while use_esld is on", async () => {
		const faults = async (files: Readonly<Record<string, string>>) =>
			rspamdOn(files, "tempfail").firstKeyFaults(["news.example.com", "new.example"], new Set());
		expect([...(await faults(DEFERS))]).toEqual([
			["news.example.com", expect.stringContaining("use_esld is on")],
		]);
		expect([...(await faults(inPlace("use_esld = true", "use_esld = false")))]).toEqual([]);
	});
});

test("notes that what custom commands change is dropped once anything in override.d is new", async () => {
	const notes = async (files: Readonly<Record<string, string>>) =>
		(await rspamdOn({ ...DEFERS, ...files }, "tempfail").read()).notes.join();
	expect(await notes({ "rspamd/custom-commands.conf": "set-option-for-module x y z\n" })).toContain(
		"custom-commands.conf",
	);
	expect(await notes({})).not.toContain("custom-commands.conf");
});

const REFUSED: ProgramResult = {
	status: 1,
	signal: null,
	stdout: "IO write error: Connection refused\n",
	stderr: "",
};
const SIGNED: ProgramResult = {
	status: 0,
	signal: null,
	stdout: '{"dkim-signature":"v=1; s=next"}',
	stderr: "",
};

interface Answering {
	readonly signs?: "opendkim" | "rspamd";
	readonly files?: readonly SignerFile[];
	readonly start?: readonly string[];
	/** Whether its mail server greets. */
	readonly greets?: boolean;
}

/** Its signer answers so, one after the other, and from then on with the last. */
function signerThatAnswers(
	answers: readonly ProgramResult[],
	{ signs = "rspamd", files = [], start, greets = true }: Answering = {},
) {
	const asked: ProbeRequest[] = [];
	let ran = 0;
	const signer = createDockerMailserverSigner({
		name: "main",
		settings: settingsSchema.parse({ volume: VOLUME, signs }),
		service: "mailserver",
		...(start === undefined ? {} : { start }),
		swap: "restart",
		disk: new SimDisk(() => new Date(0)).open({ process: createSimProcess() }),
		programs: { run: NO_PROGRAM },
		outside: {
			run: async () => {
				const answer = answers[Math.min(ran, answers.length - 1)] ?? REFUSED;
				ran += 1;
				return Promise.resolve(answer);
			},
		},
		clock: createSleepingClock(),
		runProbe: async (request) => {
			asked.push(request);
			return Promise.resolve({ isUp: greets, reason: greets ? null : "refused", verdicts: [] });
		},
	});
	const line = { domain: "example.com", selector: "next", keyPath: "/k", publicKey: null, problem: null };
	const lines = [{ ...line, entry: "", signs: true }];
	const reading = { lines, files, tableHash: "", owner: ROOT, configuration: [], notes: [] };
	const key = { domain: "example.com", selector: "next", record: "v=DKIM1;p=" };
	return {
		asked,
		ready: async () => signer.ready(30_000, reading),
		probe: async () => signer.probe([key], reading),
		preflight: async () => signer.preflight(),
	};
}

const ROOT = { uid: 0, gid: 0, user: "root" };

test("is up once its signer answers, which may be later than its mail server greets", async () => {
	const { asked, ready, probe } = signerThatAnswers([REFUSED, REFUSED, SIGNED]);
	await ready();
	await probe();
	expect(asked.map(({ kind }) => kind)).toEqual(["smtp", "messages"]);
	const [, request] = asked;
	expect(request?.kind === "messages" ? request.messages[0] : "").toContain("DKIM-Signature: v=1; s=next");
});

test("is not up while its mail server does not greet, whatever its signer answers", async () => {
	const { ready } = signerThatAnswers([SIGNED], { greets: false });
	await expect(ready()).rejects.toMatchObject({
		code: "signer.probe",
		message: "mailserver does not greet: refused",
	});
});

test("gets longer than a service: a container that is made anew sets itself up first", async () => {
	const { asked, ready } = signerThatAnswers([SIGNED]);
	await ready();
	expect(asked).toMatchObject([{ kind: "smtp", timeoutMs: 270_000 }]);
});

test.each([
	["mail example.com:mail:/k\n", "started again, and copies only when it is made"],
	["x example.com:mail:/k\nx example.com:next:/k\n", "started again"],
	["x example.com:next:/k\n", null],
	["# by user-patches.sh\nother other.example:a:/a\nx  example.com:next:/k\n", null],
	["", "started again"],
])("is not up with other keys in its table than in the volume's: %j", async (stdout, why) => {
	const bytes = Buffer.from("x example.com:next:/k\n");
	const { ready } = signerThatAnswers([{ ...SIGNED, stdout }], {
		signs: "opendkim",
		files: [{ path: "/v/opendkim/KeyTable", bytes, hash: hashOf(bytes) }],
	});
	if (why === null) await ready();
	else await expect(ready()).rejects.toThrow(why);
});

test("says what its signer answers once it was waited for long enough, or at once where it is only asked", async () => {
	const { asked, ready, probe } = signerThatAnswers([REFUSED]);
	const said = {
		code: "signer.probe",
		message: expect.stringContaining("exit status 1, saying: IO write error: Connection refused") as string,
	};
	await expect(ready()).rejects.toMatchObject(said);
	await expect(probe()).rejects.toMatchObject(said);
	expect(asked.map(({ kind }) => kind)).toEqual(["smtp"]);
});

test("what its container says against the configuration holds a switch, and so does one that does not run", async () => {
	expect(await signerThatAnswers([SIGNED], { signs: "opendkim" }).preflight()).toBeNull();
	expect(await signerThatAnswers([REFUSED]).preflight()).toBe(
		"rspamadm configtest -q in the container: IO write error: Connection refused (exit status 1)",
	);
});

test.each([
	["/usr/bin/docker start mailserver", "/usr/bin/docker start does not make the container anew"],
	["/usr/bin/docker compose -f /srv/dms/compose.yaml restart mail", "does not make the container anew"],
	["/usr/local/sbin/again mailserver", null],
])("a start that leaves it with its old files holds a switch: %s", async (start, why) => {
	const preflight = await signerThatAnswers([SIGNED], {
		signs: "opendkim",
		start: start.split(" "),
	}).preflight();
	if (why === null) expect(preflight).toBeNull();
	else expect(preflight).toContain(why);
});

test("before 14 every start copies them", async () => {
	const { preflight } = signerThatAnswers([SIGNED, NOT_FOUND], {
		signs: "opendkim",
		start: ["/usr/bin/docker", "start", "x"],
	});
	expect(await preflight()).toBeNull();
});

const NOT_FOUND: ProgramResult = { status: 1, signal: null, stdout: "", stderr: "" };

test("refuses a key that belongs to another than the keys in use: nobody in the container could read it", async () => {
	const sim = new SimDisk(() => new Date(0));
	sim.put(`${VOLUME}/opendkim/KeyTable`, "mail example.com:mail:/etc/opendkim/keys/mail.private\n");
	sim.put(`${VOLUME}/opendkim/SigningTable`, "*@example.com mail\n");
	const at = (name: string) => `${VOLUME}/opendkim/keys/${name}.private`;
	sim.put(at("mail"), "", 0o600, { uid: 107, gid: 107 });
	sim.put(at("next"), "", 0o600, { uid: 107, gid: 107 });
	sim.put(at("roots"), "", 0o600, { uid: 0, gid: 0 });
	const signer = signerOn(sim);
	const reading = await signer.read();
	expect(await signer.unsafe(at("next"), reading)).toBeNull();
	expect(await signer.unsafe(at("roots"), reading)).toContain("belongs to uid 0, expected 107");
	expect(await signer.unsafe(at("absent"), reading)).toContain("is absent");
});

test.each([
	["its table", "opendkim/KeyTable", "/etc/shadow"],
	["the directory of its keys", "opendkim/keys", "/etc/cron.d"],
	["all of its signer's files", "opendkim", "/root/opendkim"],
])(
	"a link that leads %s out of the volume is not followed: the container may have put it there",
	async (_, link, to) => {
		const sim = new SimDisk(() => new Date(0));
		sim.put("/etc/shadow", "root:secret\n", 0o600);
		sim.putDirectory("/etc/cron.d");
		sim.put("/root/opendkim/KeyTable", "");
		sim.putDirectory(VOLUME);
		for (const [name, text] of [
			["KeyTable", "mail example.com:mail:/etc/opendkim/keys/example.com/mail.private\n"],
			["SigningTable", "*@example.com mail\n"],
		] as const)
			if (link !== "opendkim" && link !== `opendkim/${name}`) sim.put(`${VOLUME}/opendkim/${name}`, text);
		sim.putSymlink(`${VOLUME}/${link}`, to);
		await expect(signerOn(sim).read()).rejects.toMatchObject({
			code: "signer.config",
			message: expect.stringContaining("expected a place in the volume, got a link to /") as string,
		});
	},
);

test("the volume itself may be named by a link, and links within it lead where the container sees them", async () => {
	const sim = new SimDisk(() => new Date(0));
	sim.put(
		"/data/dms/opendkim/KeyTable.2026",
		"mail example.com:mail:/etc/opendkim/keys/example.com/mail.private\n",
	);
	sim.putSymlink("/data/dms/opendkim/KeyTable", "/data/dms/opendkim/KeyTable.2026");
	sim.put("/data/dms/opendkim/SigningTable", "*@example.com mail\n");
	sim.putSymlink(VOLUME, "/data/dms");
	expect((await signerOn(sim).read()).lines).toMatchObject([{ domain: "example.com", selector: "mail" }]);
});

describe("the container's own change-detection.sh", () => {
	const FIND = 'STAGING < <(find "${RSPAMD_DMS_D}" -type f -print0)';
	test.each([
		["15.0.1", `  readarray -d '' ${FIND}\n`, 1],
		["13", `  readarray -d '' ${FIND.replace("-print0", '-name "*.sh" -print0')}\n`, 0],
		["12", "sha512sum x\n", 0],
		["nothing that could be read", null, 1],
		["an empty file", "", 1],
	])("says what leaves rspamd running: %s", async (_, text, status) => {
		const path = join(await temporaryDirectory(), "change-detection.sh");
		if (text !== null) await writeFile(path, text);
		const [shell, ...words] = LEAVES_RSPAMD;
		const argv = [
			`/bin/${shell}`,
			...words.map((word) => word.replace(/\/usr\S*detection[.]sh/, path)),
		] as const;
		const ran = createSystemPrograms().run({ argv, timeoutMs: 20_000 }, new AbortController().signal);
		expect(await ran).toMatchObject({ status });
	});
});
