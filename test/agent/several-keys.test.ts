import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it, test } from "vitest";
import { KeyturnError } from "../../src/errors.ts";
import type { DoorRequest } from "../../src/ports/door.ts";
import { keyOf } from "../../src/rotation/domain-state.ts";
import { dueSoonAfterStop } from "../fakes/soon-after-stop.ts";
import { AgentWorld, rolledBack } from "../fakes/agent-world.ts";
import { newHalf, policyOf } from "../fakes/policies.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
const RSA = { algorithm: "rsa", bits: 2048 } as const;
const RSA_PUBLIC = generateKeyPairSync("rsa", { modulusLength: 1024 })
	.publicKey.export({ format: "der", type: "spki" })
	.toString("base64");
/** Both keys go in one request. */
const BOTH_OUT = ["r1 undefined", "e1 undefined"];
const dual = policyOf({
	publishAheadMs: 0,
	verify: { ...policyOf().verify, soakMs: 0 },
	key: RSA,
	keys: [RSA, { algorithm: "ed25519" }],
});

/** The signer signs each message with an RSA key and an Ed25519 key. */
function dualWorld(policy = dual): AgentWorld {
	const world = new AgentWorld([policy]);
	world.signNothing();
	world.signWithBoth("example.com", [
		["r1", RSA_PUBLIC],
		["e1", newHalf().publicKey],
	]);
	return world;
}

function staged(world: AgentWorld): readonly (readonly string[])[] {
	return world.doorRequests
		.filter((request): request is Extract<DoorRequest, { act: "stage" }> => request.act === "stage")
		.map(({ changes }) => changes.map(({ from, to }) => `${from} ${to?.selector}`));
}

async function revokeUnsigned(world: AgentWorld, selector: string): Promise<void> {
	const how = { noSoak: false, unsigned: true, useStandby: false };
	await world.ask({ kind: "revoke", domains: ["example.com"], selector, ...how }, "w2");
}

async function kinds(world: AgentWorld) {
	const { keys } = await world.state();
	return keys
		.filter(({ state }) => state === "active")
		.map(({ selector, algorithm }) => `${algorithm} ${selector}`);
}

test.each(["r1", "e1"])(
	"what signs with %s is not gone while its key file cannot be read",
	async (selector) => {
		const world = dualWorld();
		await world.tick();
		await world.advance(2 * 60 * MINUTE_MS);
		const at = world.lines.findIndex((line) => line.selector === selector);
		const [line] = world.lines.splice(at, 1);
		if (line === undefined) throw new Error(`${selector} does not sign`);
		world.lines.push({ ...line, publicKey: null, problem: "its key file cannot be read: EIO" });
		await world.advance(2 * 60 * MINUTE_MS);
		await world.wish(["example.com"]);
		await world.advance(2 * 60 * MINUTE_MS);
		const report = await world.tick();
		expect(report.domains.flatMap(({ waits }) => waits.map(({ reason }) => reason))).toContain(
			`no new key in place of ${selector}: its key file cannot be read: EIO`,
		);
		expect(await world.states()).toMatchObject({ [selector]: "active" });
		const turned = staged(world)
			.flat()
			.filter((change) => change.startsWith(`${selector} `));
		expect(turned).toEqual([]);
	},
);

