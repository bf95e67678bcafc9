import { expect, test } from "vitest";
import type { Programs } from "../../src/ports/programs.ts";
import { createSystemDisk } from "../../src/system/disk.ts";
import { preflightOf } from "../../src/system/preflight.ts";

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
	const options = {
		service,
		programs: { run },
		disk: { stat: async () => createSystemDisk().stat("/") },
	};
	return { answer: preflightOf(options), asked };
}

test("postfix has to accept its own configuration", async () => {
	const { answer, asked } = check("postfix", 0);
	expect(await answer).toBeNull();
	expect(asked).toEqual(["/usr/sbin/postfix check"]);
	expect(await check("postfix@-", 1, "fatal: bad parameter\nmore").answer).toContain("fatal: bad parameter");
	expect(await check("postfix.service", 1).answer).toContain("the mail log says why");
});

test("other services have no check of their own", async () => {
	const { answer, asked } = check("opendkim", 1);
	expect(await answer).toBeNull();
	expect(asked).toEqual([]);
});
