import { expect, test } from "vitest";
import type { Programs } from "../../src/ports/programs.ts";
import { preflightOf } from "../../src/system/preflight.ts";
import { SimDisk } from "../fakes/sim-disk.ts";
import { createSimProcess } from "../fakes/sim-process.ts";

function check(
	service: string,
	status: number,
	stderr = "",
): { answer: Promise<string | null>; asked: string[] } {
	const asked: string[] = [];
	const run: Programs["run"] = async ({ argv }) => {
		asked.push(argv.join(" "));
		return { status, signal: null, stdout: "", stderr };
	};
	const disk = new SimDisk(() => new Date("2026-11-01T03:00:00Z"));
	const options = {
		service,
		programs: { run },
		disk: disk.open({ process: createSimProcess() }),
		outside: ["/run-it"],
	};
	return { answer: preflightOf(options), asked };
}

test("postfix has to accept its own configuration", async () => {
	const { answer, asked } = check("postfix", 0);
	expect(await answer).toBeNull();
	expect(asked).toEqual(["/run-it /usr/sbin/postfix check"]);
	expect(await check("postfix@-", 1, "fatal: bad parameter\nmore").answer).toContain("fatal: bad parameter");
	expect(await check("postfix.service", 1).answer).toContain("the mail log says why");
});

test("other services have no check of their own", async () => {
	const { answer, asked } = check("opendkim", 1);
	expect(await answer).toBeNull();
	expect(asked).toEqual([]);
});
