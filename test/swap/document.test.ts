import { describe, expect, it } from "vitest";
import { readDocument, removeDocument, writeDocument } from "../../src/swap/document.ts";
import { listOf, objectOf, text } from "../../src/swap/shape.ts";
import { SimDisk } from "../fakes/sim-disk.ts";
import { createSimProcess } from "../fakes/sim-process.ts";

const PATH = "/door/paper.json";
const PAPER = objectOf({ keys: listOf(text) });

function setUp() {
	const sim = new SimDisk(() => new Date("2026-11-01T03:00:00Z"));
	sim.putDirectory("/door");
	return { sim, disk: sim.open({ process: createSimProcess() }) };
}

describe("a paper of the door", () => {
	it("is read as it was written, also after the power went, and can be read by a person", async () => {
		const { sim, disk } = setUp();
		const paper = { schema: 1 as const, keys: ["a"] };
		await writeDocument(disk, PATH, paper);
		expect(await readDocument(disk, PATH, PAPER)).toEqual(paper);
		expect(sim.powerLoss(() => 0).text(PATH)).toBe('{\n\t"schema": 1,\n\t"keys": [\n\t\t"a"\n\t]\n}\n');
	});

	it("may be absent", async () => {
		expect(await readDocument(setUp().disk, PATH, PAPER)).toBeNull();
	});

	it("of a newer keyturn is not guessed at", async () => {
		const { sim, disk } = setUp();
		sim.put(PATH, '{"schema":2}');
		await expect(readDocument(disk, PATH, PAPER)).rejects.toMatchObject({
			code: "state.newer",
			message: `${PATH}: expected schema 1, got 2`,
			hint: "a newer keyturn wrote it: run that one",
		});
	});

	it.each(["{}", "null", '{"schema":1}', '{"schema":1,"keys":[1]}'])(
		"of another form is damaged: %s",
		async (bytes) => {
			const { sim, disk } = setUp();
			sim.put(PATH, bytes);
			await expect(readDocument(disk, PATH, PAPER)).rejects.toMatchObject({
				code: "state.corrupt",
				message: `${PATH}: expected what keyturn writes there, got JSON of another form`,
			});
		},
	);

	it("that is no JSON says so, and what to do", async () => {
		const { sim, disk } = setUp();
		sim.put(PATH, '{"schema":1');
		await expect(readDocument(disk, PATH, PAPER)).rejects.toMatchObject({
			code: "state.corrupt",
			message: `${PATH}: expected JSON, got something else`,
			hint: `somebody edited it, or the disk is failing: start what should run, the signer first (a switch may have stopped it), move ${PATH} away, and run keyturn recover`,
			cause: expect.any(SyntaxError) as SyntaxError,
		});
	});

	it("goes for good, and can go twice", async () => {
		const { sim, disk } = setUp();
		await writeDocument(disk, PATH, { schema: 1 });
		for (let again = 0; again < 2; again += 1) {
			await removeDocument(disk, PATH);
			expect(sim.powerLoss(() => 0).text(PATH)).toBeNull();
		}
	});
});
