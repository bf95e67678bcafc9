import { describe, expect, test } from "vitest";
import type { ProgramResult } from "../../../src/ports/programs.ts";
import { settingsSchema } from "../../../src/signers/docker-mailserver/settings.ts";
import { createDockerMailserverSigner } from "../../../src/signers/docker-mailserver/signer.ts";
import { SimDisk } from "../../fakes/sim-disk.ts";
import { createSimProcess } from "../../fakes/sim-process.ts";
import { createSleepingClock } from "../../fakes/sleeping-clock.ts";

const BEFORE_UP = "/usr/bin/docker compose --project-directory /srv/dms -p dms -f /srv/dms/compose.yaml";
const START = `${BEFORE_UP} up -d --force-recreate --no-deps --pull never mail`;
const INSPECT = "/usr/bin/docker container inspect mailserver";
const CONFIG = `${BEFORE_UP} config --format json mail`;
const IMAGE = "/usr/bin/docker image inspect --format {{.Id}}";
const OURS = "ghcr.io/docker-mailserver/docker-mailserver:15.1";

const LABELS = { "com.docker.compose.project": "dms", "com.docker.compose.service": "mail" };
const MADE = {
	Image: "sha256:3f0c",
	Config: { Image: "dms-mail", Labels: LABELS },
	Mounts: [
		{ Type: "bind", Source: "/srv/dms/config", Destination: "/tmp/docker-mailserver", RW: true },
		{
			Type: "volume",
			Name: "dms_mail",
			Source: "/var/lib/docker/volumes/dms_mail/_data",
			Destination: "/var/mail",
		},
		{ Type: "volume", Name: "9f0c", Source: "/var/lib/docker/volumes/9f0c/_data", Destination: "/var/cache" },
		{ Type: "bind", Source: "/srv/dms/relay", Destination: "/run/secrets/relay" },
		{ Type: "tmpfs", Source: "", Destination: "/run/scratch" },
	],
};
const MAIL = { type: "volume", source: "mail", target: "/var/mail", volume: {} };
const CONFIGURED = configured({});

/** As compose's `config` prints it, with its volume at `config`. */
function configured({ config = "/srv/dms/config", mail = MAIL as object | null, more = [] as object[] }) {
	const bind = { type: "bind", source: config, target: "/tmp/docker-mailserver/", bind: {} };
	const volumes = [bind, ...(mail === null ? [] : [mail]), { type: "volume", target: "/var/cache" }, ...more];
	return {
		name: "dms",
		services: { mail: { image: OURS, volumes, secrets: [{ source: "relay" }] } },
		volumes: { mail: { name: "dms_mail" } },
	};
}

const BUILT = { ...CONFIGURED, services: { mail: { ...CONFIGURED.services.mail, image: undefined } } };

/** What Docker prints, by its words; a sentence where it fails. */
type Docker = Readonly<Record<string, ProgramResult>>;

const WELL: Docker = {
	[INSPECT]: printed([MADE]),
	[CONFIG]: printed(CONFIGURED),
	[`${IMAGE} ${OURS}`]: identified("sha256:3f0c"),
	[`${IMAGE} dms-mail`]: identified("sha256:3f0c"),
};

function printed(value: unknown): ProgramResult {
	return { status: 0, signal: null, stdout: `${JSON.stringify(value)}\n`, stderr: "" };
}

function identified(id: string): ProgramResult {
	return { status: 0, signal: null, stdout: `${id}\n`, stderr: "" };
}

function failed(stderr: string): ProgramResult {
	return { status: 1, signal: null, stdout: "", stderr };
}

