/**
 * How a container is stopped and made anew: one that is only started again keeps the files that it copied from its volume at its
 * first start (docker-mailserver since 14, start-mailserver.sh), and would sign with the old key.
 */

import type { FoundCommands } from "../../ports/found-signer.ts";
import { whyNotMade } from "../docker-mailserver/made-anew.ts";
import type { DiscoveryTools } from "./proposal.ts";

export interface Runner {
	/** A unit of systemd's where there are no commands. */
	readonly service: string;
	readonly commands: FoundCommands | null;
	/** What would have a turn refused, one sentence each. */
	readonly problems: readonly string[];
}

export interface MadeContainer {
	readonly name: string;
	readonly labels: Readonly<Record<string, string>>;
}

/** By compose, or by the unit of Podman's; a sentence that says why by neither. */
export async function runnerOf(
	tools: DiscoveryTools,
	program: string,
	container: MadeContainer,
): Promise<Runner | string> {
	const isPodmans = program.endsWith("/podman") || PODMANS_UNIT in container.labels;
	return isPodmans ? unitOf(container) : composeOf(tools, program, container);
}

/** What it calls itself may be Docker (podman-docker). */
const PODMANS_UNIT = "PODMAN_SYSTEMD_UNIT";

/** Behind the walls of the door Podman would see other containers, those of no user: only systemd can be asked to start one there. */
function unitOf({ name, labels }: MadeContainer): Runner | string {
	const unit = labels[PODMANS_UNIT]?.replace(/\.service$/, "");
	if (unit !== undefined) return { service: unit, commands: null, problems: [] };
	return `${name} has no unit of systemd's, and the door cannot ask Podman: give it a quadlet, and name that unit in \`services\` (${DOCS})`;
}

const LABEL = "com.docker.compose";
const DOCS = "docs/signers.md, docker-mailserver";
// A turn is no moment for another version of the image.
const UP = ["up", "-d", "--force-recreate", "--no-deps", "--pull", "never"];
const ANSWER_MS = 20_000;
const NEVER = new AbortController().signal;

async function composeOf(
	tools: DiscoveryTools,
	program: string,
	{ name, labels }: MadeContainer,
): Promise<Runner | string> {
	const service = labels[`${LABEL}.service`];
	const project = labels[`${LABEL}.project`];
	const directory = labels[`${LABEL}.project.working_dir`];
	const filesOf = (label: string) =>
		(labels[`${LABEL}.project.${label}`] ?? "")
			.split(",")
			.filter((file) => file !== "")
			.map((file) => (file.startsWith("/") ? file : `${directory}/${file}`));
	const files = filesOf("config_files");
	if (service === undefined || project === undefined || directory === undefined || files.length === 0)
		return `${name} was not made by compose: it has to be made anew at each turn, since it reads its keys only then, and nothing here says how (${DOCS})`;
	const environments = filesOf("environment_file");
	for (const file of [...files, ...environments])
		if ((await tools.disk.stat(file)) === null)
			return `${file}, of which compose made ${name}, is not on this host: it could not be made anew from there (${DOCS})`;
	const version = await tools.programs.run(
		{ argv: [program, "compose", "version"], timeoutMs: ANSWER_MS },
		NEVER,
	);
	if (version.status !== 0)
		return `${program} has no \`compose\`, with which ${name} has to be made anew: install it (docker-compose-plugin)`;
	const start = [
		program,
		"compose",
		"--project-directory",
		directory,
		"-p",
		project,
		...files.flatMap((file) => ["-f", file]),
		...environments.flatMap((file) => ["--env-file", file]),
		...UP,
		service,
	];
	const why = await whyNotMade(tools.programs, start, name);
	return {
		service: name,
		commands: {
			stop: [program, "stop", name],
			start,
			// A container that compose has taken away is a stopped one; a Docker that does not answer is none: no answer either.
			status: [
				"/bin/sh",
				"-c",
				`up=$(${program} ps -q -f 'name=^/${name.replaceAll(".", "[.]")}$') || exit 126; test -n "$up"`,
			],
		},
		problems: [
			...(why === null ? [] : [`${name}: ${why}`]),
			...(await whyUntrusted(tools, [...files, ...environments, `${directory}/.env`])),
		],
	};
}

/** Root runs what they say: whoever writes them has this host. */
async function whyUntrusted(
	{ disk, programTrust }: DiscoveryTools,
	files: readonly string[],
): Promise<readonly string[]> {
	const problems: string[] = [];
	for (const file of new Set(files)) {
		const why = (await disk.stat(file)) === null ? null : await programTrust.whyUntrusted(file);
		if (why !== null) problems.push(`${file}, which compose reads as root at each turn: ${why} (${DOCS})`);
	}
	return problems;
}
