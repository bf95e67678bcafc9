/** The signer's user owns the directories of its keys and tables: what it may have planted there leads the door nowhere. */

import { describe, expect, it } from "vitest";
import type { Disk } from "../../src/ports/disk.ts";
import { SIGNER_OWNER, SwapHost } from "../fakes/swap-host.ts";

const ID = "0123456789abcdef0123456789abcdef";
const DOMAIN = "new.main.example";
const KEYS = "/etc/main/keys";
const ELSEWHERE = "/etc/cron.d";

/** Stages and commits a first key for a domain; what it did where the links lead is for the test to see. */
async function added(plant: (host: SwapHost) => void, wrapDisk?: (disk: Disk, host: SwapHost) => Disk) {
	const host = new SwapHost({ swap: "reload" });
	host.disk.putDirectory(ELSEWHERE);
	host.disk.put("/etc/shadow", "root:secret\n", 0o600);
	plant(host);
	const door = host.door(wrapDisk === undefined ? {} : { wrapDisk: (disk) => wrapDisk(disk, host) });
	const answer = await host.switchKeys(door, ID, [host.change(DOMAIN, null, "new")]);
	return { host, answer };
}

function expectUntouched(host: SwapHost): void {
	const found = host.disk.all();
	expect(found.filter(({ path }) => path.startsWith(`${ELSEWHERE}/`)).map(({ path }) => path)).toEqual([]);
	expect(host.disk.text("/etc/shadow")).toBe("root:secret\n");
	expect(found.find(({ path }) => path === "/etc/shadow")?.stat).toMatchObject({ mode: 0o600, uid: 0 });
	expect([...host.violations]).toEqual([]);
}

describe("a key is never placed through a link", () => {
	it.each([
		["the domain's directory", (host: SwapHost) => host.disk.putSymlink(`${KEYS}/${DOMAIN}`, ELSEWHERE)],
		["it, leading nowhere", (host: SwapHost) => host.disk.putSymlink(`${KEYS}/${DOMAIN}`, "/nowhere")],
		[
			"the key's own name",
			(host: SwapHost) => host.disk.putSymlink(host.keyPath(DOMAIN, "new"), "/etc/shadow"),
		],
		[
			"it, leading nowhere yet",
			(host: SwapHost) => host.disk.putSymlink(host.keyPath(DOMAIN, "new"), `${ELSEWHERE}/evil`),
		],
	])("that stands at %s", async (_, plant) => {
		const { host, answer } = await added(plant);
		expect(answer).toMatchObject({ act: "refused", why: "unsafe", domains: [DOMAIN] });
		expectUntouched(host);
	});

	it("that stands at the directory of all keys, unless root made it", async () => {
		for (const [owner, act] of [
			[SIGNER_OWNER, "refused"],
			[{ uid: 0, gid: 0 }, "commit"],
		] as const) {
			const { host, answer } = await added((one) => {
				one.disk.putDirectory("/srv/keys", 0o700, SIGNER_OWNER);
				for (const domain of ["a.example", "b.example"]) {
					one.disk.putDirectory(`/srv/keys/${domain}`, 0o700, SIGNER_OWNER);
					one.disk.put(
						`/srv/keys/${domain}/old.private`,
						one.disk.text(one.keyPath(domain, "old")) ?? "",
						0o600,
						SIGNER_OWNER,
					);
				}
				one.disk.putSymlink(KEYS, "/srv/keys");
				const link = one.disk.find(KEYS, false);
				if (link === null) throw new Error("no link");
				link.uid = owner.uid;
			});
			expect(answer.act, JSON.stringify(answer)).toBe(act);
			expectUntouched(host);
		}
	});

	it("that is a second name of another file", async () => {
		const { host, answer } = await added((one) => {
			one.disk.putDirectory(`${KEYS}/${DOMAIN}`, 0o700, SIGNER_OWNER);
			one.disk.putLink(one.keyPath(DOMAIN, "new"), "/etc/shadow");
		});
		expect(answer).toMatchObject({ act: "refused", why: "unsafe" });
		expectUntouched(host);
	});

	it("that takes the directory's place while the door is at work: no byte and no owner goes along", async () => {
		const { host, answer } = await added(
			() => undefined,
			(disk, host) => ({
				...disk,
				create: async (path, mode) => {
					if (path === host.keyPath(DOMAIN, "new")) {
						host.disk.remove(`${KEYS}/${DOMAIN}`);
						host.disk.putSymlink(`${KEYS}/${DOMAIN}`, ELSEWHERE);
					}
					return disk.create(path, mode);
				},
			}),
		);
		expect(answer).toMatchObject({ act: "refused", why: "unsafe", domains: [DOMAIN] });
		expectUntouched(host);
	});
});

describe("a table is never written through a link", () => {
	it.each(["keyturn-new", "keyturn-staged", "keyturn-before"])(
		"that stands at its hidden name .%s",
		async (suffix) => {
			const { host, answer } = await added((one) => {
				for (const table of ["key.table", "signing.table"])
					one.disk.putSymlink(`/etc/main/.${table}.${suffix}`, "/etc/shadow");
			});
			expect(answer).toMatchObject({ act: "commit", result: { outcome: "done" } });
			expect(host.leftovers()).toEqual([]);
			expectUntouched(host);
		},
	);
});

it("no file in a table's place is ever set-uid, whatever mode is read there", async () => {
	const modes: number[] = [];
	const { answer } = await added(
		(host) => {
			for (const table of ["/etc/main/key.table", "/etc/main/signing.table"])
				host.disk.put(table, host.disk.text(table) ?? "", 0o6755);
		},
		(disk) => ({
			...disk,
			create: async (path, mode) => {
				const file = await disk.create(path, mode);
				if (file === "exists") return file;
				return { ...file, chmod: async (to) => file.chmod(to).then(() => void modes.push(to)) };
			},
		}),
	);
	expect(answer).toMatchObject({ act: "commit", result: { outcome: "done" } });
	expect(new Set(modes)).toEqual(new Set([0o755]));
});
