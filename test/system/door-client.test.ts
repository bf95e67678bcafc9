import { chmod, readFile, writeFile } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import type { DoorRequest } from "../../src/ports/door.ts";
import type { ProgramRequest, Programs } from "../../src/ports/programs.ts";
import { createSystemClock } from "../../src/system/clock.ts";
import { createSystemDisk } from "../../src/system/disk.ts";
import { createDoorClient } from "../../src/system/door-client.ts";
import { createSystemPrograms } from "../../src/system/programs.ts";
import { createSystemRandom } from "../../src/system/random.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const never = new AbortController().signal;
const drop: DoorRequest = { act: "drop", keys: [], staged: ["x".repeat(300_000)] };
const answer = { act: "drop", keys: [{ domain: "example.com", selector: "s", gone: true, reason: null }] };

interface SetUpOptions {
	readonly directory: string;
	readonly argv?: readonly [string, ...string[]];
	readonly programs?: Programs;
	readonly runsSystemd?: boolean;
}

function clientAt({ directory, argv = ["/bin/false"], programs, runsSystemd = false }: SetUpOptions) {
	const disk = createSystemDisk();
	return createDoorClient({
		programs: programs ?? createSystemPrograms(),
		disk: {
			...disk,
			stat: async (path) => (runsSystemd ? disk.stat("/") : path === "/" ? disk.stat(path) : null),
		},
		clock: createSystemClock(),
		random: createSystemRandom(),
		socketPath: join(directory, "apply.sock"),
		argv,
	});
}

async function listen(directory: string, onRequest: (text: string, socket: Socket) => void): Promise<void> {
	const server = createServer({ allowHalfOpen: true }, (socket) => {
		let text = "";
		socket.on("data", (chunk) => {
			text += chunk.toString();
		});
		socket.on("end", () => onRequest(text, socket));
		socket.on("error", () => undefined);
	});
	await new Promise<void>((resolve) => server.listen(join(directory, "apply.sock"), resolve));
	onTestFinished(() => void server.close());
}

test("sends the whole request to the socket, closes its half, and reads the whole answer", async () => {
	const directory = await temporaryDirectory();
	let asked = "";
	await listen(directory, (text, socket) => {
		asked = text;
		socket.write(JSON.stringify(answer).slice(0, 10), () => socket.end(JSON.stringify(answer).slice(10)));
	});
	expect(await clientAt({ directory }).request(drop, never)).toEqual(answer);
	expect(JSON.parse(asked)).toEqual(drop);
});

test("a door that ends, breaks off or says nothing is unreachable, and no second way is tried", async () => {
	for (const behaviour of [
		(socket: Socket) => socket.end('{"act":"dr'),
		(socket: Socket) => socket.destroy(),
	]) {
		const directory = await temporaryDirectory();
		await listen(directory, (_, socket) => void behaviour(socket));
		const argv = ["/usr/bin/touch", join(directory, "second")] as const;
		await expect(clientAt({ directory, argv }).request(drop, never)).rejects.toMatchObject({
			code: "door.unreachable",
		});
		await expect(readFile(join(directory, "second"))).rejects.toThrow("ENOENT");
	}
});

test("a door that dies before it has read everything is unreachable", async () => {
	const directory = await temporaryDirectory();
	const server = createServer((socket) => socket.destroy());
	await new Promise<void>((resolve) => server.listen(join(directory, "apply.sock"), resolve));
	onTestFinished(() => void server.close());
	await expect(clientAt({ directory }).request(drop, never)).rejects.toMatchObject({
		code: "door.unreachable",
	});
});

test("a door that ends without a word is told as such", async () => {
	const directory = await temporaryDirectory();
	await listen(directory, (_, socket) => void socket.end());
	await expect(clientAt({ directory }).request(drop, never)).rejects.toThrow("ended without an answer");
});

test("an impatient caller is told that the door may still be at work", async () => {
	const directory = await temporaryDirectory();
	const controller = new AbortController();
	await listen(directory, () => controller.abort());
	await expect(clientAt({ directory }).request(drop, controller.signal)).rejects.toMatchObject({
		code: "door.unreachable",
		message: expect.stringContaining("still be at work"),
	});
});

