import { describe, expect, it } from "vitest";
import { SimDisk } from "../fakes/sim-disk.ts";
import { createSimProcess } from "../fakes/sim-process.ts";
import { neverReadable, type Observed } from "./promises.ts";

const PATH = "/var/lib/keyturn/history.jsonl";

describe("never readable", () => {
	it("finds a key in a file that others may read, and that grew until the key stood in it", async () => {
		const disk = new SimDisk(() => new Date(0));
		disk.putDirectory("/var/lib/keyturn", 0o700);
		const view = disk.open({ process: createSimProcess() });
		const look = () =>
			neverReadable({ touched: [PATH], said: [], host: { disk } } as unknown as Observed).length;
		const add = async (text: string) => {
			const file = await view.append(PATH, 0o644);
			await file.write(new TextEncoder().encode(text));
			await file.close();
			return look();
		};
		const found: number[] = [];
		for (const text of ["x".repeat(100), "y".repeat(200), "-----BEGIN PRIV", "ATE KEY-----", "\n"])
			found.push(await add(text));
		expect(found).toEqual([0, 0, 0, 1, 1]);
	});
});
