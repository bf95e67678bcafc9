/** Looks whether a boot repairs what a power loss left half done. */

import type { Disk } from "../ports/disk.ts";
import type { Settings } from "../settings/settings.ts";
import type { Facts } from "./facts.ts";

const UNIT = "keyturn-recover.service";
/** In the order in which systemd believes them. */
const INSTALLED: readonly string[] = [
	"/etc/systemd/system",
	"/usr/lib/systemd/system",
	"/lib/systemd/system",
];

export async function findRecovery(
	{ signers }: Settings,
	disk: Pick<Disk, "lstat">,
): Promise<Facts["recovery"]> {
	const isThere = async (path: string): Promise<boolean> =>
		(await disk.lstat(path).catch(() => null)) !== null;
	if (signers.some(({ services }) => services.manager !== "systemd")) return "absent";
	const installed = await Promise.all(INSTALLED.map(async (directory) => isThere(`${directory}/${UNIT}`)));
	if (!installed.includes(true)) return "absent";
	return (await isThere(`/etc/systemd/system/multi-user.target.wants/${UNIT}`)) ? "enabled" : "off";
}
