/**
 * Whether compose could make a container anew, of the same image and with the volumes that it has, asked before the one that runs is
 * stopped: a fault found later is an outage, another image an update that nobody looks at, and another volume a mail server without
 * keys or mailboxes.
 */

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
	if (there.status !== 0) return refused([...words.docker, "image", "inspect", image], there);
	return (
		whyOtherImage(image, made.Image, there.stdout) ??
		whyOtherVolumes(made.Mounts ?? [], volumesOf(wanted, config.volumes ?? {}))
	);
}

const LABEL = "com.docker.compose";
const DOCS = "docs/signers.md, docker-mailserver";
const ANSWER_MS = 60_000;
const WORDS_LIMIT = 300;
const NEVER = new AbortController().signal;

/** What is used of `docker container inspect`, which has more. */
const CONTAINER = z.object({
	/** The identity of its image, whatever that is called by now. */
	Image: z.string().optional(),
	Config: z.object({ Image: z.string(), Labels: z.record(z.string(), z.string()).nullish() }),
	Mounts: z
		.array(
			z.object({
				Type: z.string(),
				Name: z.string().optional(),
				Source: z.string().optional(),
				Destination: z.string(),
			}),
		)
		.nullish(),
});

const SERVICE = z.object({
	image: z.string().optional(),
	volumes: z
		.array(z.object({ type: z.string(), source: z.string().optional(), target: z.string() }))
		.nullish(),
	secrets: z.array(z.object({ source: z.string(), target: z.string().optional() })).nullish(),
	configs: z.array(z.object({ source: z.string(), target: z.string().optional() })).nullish(),
});

/** What is used of `docker compose config --format json`. */
const CONFIG = z.object({
	name: z.string().optional(),
	services: z.record(z.string(), SERVICE),
	volumes: z.record(z.string(), z.object({ name: z.string().optional() }).nullable()).nullish(),
});

type Mounts = NonNullable<z.infer<typeof CONTAINER>["Mounts"]>;
type Service = z.infer<typeof SERVICE>;
type NamedVolumes = NonNullable<z.infer<typeof CONFIG>["volumes"]>;

/** What a container has at a place, or gets there; null for a file of compose's own (a secret), which it may take from anywhere. */
interface Volume {
	readonly isDirectory: boolean;
	readonly what: string;
}

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

/** A tag may stand for another image since it was pulled or built: nothing of that runs before somebody makes the container anew. */
function whyOtherImage(name: string, now: string | undefined, then: string): string | null {
	if (now === undefined || bareId(now) === bareId(then)) return null;
	return `made anew it would be another image than now (${name}): a turn is no update, so make it anew once by hand (${DOCS})`;
}

/** Podman says it without the digest's name. */
function bareId(id: string): string {
	return id.trim().replace(/^sha256:/, "");
}

function volumesOf(service: Service, named: NamedVolumes): ReadonlyMap<string, Volume | null> {
	const files = [
		...(service.secrets ?? []).map(({ source, target = source }) => placed(target, "/run/secrets/")),
		...(service.configs ?? []).map(({ source, target = source }) => placed(target, "/")),
	];
	const volumes = (service.volumes ?? []).flatMap(({ type, source, target }) => {
		if (source === undefined) return [];
		const isDirectory = type === "bind";
		const what = isDirectory ? bare(source) : (named[source]?.name ?? source);
		return [[bare(target), { isDirectory, what }] as const];
	});
	return new Map([...files.map((file) => [file, null] as const), ...volumes]);
}

/** Of a volume without a name, which compose hands on, only the container tells. */
function whyOtherVolumes(mounts: Mounts, wanted: ReadonlyMap<string, Volume | null>): string | null {
	const has = new Map(
		mounts
			.filter(({ Type: type }) => type === "bind" || type === "volume")
			.map(({ Type: type, Name: name, Source: source = "", Destination: inside }) => [
				bare(inside),
				type === "bind"
					? { isDirectory: true, what: bare(source) }
					: { isDirectory: false, what: name ?? "" },
			]),
	);
	const others = [...new Set([...has.keys(), ...wanted.keys()])].flatMap((inside) => {
		const [now, then] = [has.get(inside), wanted.get(inside)];
		const isSame = then === null || (now?.what === then?.what && now?.isDirectory === then?.isDirectory);
		const isUntold = now === undefined ? then?.isDirectory !== true : then === undefined && !now.isDirectory;
		return isSame || isUntold
			? []
			: [`${inside}: ${now?.what ?? "nothing"}, then ${then?.what ?? "nothing"}`];
	});
	if (others.length === 0) return null;
	return `made anew it would have other volumes than now (${others.join("; ")}): write absolute paths into the compose file, or what they are made of into its .env (\`--env-file\`), since no HOME and no PWD is known there; where they are meant to be others, make it anew once by hand (${DOCS})`;
}

function placed(target: string, byDefault: string): string {
	return target.startsWith("/") ? target : `${byDefault}${target}`;
}

/** docker-mailserver's own compose.yaml writes its directories with a slash at the end. */
function bare(path: string): string {
	return path.replace(/(?<=.)\/+$/, "");
}
