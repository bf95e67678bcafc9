/** Finds docker-mailservers among the containers of this host: their volumes, which of the two signs, and how each is made anew. */

import * as z from "zod";
import { asKeyturnError, KeyturnError } from "../../errors.ts";
import type { FoundSigner } from "../../ports/found-signer.ts";
import { jsonIn } from "../docker-mailserver/inside.ts";
import { settingsSchema } from "../docker-mailserver/settings.ts";
import type { SignerTools } from "../registry.ts";
import { asFound, type DiscoveryTools, firstThere, lookAt, type Proposal } from "./proposal.ts";
import { type Runner, runnerOf } from "./container-runner.ts";

/** Whoever may not ask Docker, or finds it stopped, is told so. */
export async function findDockerMailservers(tools: DiscoveryTools): Promise<readonly FoundSigner[]> {
	const program = await firstThere(tools, PROGRAMS);
	if (program === null) return [];
	try {
		const found: FoundSigner[] = [];
		for (const container of await containers(tools, program))
			found.push(await lookInto(tools, program, container));
		return found;
	} catch (thrown) {
		return [
			{
				...asFound(proposalOf("mailserver", UNKNOWN)),
				problems: [asKeyturnError(thrown).message],
			},
		];
	}
}

const PROGRAMS = ["/usr/bin/docker", "/usr/local/bin/docker", "/usr/bin/podman"];
const ANSWER_MS = 20_000;
const NEVER = new AbortController().signal;
const INSIDE = "/tmp/docker-mailserver";
const SMTP = "25/tcp";
const UNKNOWN: Runner = { service: "mailserver", commands: null, problems: [] };

/** What is used of `docker inspect`, which has more. */
const CONTAINER = z.object({
	Name: z.string().transform((name) => name.replace(/^\//, "")),
	Config: z.object({
		Image: z.string(),
		Env: z.array(z.string()).nullish(),
		Labels: z.record(z.string(), z.string()).nullish(),
	}),
	Mounts: z.array(z.object({ Source: z.string().optional(), Destination: z.string() })).nullish(),
	HostConfig: z.object({
		PortBindings: z
			.record(
				z.string(),
				z.array(z.object({ HostIp: z.string().optional(), HostPort: z.string() })).nullish(),
			)
			.nullish(),
	}),
});

type Container = z.infer<typeof CONTAINER>;

const OURS = /docker-mailserver/;
/** An image that has no name of its own any more, since another got it (a later pull). */
const NAMELESS = /^(?:sha256:)?[0-9a-f]+$/;

/** By the name of the image that they were made of, running or not. */
async function containers(tools: SignerTools, program: string): Promise<readonly Container[]> {
	const listed = await ask(tools, [program, "ps", "-a", "--format", "{{.ID}} {{.Image}}"]);
	const ids = [...listed.matchAll(/^([0-9a-f]+) (\S+)$/gm)].flatMap(([, id = "", image = ""]) =>
		OURS.test(image) || NAMELESS.test(image) ? [id] : [],
	);
	if (ids.length === 0) return [];
	const told = z.array(CONTAINER).safeParse(jsonIn(await ask(tools, [program, "inspect", ...ids])));
	if (told.success) return told.data.filter(({ Config: { Image: image } }) => OURS.test(image));
	throw new KeyturnError("signer.config", `${program} inspect: expected containers, got something else`);
}

async function ask({ programs }: SignerTools, argv: readonly [string, ...string[]]): Promise<string> {
	const result = await programs.run({ argv, timeoutMs: ANSWER_MS }, NEVER);
	if (result.status === 0) return result.stdout;
	throw new KeyturnError(
		"signer.config",
		`${argv.slice(0, 2).join(" ")}: exit status ${result.status}, saying: ${result.stderr.trim().slice(0, 200)}`,
	);
}

function proposalOf(name: string, { service, commands }: Runner): Proposal {
	return {
		type: "docker-mailserver",
		service,
		config: name,
		settings: {},
		keysFollow: false,
		swap: {
			recommended: "restart",
			why: `${name} reads its keys when it is made`,
			isOnly: true,
		},
		isBehindMailServer: false,
		...(commands === null ? {} : { commands }),
	};
}

async function lookInto(tools: DiscoveryTools, program: string, container: Container): Promise<FoundSigner> {
	const { Name: name, Mounts: mounts } = container;
	const runner = await runnerOf(tools, program, { name, labels: container.Config.Labels ?? {} });
	if (typeof runner === "string")
		return { ...asFound(proposalOf(name, { ...UNKNOWN, service: name })), problems: [runner] };
	const about = proposalOf(name, runner);
	const volume = mounts?.find(({ Destination: inside }) => inside.replace(/\/$/, "") === INSIDE)?.Source;
	if (volume === undefined)
		return {
			...asFound(about),
			problems: [`${name} has no volume at ${INSIDE}: its keys would be gone with the container`],
		};
	const signs = await signerIn(tools, container, volume);
	const exec = [program, "exec", "-i", name];
	const smtp = greetsAt(container);
	const settings = {
		volume,
		...(signs === "opendkim" ? {} : { signs }),
		...(isDefault(exec) ? {} : { exec }),
		...(smtp === null ? {} : { smtp }),
	};
	const config = `${volume}/${FILES[signs]}`;
	const found = await lookAt(tools, { ...about, config, settings });
	const problems = [...found.problems, ...runner.problems];
	return { ...found, problems, steps: [`${EDIT}    # [Service] ReadWritePaths=${volume}`] };
}

const FILES = { opendkim: "opendkim/KeyTable", rspamd: "rspamd/override.d/dkim_signing.conf" } as const;
const EDIT = "  systemctl edit keyturn-apply@.service keyturn-recover.service";

/** With both switched on, the one that has keys on the volume. */
async function signerIn(
	tools: SignerTools,
	{ Config: { Env: env } }: Container,
	volume: string,
): Promise<"opendkim" | "rspamd"> {
	const isOn = (name: string, byDefault: string) =>
		(env?.findLast((one) => one.startsWith(`${name}=`))?.slice(name.length + 1) ?? byDefault) === "1";
	if (!isOn("ENABLE_RSPAMD", "0")) return "opendkim";
	if (!isOn("ENABLE_OPENDKIM", "1")) return "rspamd";
	return (await firstThere(tools, [`${volume}/${FILES.rspamd}`])) === null ? "opendkim" : "rspamd";
}

function isDefault(exec: readonly string[]): boolean {
	const { exec: byDefault } = settingsSchema.parse({ volume: "/x" });
	return JSON.stringify(byDefault) === JSON.stringify(exec);
}

/** Where this host reaches its port 25; null at the default, or where it is not published. */
function greetsAt({ HostConfig: { PortBindings: bindings } }: Container): string | null {
	const { HostIp: address = "", HostPort: port } = bindings?.[SMTP]?.[0] ?? { HostPort: "25" };
	const isAnywhere = ["", "0.0.0.0", "::", "127.0.0.1"].includes(address);
	if (address.includes(":") && !isAnywhere) return null;
	const at = `${isAnywhere ? "127.0.0.1" : address}:${port}`;
	return at === "127.0.0.1:25" ? null : at;
}