describe("a domain whose messages are signed with keys of two algorithms", () => {
	it("turns both in one switch, each with a name of its own", async () => {
		const world = dualWorld();
		await world.tick();
		expect((await kinds(world)).toSorted()).toEqual(["ed25519 e1", "rsa r1"]);
		await world.wish(["example.com"]);
		await world.advance(5 * MINUTE_MS);
		expect((await kinds(world)).toSorted()).toEqual(["ed25519 202611b", "rsa 202611"]);
		expect(staged(world)).toEqual([["r1 202611", "e1 202611b"]]);
		const state = await world.state();
		expect(state.keys.filter(({ selector }) => selector === "r1" || selector === "e1")).toMatchObject([
			{ state: "retiring" },
			{ state: "retiring" },
		]);
		expect(state.wants.rotate).toBeNull();
		expect(state.wantsOf?.ed25519?.rotate).toBeNull();
		expect(world.copies).toEqual([]);
	});

	it("names each by its algorithm where the selector says {alg}", async () => {
		const world = dualWorld({ ...dual, selector: { kind: "template", template: "{yyyy}{mm}-{alg}" } });
		await world.wish(["example.com"]);
		await world.advance(5 * MINUTE_MS);
		expect((await kinds(world)).toSorted()).toEqual(["ed25519 202611-ed25519", "rsa 202611-rsa"]);
	});

	it("switches neither before the records of both are verified", async () => {
		const world = dualWorld();
		let isLate = true;
		world.verdict = (selector) => (selector === "202611b" && isLate ? "absent" : "right");
		await world.wish(["example.com"]);
		await world.advance(30 * MINUTE_MS);
		expect((await kinds(world)).toSorted()).toEqual(["ed25519 e1", "rsa r1"]);
		expect(keyOf(await world.state(), "202611")?.state).toBe("verified");
		const { domains } = await world.tick();
		expect(domains).toHaveLength(1);
		expect(domains[0]?.waits).toContainEqual(
			expect.objectContaining({
				reason: "the Ed25519 key turns together with example.com, and is not ready",
			}),
		);
		isLate = false;
		await world.advance(2 * 60 * MINUTE_MS);
		expect((await kinds(world)).toSorted()).toEqual(["ed25519 202611b", "rsa 202611"]);
		expect(staged(world)).toHaveLength(1);
	});

	it("tries the one alone that the running signer did not sign with, and turns the other no second time", async () => {
		const world = dualWorld();
		let isFailing = true;
		world.commit = (_id, result) => {
			const keys = result.keys.map((key) =>
				key.selector === "202611b" && isFailing
					? { ...key, outcome: "rolled_back" as const, reason: "bad" }
					: key,
			);
			return { act: "commit", result: { ...result, keys } };
		};
		await world.wish(["example.com"]);
		await world.advance(30 * MINUTE_MS);
		expect((await kinds(world)).toSorted()).toEqual(["ed25519 e1", "rsa 202611"]);
		isFailing = false;
		await world.advance(2 * DAY_MS);
		expect((await kinds(world)).toSorted()).toEqual(["ed25519 202611b", "rsa 202611"]);
		expect(staged(world)).toEqual([["r1 202611", "e1 202611b"], ["e1 202611b"]]);
	});

	it("goes back with both, and turns both for a compromised one", async () => {
		const world = dualWorld();
		await world.wish(["example.com"]);
		await world.advance(5 * MINUTE_MS);
		await world.ask({ kind: "rollback", domains: ["example.com"] }, "w2");
		await world.advance(5 * MINUTE_MS);
		expect((await kinds(world)).toSorted()).toEqual(["ed25519 e1", "rsa r1"]);
		await world.ask(
			{
				kind: "revoke",
				domains: ["example.com"],
				selector: "e1",
				noSoak: false,
				unsigned: false,
				useStandby: false,
			},
			"w3",
		);
		await world.advance(DAY_MS + 5 * MINUTE_MS);
		const state = await world.state();
		expect(keyOf(state, "e1")?.state).toBe("revoked");
		expect(keyOf(state, "r1")?.state).toBe("retiring");
		expect(await kinds(world)).toHaveLength(2);
	});

	it.each([
		["no", "r1", "retired"],
		["no", "e1", "retired"],
		["each", "r1", "active"],
	] as const)("uses %s standby where %s is compromised", async (which, selector, standby) => {
		const useStandby = which === "each";
		const world = dualWorld({ ...dual, standby: true });
		await world.tick();
		await world.advance(5 * MINUTE_MS);
		expect(await world.states()).toMatchObject({ "202612": "verified", "202612b": "verified" });
		const how = { selector, noSoak: false, unsigned: false, useStandby };
		await world.ask({ kind: "revoke", domains: ["example.com"], ...how });
		await world.advance(MINUTE_MS);
		expect(await world.states()).toMatchObject({ [selector]: "revoked" });
		expect(await kinds(world)).toHaveLength(2);
		expect(await world.states()).toMatchObject({ "202612": standby, "202612b": standby });
	});

	it("does not give up again what was made since one was known to be compromised", async () => {
		const world = dualWorld({ ...dual, standby: true });
		await world.tick();
		await world.advance(5 * MINUTE_MS);
		world.verdict = (selector) => (selector.startsWith("202611") ? "absent" : "right");
		const how = { selector: "r1", noSoak: false, unsigned: false, useStandby: false };
		const seen = [];
		for (const id of ["w1", "w2"]) {
			await world.ask({ kind: "revoke", domains: ["example.com"], ...how }, id);
			await world.advance(MINUTE_MS);
			seen.push(await world.states());
		}
		expect(Object.values(seen[0] ?? {}).filter((state) => state === "published")).toHaveLength(2);
		expect(seen[1]).toEqual(seen[0]);
	});

	it("has both taken out where the RSA key may not sign on at all, and gets both anew in one switch", async () => {
		const world = dualWorld();
		await world.tick();
		let isLate = true;
		world.verdict = (selector) => (selector === "202611b" && isLate ? "absent" : "right");
		await revokeUnsigned(world, "r1");
		await world.advance(30 * MINUTE_MS);
		expect(staged(world)).toEqual([["r1 undefined", "e1 undefined"]]);
		expect(world.lines).toEqual([]);
		expect(await world.states()).toMatchObject({ r1: "revoked", e1: "retiring" });
		isLate = false;
		await world.advance(30 * MINUTE_MS);
		expect(staged(world).at(-1)).toEqual(["null 202611", "null 202611b"]);
		expect((await kinds(world)).toSorted()).toEqual(["ed25519 202611b", "rsa 202611"]);
	});

	it("tries to take both out again together where neither went", async () => {
		const world = dualWorld();
		await world.tick();
		world.commit = (_id, result) => ({ act: "commit", result: { ...result, outcome: "undone", keys: [] } });
		await revokeUnsigned(world, "r1");
		await world.advance(25 * MINUTE_MS);
		expect(staged(world).filter(([one]) => one === "r1 undefined").length).toBeLessThan(4);
		expect(staged(world)).not.toContainEqual(["e1 undefined"]);
	});

	it("has both go at one moment again where taking them out is refused, and tells of the one that was asked for", async () => {
		const world = dualWorld();
		await world.tick();
		world.verdict = () => "absent";
		world.refuse = ({ act }) =>
			act === "stage" ? { act: "refused", why: "preflight", domains: [], message: "no", hint: null } : null;
		// What is saved takes its time: the one is put off a little later than the other.
		world.onStateChange = () => world.pass(5);
		await revokeUnsigned(world, "r1");
		await world.tick();
		expect(keyOf(await world.state(), "e1")?.owes).toBeNull();
		world.at = new Date(keyOf(await world.state(), "r1")?.owes?.notBefore ?? 0);
		await world.tick();
		expect(staged(world)).toEqual([BOTH_OUT, BOTH_OUT]);
		expect(world.events.filter(({ event }) => event === "swap_failed")).toMatchObject([
			{ selector: "r1", summary: "main: r1 of example.com was not taken out; it goes on signing" },
		]);
	});

	it.each(["stage", "commit"])(
		"has both go at one moment again where the answer to %s was lost",
		async (lost) => {
			const world = dualWorld();
			await world.tick();
			world.verdict = () => "absent";
			let isLost = false;
			world.refuse = ({ act }) => {
				if (isLost || act !== lost) return null;
				isLost = true;
				throw new KeyturnError("door.unreachable", "no answer", { retry: true });
			};
			world.onStateChange = () => world.pass(5);
			await revokeUnsigned(world, "r1");
			for (let ticks = 0; ticks < 20; ticks += 1) {
				const { nextAt } = await world.tick();
				if (nextAt !== null && nextAt > world.at) world.pass(nextAt.getTime() - world.at.getTime());
			}
			expect(staged(world)).toEqual([BOTH_OUT, BOTH_OUT]);
		},
	);

	it.each([
		["taken out", true],
		["turned", false],
	])(
		"that is %s for a compromised one waits for no window after an attempt that failed",
		async (_how, unsigned) => {
			const world = dualWorld({ ...dual, window: { fromMinute: 180, toMinute: 240 } });
			await world.tick();
			world.commit = (_id, result) => ({
				act: "commit",
				result:
					world.requested("commit") > (unsigned ? 2 : 1) ? result : rolledBack(result, "the probe failed"),
			});
			const how = { noSoak: false, unsigned, useStandby: false };
			await world.ask({ kind: "revoke", domains: ["example.com"], selector: "r1", ...how });
			await world.advance(DAY_MS + 5 * MINUTE_MS);
			expect((await kinds(world)).toSorted()).toEqual(["ed25519 202611b", "rsa 202611"]);
		},
	);

	it("signs on with the RSA key where the Ed25519 key is taken out", async () => {
		const world = dualWorld();
		await world.tick();
		await revokeUnsigned(world, "e1");
		await world.advance(30 * MINUTE_MS);
		expect(staged(world)[0]).toEqual(["e1 undefined"]);
		expect((await kinds(world)).map((kind) => kind.split(" ")[0])).toEqual(["rsa"]);
	});

	it("is turned with one key where the other is not there yet, and says what to do", async () => {
		const world = dualWorld();
		world.signNothing();
		world.signWithBoth("example.com", [["r1", RSA_PUBLIC]]);
		await world.wish(["example.com"]);
		await world.advance(5 * MINUTE_MS);
		expect(await kinds(world)).toEqual(["rsa 202611"]);
		const { domains } = await world.tick();
		expect(domains[0]?.waits).toContainEqual(
			expect.objectContaining({
				reason:
					"no first key for example.com: another key signs for it already: put one of ed25519 beside that by hand, and keyturn turns both",
			}),
		);
	});

	it("whose records both turn out not to be served before the switch, goes on with both as they are", async () => {
		const world = dualWorld();
		await world.tick();
		let isServed = true;
		world.refuse = ({ act }) => {
			if (act !== "stage") return null;
			isServed = false;
			world.report = () => ({ verdict: "absent", servers: [], resolvers: [] });
			return null;
		};
		await world.wish(["example.com"]);
		await world.advance(5 * MINUTE_MS);
		expect(isServed).toBe(false);
		expect(await world.states()).toMatchObject({ "202611": "published", "202611b": "published" });
	});

	it("gets a first key of each where nothing signs yet, in one switch", async () => {
		const world = dualWorld();
		world.signNothing();
		await world.advance(5 * MINUTE_MS);
		expect((await kinds(world)).toSorted()).toEqual(["ed25519 202611b", "rsa 202611"]);
		expect(staged(world)).toEqual([["null 202611", "null 202611b"]]);
	});

	it("lets the record of an algorithm go that is configured no more, once its line is out of the tables", async () => {
		const world = dualWorld();
		await world.wish(["example.com"]);
		await world.advance(5 * MINUTE_MS);
		const { keys: _keys, ...single } = dual;
		world.restart([single]);
		world.lines.splice(0, Infinity, ...world.lines.filter(({ selector }) => selector !== "202611b"));
		await world.advance(60 * DAY_MS);
		const state = await world.state();
		expect(keyOf(state, "202611b")?.state).toBe("retired");
		expect(world.zone.get("202611b._domainkey.example.com")).toEqual([]);
		expect((await kinds(world)).map((kind) => kind.split(" ")[0])).toEqual(["rsa"]);
	});

	it("turns the RSA key once the other, which stood first, is configured no more", async () => {
		const ed25519 = { algorithm: "ed25519" } as const;
		const world = dualWorld({ ...dual, key: ed25519, keys: [ed25519, RSA] });
		await world.tick();
		expect((await kinds(world))[0]).toBe("ed25519 e1");
		const { keys: _keys, ...single } = dual;
		world.restart([single]);
		await world.wish(["example.com"]);
		await world.advance(5 * MINUTE_MS);
		expect(staged(world)).toEqual([["r1 202611"]]);
		expect(await kinds(world)).toEqual(["rsa 202611"]);
	});

	it("goes back to the RSA key of before, not to the Ed25519 key that signed beside it and is configured no more", async () => {
		const world = dualWorld();
		await world.wish(["example.com"]);
		await world.advance(5 * MINUTE_MS);
		const { keys: _keys, ...single } = dual;
		world.restart([single]);
		await world.ask({ kind: "rollback", domains: ["example.com"] }, "w2");
		await world.advance(5 * MINUTE_MS);
		expect(staged(world)).toEqual([["r1 202611", "e1 202611b"], ["202611 r1"]]);
		expect(world.lines.map(({ selector }) => selector).toSorted()).toEqual(["202611b", "r1"]);
	});

	it("knows both as signing where one key is configured before it is known how the switch of both ended", async () => {
		const world = dualWorld();
		world.commit = (id, result) => world.loseAnswer(id, result);
		await world.wish(["example.com"]);
		await world.tick();
		expect(staged(world)).toEqual([["r1 202611", "e1 202611b"]]);
		const { keys: _keys, ...single } = dual;
		world.restart([single]);
		await world.advance(5 * MINUTE_MS);
		expect(await kinds(world)).toEqual(["rsa 202611", "ed25519 202611b"]);
		expect(await world.states()).toMatchObject({ r1: "retiring", e1: "retiring" });
	});

	it("knows both as signing where that was the switch back to keys that it had not made", async () => {
		const world = dualWorld();
		await world.wish(["example.com"]);
		await world.advance(5 * MINUTE_MS);
		world.commit = (id, result) => world.loseAnswer(id, result);
		await world.ask({ kind: "rollback", domains: ["example.com"] }, "w2");
		await world.tick();
		const { keys: _keys, ...single } = dual;
		world.restart([single]);
		await world.advance(5 * MINUTE_MS);
		expect(await kinds(world)).toEqual(["rsa r1", "ed25519 e1"]);
	});

	it("that was removed gets no key of an algorithm that is configured afterwards", async () => {
		const { keys: _keys, ...single } = dual;
		const world = new AgentWorld([single]);
		await world.tick();
		await world.ask({ kind: "remove", domains: ["example.com"] });
		await world.advance(DAY_MS);
		expect(world.lines).toEqual([]);
		world.restart([dual]);
		await world.advance(2 * DAY_MS);
		expect(world.lines).toEqual([]);
		expect((await world.state()).keys.map(({ selector }) => selector)).toEqual(["202610"]);
	});

	it("leaves the Ed25519 key alone where one key is configured", async () => {
		const { keys: _keys, ...single } = dual;
		const world = dualWorld(single);
		await world.tick();
		expect(await kinds(world)).toEqual(["rsa r1"]);
		await world.wish(["example.com"]);
		await world.advance(5 * MINUTE_MS);
		expect(await kinds(world)).toEqual(["rsa 202611"]);
		expect(staged(world)).toEqual([["r1 202611"]]);
		expect(world.lines.map(({ selector }) => selector).toSorted()).toEqual(["202611", "e1"]);
	});
});