test("without a socket and without systemd the door is a child process", async () => {
	const directory = await temporaryDirectory();
	await writeFile(join(directory, "answer"), JSON.stringify(answer));
	const argv = ["/bin/sh", "-c", 'cat > "$1/asked"; cat "$1/answer"', "sh", directory] as const;
	expect(await clientAt({ directory, argv }).request(drop, never)).toEqual(answer);
	expect(JSON.parse(await readFile(join(directory, "asked"), "utf8"))).toEqual(drop);
});

test("a child without an answer is unreachable, with what it said", async () => {
	const directory = await temporaryDirectory();
	const argv = ["/bin/sh", "-c", "echo cannot read the file >&2; exit 9"] as const;
	await expect(clientAt({ directory, argv }).request(drop, never)).rejects.toMatchObject({
		code: "door.unreachable",
		message: expect.stringMatching(/ended with 9 .*cannot read the file/),
	});
	await expect(clientAt({ directory, argv: ["/no/door"] }).request(drop, never)).rejects.toMatchObject({
		code: "door.unreachable",
	});
});

test("a child at work is not killed when its caller gives up", async () => {
	const directory = await temporaryDirectory();
	const controller = new AbortController();
	const clock = createSystemClock();
	const script = 'echo > "$1/begun"; while [ ! -e "$1/go" ]; do sleep 0.05; done; echo > "$1/done"';
	const asked = clientAt({ directory, argv: ["/bin/sh", "-c", script, "sh", directory] }).request(
		drop,
		controller.signal,
	);
	await untilThere(join(directory, "begun"));
	controller.abort();
	await expect(asked).rejects.toMatchObject({ code: "door.unreachable" });
	await writeFile(join(directory, "go"), "");
	await untilThere(join(directory, "done"));

	async function untilThere(path: string): Promise<void> {
		const deadline = clock.deadline(20_000, never);
		while (!deadline.aborted && (await readFile(path).catch(() => null)) === null)
			await clock.sleep(20, deadline);
		await readFile(path);
	}
});

test("with systemd but without units it is a transient unit of root's", async (context) => {
	if (process.getuid?.() !== 0) context.skip("only root may start units");
	const directory = await temporaryDirectory();
	const asked: ProgramRequest[] = [];
	const run: Programs["run"] = async (request) => {
		asked.push(request);
		return { status: 0, signal: null, stdout: JSON.stringify(answer), stderr: "" };
	};
	const client = clientAt({
		directory,
		argv: ["/usr/bin/node", "door.js"],
		programs: { run },
		runsSystemd: true,
	});
	expect(await client.request(drop, never)).toEqual(answer);
	expect(asked[0]?.owner).toEqual({ uid: 0, gid: 0 });
	expect(asked[0]?.argv.join(" ")).toMatch(
		/^\/usr\/bin\/systemd-run --wait --pipe --collect --quiet --unit=keyturn-apply-[0-9a-f]{12} .* -- \/usr\/bin\/node door\.js$/,
	);
	expect(asked[0]?.argv).toEqual(
		expect.arrayContaining(["KillMode=mixed", "TimeoutStopSec=180", "UMask=0077", "LimitCORE=0"]),
	);
});

test("with systemd, and as anybody but root, it is asked at its socket alone", async () => {
	const asUser = vi.spyOn(process, "getuid").mockReturnValue(1000);
	onTestFinished(() => asUser.mockRestore());
	const directory = await temporaryDirectory();
	const argv = ["/usr/bin/touch", join(directory, "child")] as const;
	await expect(clientAt({ directory, argv, runsSystemd: true }).request(drop, never)).rejects.toMatchObject({
		code: "door.unreachable",
		message: `the door: nobody listens at ${join(directory, "apply.sock")}`,
		hint: "systemctl enable --now keyturn-apply.socket",
	});
	await expect(readFile(join(directory, "child"))).rejects.toThrow("ENOENT");
});

test("a socket that is not for us is told as such", async (context) => {
	if (process.getuid?.() !== 0) context.skip("only root may become others");
	const directory = await temporaryDirectory();
	await chmod(directory, 0o755);
	await listen(directory, (_, socket) => void socket.end(JSON.stringify(answer)));
	await chmod(join(directory, "apply.sock"), 0o600);
	process.seteuid?.(65_534);
	onTestFinished(() => process.seteuid?.(0));
	const asked = clientAt({ directory }).request(drop, never);
	await expect(asked.finally(() => process.seteuid?.(0))).rejects.toMatchObject({
		code: "door.unreachable",
		message: expect.stringContaining("EACCES"),
	});
});
