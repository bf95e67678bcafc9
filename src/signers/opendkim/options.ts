/** What every part of OpenDKIM's adapter is given. */

import type { Disk } from "../../ports/disk.ts";
import type { Programs } from "../../ports/programs.ts";
import type { RunProbe } from "../probe-protocol.ts";
import type { OpenDkimSettings } from "./settings.ts";

/** What an OpenDKIM is read, changed and proven with. */
export interface OpenDkimOptions {
	/** Its name in keyturn.yaml. */
	readonly name: string;
	readonly settings: OpenDkimSettings;
	readonly service: string;
	readonly swap: "restart" | "reload";
	readonly disk: Disk;
	readonly programs: Programs;
	readonly runProbe: RunProbe;
}
