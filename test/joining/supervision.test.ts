import { expect, test } from "vitest";
import { daemonStart } from "../../src/joining/supervision.ts";

test("the daemon is started by systemd where that runs, and by this host's own supervisor elsewhere", async () => {
	const asked: string[] = [];
	const start = async (isThere: boolean): Promise<string> =>
		daemonStart({
			stat: async (path) => {
				asked.push(path);
				return Promise.resolve(isThere ? ({} as never) : null);
			},
		});
	expect(await start(true)).toBe("systemctl start keyturn");
	expect(await start(false)).toContain("keyturn run, as root");
	expect(asked).toEqual(["/run/systemd/system", "/run/systemd/system"]);
});