/** Before the container is stopped. */
async function preflight(docker: Docker, start = START): Promise<string | null> {
	const signer = createDockerMailserverSigner({
		name: "main",
		settings: settingsSchema.parse({ volume: "/srv/dms/config" }),
		service: "mailserver",
		start: start.split(" "),
		swap: "restart",
		disk: new SimDisk(() => new Date(0)).open({ process: createSimProcess() }),
		programs: {
			run: async ({ argv }) =>
				Promise.resolve(docker[argv.join(" ")] ?? failed(`no words: ${argv.join(" ")}`)),
		},
		outside: { run: async () => Promise.resolve(printed(null)) },
		clock: createSleepingClock(),
		runProbe: async () => Promise.reject(new Error("nothing is probed here")),
	});
	return signer.preflight();
}

describe("a container that compose makes anew", () => {
	test.each([
		["its file", START, WELL],
		["the image that it builds", START, { ...WELL, [CONFIG]: printed(BUILT) }],
		["nothing of compose's", "/usr/local/sbin/again mailserver", {}],
	])("is stopped where all is there: %s", async (_, start, docker) => {
		expect(await preflight(docker, start)).toBeNull();
	});

	test.each([
		[
			"a file that compose cannot read",
			{ [CONFIG]: failed("warning: x\nopen /home/dms/compose.yaml: no such file or directory\n") },
			"open /home/dms/compose.yaml: no such file or directory",
		],
		[
			"no compose",
			{ [CONFIG]: failed("docker: 'compose' is not a docker command.") },
			"not a docker command",
		],
		["something else than its configuration", { [CONFIG]: printed([]) }, "expected its service mail"],
		[
			"an image that is gone",
			{ [`${IMAGE} ${OURS}`]: failed(`Error: No such image: ${OURS}`) },
			`No such image: ${OURS}`,
		],
		[
			"a container of another name",
			{ [INSPECT]: failed("No such container: mailserver") },
			"No such container",
		],
		[
			"a container that compose did not make",
			{ [INSPECT]: printed([{ Config: { Image: OURS, Labels: null } }]) },
			"was not made by compose",
		],
		[
			"another project than the container's",
			{ [CONFIG]: printed({ ...CONFIGURED, name: "mail" }) },
			"is of the project dms",
		],
	])("is not stopped with %s", async (_, docker, why) => {
		expect(await preflight({ ...WELL, ...docker })).toContain(why);
	});

	test.each([
		[
			"another directory",
			{ config: "/docker-data/config" },
			"/tmp/docker-mailserver: /srv/dms/config, then /docker-data/config",
		],
		[
			"a directory where it has a volume",
			{ mail: { ...MAIL, type: "bind", source: "/dms_mail" } },
			"/var/mail: dms_mail, then /dms_mail",
		],
		["another volume", { mail: { ...MAIL, source: "other" } }, "/var/mail: dms_mail, then other"],
		[
			"a directory more",
			{ more: [{ type: "bind", source: "/srv/dms/state", target: "/var/mail-state" }] },
			"/var/mail-state: nothing, then /srv/dms/state",
		],
	])("is not stopped where it would come to have %s", async (_, given, why) => {
		expect(await preflight({ ...WELL, [CONFIG]: printed(configured(given)) })).toContain(why);
	});

	test("is not stopped where its image has been pulled anew: that would be an update", async () => {
		const pulled = { ...WELL, [`${IMAGE} ${OURS}`]: identified("sha256:8b21") };
		expect(await preflight(pulled)).toBe(
			`made anew it would be another image than now (${OURS}): a turn is no update, so make it anew once by hand (docs/signers.md, docker-mailserver)`,
		);
	});

	test("is stopped where Docker names the same image otherwise, or the container names none", async () => {
		expect(await preflight({ ...WELL, [`${IMAGE} ${OURS}`]: identified("3f0c") })).toBeNull();
		expect(await preflight({ ...WELL, [INSPECT]: printed([{ ...MADE, Image: undefined }]) })).toBeNull();
	});

	test("is not stopped where it would lose a directory", async () => {
		const without = { ...CONFIGURED, services: { mail: { image: OURS, secrets: [{ source: "relay" }] } } };
		expect(await preflight({ ...WELL, [CONFIG]: printed(without) })).toContain(
			"/tmp/docker-mailserver: /srv/dms/config, then nothing",
		);
	});
});
