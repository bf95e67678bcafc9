/** Whether compose could make a container anew, asked before the one that runs is stopped: a fault found later is an outage. */

import * as z from "zod";
import type { ProgramResult, Programs } from "../../ports/programs.ts";
import { jsonIn } from "./inside.ts";

/**
 * Null where nothing speaks against it, or `start` does not have compose do it. `programs` run as `start` itself will: behind the same
 * walls, in the same directory and with the same environment.
 */
export async function whyNotMade(
	programs: Programs,
	start: readonly string[],
	container: string,
): Promise<string | null> {
	const words = composeIn(start);
	if (words === null) return null;
	const ask = async (argv: readonly string[]) => run(programs, argv);
	const inspected = await ask([...words.docker, "container", "inspect", container]);
	if (inspected.status !== 0) return refused([...words.docker, "container", "inspect", container], inspected);
	const [made] = z.array(CONTAINER).safeParse(jsonIn(inspected.stdout)).data ?? [];
	const service = made?.Config.Labels?.[`${LABEL}.service`];
	if (made === undefined || service === undefined)
		return `${container} was not made by compose, which would make another beside it: ${DOCS}`;
	const configured = await ask([...words.compose, "config", "--format", "json", service]);
	if (configured.status !== 0) return refused([...words.compose, "config"], configured);
	const config = CONFIG.safeParse(jsonIn(configured.stdout)).data;
	const wanted = config?.services[service];
	if (config === undefined || wanted === undefined)
		return `${words.compose.join(" ")} config --format json: expected its service ${service}, got something else`;
	const project = made.Config.Labels?.[`${LABEL}.project`];
	if (config.name !== undefined && config.name !== project)
		return `${container} is of the project ${project}, and services.commands would make one of ${config.name} beside it: say \`-p ${project}\` there`;
	const image = wanted.image ?? made.Config.Image;
	const there = await ask([...words.docker, "image", "inspect", "--format", "{{.Id}}", image]);
	return there.status === 0 ? null : refused([...words.docker, "image", "inspect", image], there);
}

const LABEL = "com.docker.compose";
const DOCS = "docs/signers.md, docker-mailserver";
const ANSWER_MS = 60_000;
const WORDS_LIMIT = 300;
const NEVER = new AbortController().signal;

/** What is used of `docker container inspect`, which has more. */
const CONTAINER = z.object({
	Config: z.object({ Image: z.string(), Labels: z.record(z.string(), z.string()).nullish() }),
});

/** What is used of `docker compose config --format json`. */
const CONFIG = z.object({
	name: z.string().optional(),
	services: z.record(z.string(), z.object({ image: z.string().optional() })),
});

interface ComposeWords {
	/** What stands before `compose`. */
	readonly docker: readonly string[];
	/** What stands before `up`. */
	readonly compose: readonly string[];
}

function composeIn(start: readonly string[]): ComposeWords | null {
	const at = start.indexOf("compose");
	const up = start.indexOf("up", at);
	return at < 1 || up < 0 ? null : { docker: start.slice(0, at), compose: start.slice(0, up) };
}

async function run(programs: Programs, [program = "", ...words]: readonly string[]): Promise<ProgramResult> {
	return programs.run({ argv: [program, ...words], timeoutMs: ANSWER_MS }, NEVER);
}

/** What compose says last is why; warnings stand before it. */
function refused(argv: readonly string[], { status, stderr }: ProgramResult): string {
	return `once stopped it could not be made anew: ${argv.join(" ")}: exit status ${status}, saying: ${stderr.trim().slice(-WORDS_LIMIT)}`;
}
