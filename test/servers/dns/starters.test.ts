import { afterEach, expect, test } from "vitest";
import { startBind } from "../bind.ts";
import { askPlainly } from "../dns-question.ts";
import { startKnot } from "../knot.ts";
import { freePort, waitUntil } from "../program.ts";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
	for (const stop of stops.splice(0).toReversed()) await stop();
});

test("an update of the BIND primary reaches the Knot secondary", async () => {
	const key = { name: "updater", algorithm: "hmac-sha256", secret: "c2VjcmV0IG9mIHRoZSB0ZXN0cyBvbmx5ISE=" };
	const knotPort = await freePort();
	const bind = await startBind({
		zones: [{ name: "example.test", records: "", updateKeys: ["updater"] }],
		tsigKeys: [key],
		notify: [{ address: "127.0.0.1", port: knotPort }],
	});
	stops.push(bind.stop);
	const knot = await startKnot({ zones: [{ name: "example.test", primary: bind }], port: knotPort });
	stops.push(knot.stop);
	const commands = join(bind.directory, "commands");
	await writeFile(
		commands,
		`server 127.0.0.1 ${bind.port}\nzone example.test\nkey ${key.algorithm}:${key.name} ${key.secret}\nupdate add new.example.test 60 TXT "here"\nsend\n`,
	);
	await promisify(execFile)("/usr/bin/nsupdate", [commands]);
	await waitUntil("the record at the secondary", async () => {
		const packet = await askPlainly(knot, "new.example.test", "TXT");
		return (packet?.answers?.length ?? 0) === 1;
	});
	expect((await askPlainly(bind, "new.example.test", "TXT"))?.answers).toHaveLength(1);
});
