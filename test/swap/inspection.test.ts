import { describe, expect, it } from "vitest";
import type { InspectAnswer } from "../../src/ports/door.ts";
import { KeyturnError } from "../../src/errors.ts";
import { createSwap, type SwapOptions } from "../../src/swap/swap.ts";
import { publicKeyOf, simKey } from "../fakes/sim-signer.ts";
import { SwapHost } from "../fakes/swap-host.ts";

const ID = "0123456789abcdef0123456789abcdef";
const ID2 = "fedcba9876543210fedcba9876543210";

async function inspect(context: SwapOptions, ids: readonly string[] = []): Promise<InspectAnswer> {
	const answer = await createSwap(context).handle({ act: "inspect", ids });
	if (answer.act !== "inspect") throw new Error(JSON.stringify(answer));
	return answer;
}

describe("what the agent is told", () => {
	it("is each line that signs, with its key, and when it was looked at", async () => {
		const host = new SwapHost({ swap: "restart" });
		const context = host.context();
		const reading = await context.signers.get("main")?.signer.read();
		const answer = await inspect(context);
		expect(answer).toMatchObject({ at: new Date(host.nowMs).toISOString(), results: [], staged: [] });
		expect(answer.signers).toEqual([
			{
				signer: "main",
				swap: "restart",
				service: "main",
				tableHash: reading?.tableHash,
				lines: ["a.example", "b.example"].map((domain) => ({
					domain,
					selector: "old",
					entry: `label-${domain}`,
					keyPath: host.keyPath(domain, "old"),
					publicKey: publicKeyOf(simKey(`${domain} old`).key),
					signs: true,
					problem: null,
					unsafe: null,
				})),
				notes: [],
				firstKeyFaults: [],
				problem: null,
				running: true,
			},
		]);
	});

	it("is who else reads keys of its domains, or may", async () => {
		const of = (domain: string | null, problem: string | null = null) => ({
			program: "amavis",
			where: "/etc/amavisd.conf",
			domain,
			selector: null,
			keyPath: null,
			publicKey: null,
			problem,
		});
		const host = new SwapHost({
			swap: "restart",
			otherReaders: [of("a.example"), of("theirs.example"), of(null), of(null, "EIO")],
		});
		expect((await inspect(host.context())).otherReaders).toEqual([
			of("a.example"),
			of(null),
			of(null, "EIO"),
		]);
	});

	it("is who reads a key for another domain that was ours, with that key: its name may be an alias", async () => {
		const path = new SwapHost({ swap: "restart" }).keyPath("a.example", "old");
		const of = (domain: string, keyPath: string | null) => ({
			program: "amavis",
			where: "/etc/amavisd.conf",
			domain,
			selector: "old",
			keyPath,
			publicKey: null,
			problem: null,
		});
		const host = new SwapHost({
			swap: "restart",
			otherReaders: [of("theirs.example", path), of("theirs.example", "/k"), of("theirs.example", null)],
		});
		await host.switchKeys(host.door(), ID, [host.change("a.example", "old", "new")]);
		const publicKey = publicKeyOf(simKey("a.example old").key);
		expect((await inspect(host.context())).otherReaders).toEqual([
			{ ...of("theirs.example", path), publicKey },
		]);
		host.disk.put(path, "no key");
		expect((await inspect(host.context())).otherReaders).toEqual([of("theirs.example", path)]);
	});

	it("is which key file the signer would refuse", async () => {
		const host = new SwapHost({ swap: "restart" });
		host.disk.put(host.keyPath("b.example", "old"), simKey("b.example old").key, 0o644, {
			uid: 110,
			gid: 110,
		});
		const { lines } = (await inspect(host.context())).signers[0] ?? { lines: [] };
		expect(lines.map(({ unsafe }) => unsafe)).toEqual([null, "mode 644 of 110"]);
	});

	it("is that a table is a mount of its own, so that nothing is published for a key that could not be switched to", async () => {
		const mountsAt = async (...paths: readonly string[]) => {
			const host = new SwapHost({ swap: "restart" });
			host.disk.put(
				"/proc/self/mountinfo",
				paths.map((path) => `36 35 98:0 /f ${path} rw,noatime - ext4 /dev/root rw\n`).join(""),
			);
			const { signers } = await inspect({
				...host.context(),
				domains: new Map(["a", "b", "new"].map((name) => [`${name}.example`, ["main"]])),
			});
			const [{ lines, firstKeyFaults } = { lines: [], firstKeyFaults: [] }] = signers;
			return [lines.map(({ problem }) => problem), firstKeyFaults.map(({ reason }) => reason)];
		};
		const why = (table: string) =>
			expect.stringContaining(`/etc/main/${table} is a mount of its own`) as string;
		expect(await mountsAt("/", "/etc/main", "/etc/main/key.table\\040old")).toEqual([[null, null], []]);
		expect(await mountsAt("/etc/main/key\\056table")).toEqual([
			[why("key.table"), why("key.table")],
			[why("key.table")],
		]);
		expect(await mountsAt("/etc/main/signing.table")).toEqual([[null, null], [why("signing.table")]]);
	});

	it("is as before where it cannot be told which tables are mounts: the staging finds out", async () => {
		const host = new SwapHost({ swap: "restart" });
		const fault = (_call: string, path: string) => (path === "/proc/self/mountinfo" ? "EACCES" : null);
		const { signers } = await inspect(host.context({ fault }));
		expect(signers[0]?.problem).toBeNull();
		expect(signers[0]?.lines.map(({ problem }) => problem)).toEqual([null, null]);
	});

	it("is that a selector is no name, whatever the signer makes of it", async () => {
		const host = new SwapHost({ swap: "restart" });
		const selector = "$(id)";
		host.disk.put(
			"/etc/main/key.table",
			(host.disk.text("/etc/main/key.table") ?? "").replace("a.example:old:", `a.example:${selector}:`),
		);
		const { signers } = await inspect(host.context());
		expect(signers[0]?.lines).toMatchObject([
			{ domain: "a.example", selector, problem: expect.stringContaining('its selector "$(id)" is no name') },
			{ domain: "b.example", problem: null },
		]);
	});

	it("says nothing of the file of a line that has a problem already", async () => {
		const host = new SwapHost({ swap: "restart" });
		const context = host.context();
		const main = context.signers.get("main");
		if (main === undefined) throw new Error("no signer");
		const signer = {
			...main.signer,
			read: async () => {
				const reading = await main.signer.read();
				return {
					...reading,
					lines: reading.lines.map((line) => ({ ...line, problem: "a dataset" })),
					notes: ["n"],
				};
			},
			unsafe: async () => "asked all the same",
		};
		const [told] = (await inspect({ ...context, signers: new Map([["main", { ...main, signer }]]) })).signers;
		expect(told?.lines.map(({ problem, unsafe }) => [problem, unsafe])).toEqual([
			["a dataset", null],
			["a dataset", null],
		]);
		expect(told?.notes).toEqual(["n"]);
	});

	it("is why the key of a line cannot be read, and with whom the line turns all the same", async () => {
		const host = new SwapHost({ swap: "restart" });
		const context = host.context();
		const main = context.signers.get("main");
		if (main === undefined) throw new Error("no signer");
		const read = async () => {
			const reading = await main.signer.read();
			const keyPath = host.keyPath("a.example", "old");
			return {
				...reading,
				lines: reading.lines.map((line) => ({ ...line, keyPath, publicKey: null, unread: "EIO" })),
			};
		};
		const signer = { ...main.signer, read, unsafe: async () => "asked all the same" };
		const [told] = (await inspect({ ...context, signers: new Map([["main", { ...main, signer }]]) })).signers;
		expect(told?.problem).toBeNull();
		const line = { publicKey: null, problem: "EIO", unsafe: null, group: host.keyPath("a.example", "old") };
		expect(told?.lines).toMatchObject([line, line]);
		expect(told?.lines[0]).not.toHaveProperty("unread");
	});

	it("is why a table cannot be read, with nothing else about it", async () => {
		const host = new SwapHost({ swap: "reload" });
		host.disk.put("/etc/main/key.table", "nonsense\n");
		expect((await inspect(host.context())).signers).toEqual([
			{
				signer: "main",
				swap: "reload",
				service: "main",
				tableHash: "",
				lines: [],
				notes: [],
				firstKeyFaults: [],
				problem: 'the key table does not parse at "nonsense"',
				running: true,
			},
		]);
	});

	it("is whether any unit of the signer's service runs; one that cannot be looked at does not", async () => {
		const host = new SwapHost({ swap: "restart" });
		const context = host.context();
		const running = async (...states: readonly ("running" | "stopped")[]) => {
			const instances = states.map((state) => ({ unit: "u", state, startedAt: null }));
			const look = async (service: string) => ({ service, instances });
			const given = { ...context, services: { ...context.services, look } };
			return (await inspect(given)).signers[0]?.running;
		};
		expect(await running("stopped", "running")).toBe(true);
		expect(await running("stopped")).toBe(false);
		const look = async () => {
			throw new KeyturnError("service.failed", "no such unit");
		};
		const broken = await inspect({ ...context, services: { ...context.services, look } });
		expect(broken.signers[0]).toMatchObject({ running: false, problem: null });
		expect(host.said).toEqual([
			{
				level: "warn",
				message: "a service cannot be looked at",
				fields: { service: "main", error: "no such unit" },
			},
		]);
	});

	it("is how the switches ended that it asks for, in its order, and what is staged", async () => {
		const host = new SwapHost({ swap: "restart" });
		await host.switchKeys(host.door(), ID, [host.change("a.example", "old", "new")]);
		await host.switchKeys(host.door(), ID2, [host.change("b.example", "old", "new")]);
		const changes = [host.change("b.example", "new", "newer")];
		await host.door().handle({ act: "stage", id: "1".repeat(32), changes });
		const answer = await inspect(host.context(), [ID2, "2".repeat(32), ID]);
		expect(answer.results.map(({ id }) => id)).toEqual([ID2, ID]);
		expect(answer.staged).toEqual(["1".repeat(32)]);
		expect(answer.lastPauseAt).toMatch(/^2026-11-01T03:01/);
	});

	it("is what the running signer signs with, of keys of its own domains, where they are asked for", async () => {
		const host = new SwapHost({ swap: "restart" });
		const { record } = simKey("a.example old");
		const asked = (domain: string, selector: string, signer = "main") => ({
			signer,
			domain,
			selector,
			record,
		});
		const probe = [
			asked("a.example", "old"),
			asked("a.example", "new"),
			asked("b.example", "old"),
			asked("theirs.example", "old"),
			asked("a.example", "old", "other"),
		];
		const answer = await createSwap(host.context()).handle({ act: "inspect", ids: [], probe });
		const told = answer.act === "inspect" ? answer.probed : [];
		expect(told?.map(({ domain, selector }) => [domain, selector])).toEqual(
			probe.map(({ domain, selector }) => [domain, selector]),
		);
		expect(told?.map(({ fault }) => fault !== null)).toEqual([false, true, true, false, false]);
		expect(await inspect(host.context())).not.toHaveProperty("probed");
	});

	it("is not waited for where the signer does not run", async () => {
		const host = new SwapHost({ swap: "restart" });
		host.services.stop("main");
		const key = { signer: "main", domain: "a.example", selector: "old", record: "v=DKIM1;p=" };
		const answer = await createSwap(host.context()).handle({ act: "inspect", ids: [], probe: [key] });
		expect(answer).toMatchObject({ probed: [{ fault: "main does not run" }] });
	});

	it("is why a running signer gives no answer, unless it is not to be probed", async () => {
		for (const probe of [true, false]) {
			const host = new SwapHost({ swap: "restart", probe });
			host.program().stop();
			const key = { signer: "main", domain: "a.example", selector: "old", record: "v=DKIM1;p=" };
			const answer = await createSwap(host.context()).handle({ act: "inspect", ids: [], probe: [key] });
			expect(answer).toMatchObject({ probed: [{ fault: probe ? "connection refused" : null }] });
		}
	});
});