describe("a domain with a signer for each of its two keys", () => {
	const dualBy = { ...dual, signers: [dual, { signer: "second", swap: "restart" }] } as const;

	function worldOfTwo(keys: readonly (readonly [string, string])[]): AgentWorld {
		const world = dualWorld(dualBy);
		world.ed25519Signer = "second";
		world.signNothing();
		world.signWithBoth("example.com", keys);
		return world;
	}

	function signersAsked(world: AgentWorld): readonly (readonly string[])[] {
		return world.doorRequests.flatMap((request) =>
			request.act === "stage"
				? [request.changes.map(({ signer, from, to }) => `${signer}: ${from} ${to?.selector}`)]
				: [],
		);
	}

	it("turns both in one switch, each at its own", async () => {
		const world = worldOfTwo([
			["r1", RSA_PUBLIC],
			["e1", newHalf().publicKey],
		]);
		await world.wish(["example.com"]);
		await world.advance(5 * MINUTE_MS);
		expect(signersAsked(world)).toEqual([["main: r1 202611", "second: e1 202611b"]]);
		expect((await kinds(world)).toSorted()).toEqual(["ed25519 202611b", "rsa 202611"]);
		expect(keyOf(await world.state(), "202611b")?.uses).toMatchObject([{ signer: "second" }]);
		const { doorRequests } = world;
		doorRequests.splice(0);
		await world.ask({ kind: "remove", domains: ["example.com"] }, "w2");
		await world.advance(5 * MINUTE_MS);
		expect(signersAsked(world).flat().toSorted()).toEqual([
			"main: 202611 undefined",
			"second: 202611b undefined",
		]);
	});

	it("puts the first Ed25519 key beside the RSA key that signs, and lets that be until it is due", async () => {
		const world = worldOfTwo([["r1", RSA_PUBLIC]]);
		const { keys: _keys, signers: _signers, ...single } = dualBy;
		world.restart([single]);
		await world.advance(3 * DAY_MS);
		world.restart([dualBy]);
		await world.advance(2 * 60 * MINUTE_MS);
		expect(signersAsked(world)).toEqual([["second: null 202611"]]);
		expect((await kinds(world)).toSorted()).toEqual(["ed25519 202611", "rsa r1"]);
		await world.wish(["example.com"]);
		await world.advance(2 * DAY_MS);
		expect(signersAsked(world).slice(1)).toEqual([["main: r1 202611b", "second: 202611 202611c"]]);
	});

	it("does not keep the RSA key from its turn where the Ed25519 key cannot be verified", async () => {
		const world = worldOfTwo([["r1", RSA_PUBLIC]]);
		world.verdict = (selector) => (selector === "202611" ? "absent" : "right");
		await world.advance(60 * MINUTE_MS);
		await world.wish(["example.com"]);
		await world.advance(60 * MINUTE_MS);
		expect(signersAsked(world)).toEqual([["main: r1 202611b"]]);
	});

	it("has no place for a first key at one that signs with the other, and says in which order they are named", async () => {
		const world = worldOfTwo([
			["r1", RSA_PUBLIC],
			["e1", newHalf().publicKey],
		]);
		world.restart([{ ...dualBy, signers: dualBy.signers.toReversed() }]);
		const { domains } = await world.tick();
		expect(domains[0]?.waits.map(({ reason }) => reason)).toEqual(
			["second", "main"].map(
				(signer) =>
					`no first key for example.com: ${signer} signs for it with a key of another algorithm: \`signer\` names them in the order of \`key\``,
			),
		);
	});

	it("turns a compromised RSA key without the Ed25519 key whose signer cannot be read, and that one later", async () => {
		const world = worldOfTwo([
			["r1", RSA_PUBLIC],
			["e1", newHalf().publicKey],
		]);
		await world.tick();
		world.ed25519Problem = "KeyTable: no such file";
		world.restart([dualBy]);
		const how = { selector: "r1", noSoak: false, unsigned: false, useStandby: false };
		await world.ask({ kind: "revoke", domains: ["example.com"], ...how }, "w1");
		await world.advance(60 * MINUTE_MS);
		expect(signersAsked(world)).toEqual([["main: r1 202611"]]);
		world.ed25519Problem = null;
		await world.advance(2 * DAY_MS);
		expect(signersAsked(world).slice(1)).toEqual([["second: e1 202611b"]]);
	});

	it("goes with both through the stop of one of its signers for another domain, rather than wait for a pause of its own", async () => {
		const { keys: _keys, signers: _signers, ...other } = { ...dualBy, domain: "example.org" };
		const world = new AgentWorld([{ ...dualBy, publishAheadMs: 9 * DAY_MS }, other]);
		world.ed25519Signer = "second";
		world.signNothing();
		world.signWith("example.org", "o1", RSA_PUBLIC);
		world.signWithBoth("example.com", [
			["r1", RSA_PUBLIC],
			["e1", newHalf().publicKey],
		]);
		await dueSoonAfterStop(world);
		await world.tick();
		expect(signersAsked(world)).toEqual([]);
		await world.wish(["example.org"]);
		await world.advance(5 * MINUTE_MS);
		expect(signersAsked(world).map((changes) => changes.length)).toEqual([3]);
	});

	it("is taken along by a stop for a domain of another signer: that it was stopped lately counts for all", async () => {
		const { keys: _keys, signers: _signers, ...single } = { ...dualBy, publishAheadMs: 9 * DAY_MS };
		const second = { domain: "example.org", signer: "second", key: { algorithm: "ed25519" } } as const;
		const world = new AgentWorld([single, { ...single, ...second }]);
		world.ed25519Signer = "second";
		world.signNothing();
		world.signWith("example.com", "r1", RSA_PUBLIC);
		world.signWith("example.org", "e1", newHalf().publicKey);
		await dueSoonAfterStop(world);
		await world.tick();
		expect(signersAsked(world)).toEqual([]);
		await world.wish(["example.com"]);
		await world.advance(5 * MINUTE_MS);
		expect(signersAsked(world)).toEqual([["main: r1 202612", "second: e1 202612"]]);
	});

	it("goes on telling that the second signer did not take its key, until it does", async () => {
		const world = worldOfTwo([
			["r1", RSA_PUBLIC],
			["e1", newHalf().publicKey],
		]);
		let isFailing = true;
		world.commit = (_id, result) => {
			const keys = result.keys.map((key) =>
				key.signer === "second" && isFailing
					? { ...key, outcome: "rolled_back" as const, reason: "bad" }
					: key,
			);
			return { act: "commit", result: { ...result, keys } };
		};
		await world.wish(["example.com"]);
		await world.advance(60 * MINUTE_MS);
		expect((await kinds(world)).toSorted()).toEqual(["ed25519 e1", "rsa 202611"]);
		expect(world.told("swap_failed")).toEqual(["start"]);
		isFailing = false;
		await world.advance(2 * DAY_MS);
		expect((await kinds(world)).toSorted()).toEqual(["ed25519 202611b", "rsa 202611"]);
		expect(world.told("swap_failed").at(-1)).toBe("end");
	});

	it.each(["stage", "commit"] as const)(
		"turns the RSA key where the other signer alone is refused at %s",
		async (act) => {
			const world = worldOfTwo([
				["r1", RSA_PUBLIC],
				["e1", newHalf().publicKey],
			]);
			const why = {
				why: "preflight",
				domains: [],
				signer: "second",
				message: "opendkim -n: no",
				hint: null,
			} as const;
			const hasSecond = () =>
				world.doorRequests
					.findLast((request) => request.act === "stage")
					?.changes.some(({ signer }) => signer === "second");
			world.refuse = (request) =>
				request.act === act && hasSecond() === true ? { act: "refused", ...why } : null;
			await world.wish(["example.com"]);
			await world.advance(5 * MINUTE_MS);
			expect((await kinds(world)).toSorted()).toEqual(["ed25519 e1", "rsa 202611"]);
			expect(world.told("swap_failed")).toEqual(["start"]);
			world.refuse = null;
			await world.advance(2 * DAY_MS);
			expect((await kinds(world)).toSorted()).toEqual(["ed25519 202611b", "rsa 202611"]);
		},
	);
});
