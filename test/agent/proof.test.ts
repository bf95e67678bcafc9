import { describe, expect, test } from "vitest";
import type { Switching } from "../../src/agent/left-behind.ts";
import { lookAfresh, proveOffline } from "../../src/agent/proof.ts";
import type { Run } from "../../src/agent/run.ts";
import type { MailVerifier } from "../../src/ports/mail-verifier.ts";
import { keyOf } from "../../src/rotation/domain-state.ts";
import { AgentWorld } from "../fakes/agent-world.ts";
import { serverReport } from "../fakes/doctor-facts.ts";

/** As mailauth does: the record's name is looked up in lower case, whatever the signature has. */
const verify: MailVerifier["verify"] = async (_, lookup) => {
	const values = await lookup("mail-a._domainkey.example.com");
	const outcome = values?.join() === "v=DKIM1;p=x" ? "pass" : "fail";
	return [{ domain: "example.com", selector: "Mail-A", outcome, reason: null }];
};

test("a staged key whose selector has capitals is proven", async () => {
	const record = { name: "Mail-A._domainkey.example.com", value: "v=DKIM1;p=x" };
	const one = {
		job: { doc: { policy: { domain: "example.com" } } },
		key: { selector: "Mail-A", record },
	} as unknown as Switching;
	const run = { ports: { verifier: { verify } } } as unknown as Run;
	const messages = [{ signer: "main", domain: "example.com", selector: "Mail-A", message: "signed" }];
	expect(
		await proveOffline(run, [one], { act: "stage", id: "1", messages, tableHashes: {} } as never),
	).toEqual([one]);
});

test("its servers are asked for four minutes at most: answers from before would be too old for the door", async () => {
	const ended = AbortSignal.abort();
	const deadlines: number[] = [];
	const deadline = (ms: number): AbortSignal => {
		deadlines.push(ms);
		return ended;
	};
	const given: AbortSignal[] = [];
	const look = async (_: unknown, signal: AbortSignal) => {
		given.push(signal);
		return Promise.resolve({ verdict: "right" });
	};
	const run = {
		ports: { clock: { deadline }, propagation: { look } },
		memory: { looks: new Map() },
		signal: new AbortController().signal,
	} as unknown as Run;
	const one = {
		job: { doc: { policy: { domain: "example.com" } } },
		key: { selector: "a", record: { value: "v=DKIM1;p=x" } },
	} as unknown as Switching;
	expect(await lookAfresh(run, [one])).toEqual([one]);
	expect([deadlines, given]).toEqual([[240_000], [ended]]);
});

describe("a staged key", () => {
	test.each([
		["that does not verify", { outcome: "fail" }],
		["of which nobody can tell whether it verifies", { outcome: "unknown" }],
		["of the key of before", { selector: "202610" }],
		["of another domain", { domain: "example.org" }],
	] as const)("is not committed where its message bears a signature %s", async (_, changes) => {
		const world = new AgentWorld();
		const signature = { domain: "example.com", selector: "202611", outcome: "pass", reason: null } as const;
		world.verify = async () => Promise.resolve([{ ...signature, ...changes }]);
		await world.wish(["example.com"]);
		await world.tick();
		expect([world.requested("stage"), world.requested("commit")]).toEqual([1, 0]);
		expect(await world.states()).toEqual({ "202610": "active", "202611": "verified" });
		expect(world.told("swap_failed")).toEqual(["start"]);
	});

	test("is held against its own record, and no other is found", async () => {
		const world = new AgentWorld();
		const found: unknown[] = [];
		world.verify = async (_, lookup) => {
			for (const name of ["202611._domainkey.example.com", "202610._domainkey.example.com"])
				found.push(await lookup(name));
			return [];
		};
		await world.wish(["example.com"]);
		await world.tick();
		expect(found).toEqual([[keyOf(await world.state(), "202611")?.record.value], []]);
	});

	test("is committed on the right answers alone, where a quorum leaves others out", async () => {
		const world = new AgentWorld();
		const late = serverReport({ server: "ns2.example.com", address: "192.0.2.2", outcome: "timeout" });
		world.report = () => ({ verdict: "right", servers: [serverReport(), late], resolvers: [] });
		await world.wish(["example.com"]);
		await world.tick();
		const evidence = world.doorRequests.flatMap((request) =>
			request.act === "commit" ? request.evidence : [],
		);
		expect(evidence.map(({ answers }) => answers.map(({ address }) => address))).toEqual([["192.0.2.1"]]);
	});
});
