/** Whether somebody else could have written a program that keyturn is to run. */

import type { Disk } from "../ports/disk.ts";
import type { ProgramTrust } from "../ports/program-trust.ts";
import { whyUntrustedAbove } from "./trusted.ts";

const OTHERS_WRITE = 0o022;

/** `uid`: besides root the only one who may own it. */
export function createProgramTrust(disk: Disk, uid: number): ProgramTrust {
	return {
		async whyUntrusted(path) {
			const stat = await disk.stat(path);
			if (stat === null) return "expected a file, found nothing";
			if (stat.kind !== "file") return `expected a file, got a ${stat.kind}`;
			if (stat.uid !== 0 && stat.uid !== uid) return `expected root as its owner, got user ${stat.uid}`;
			if ((stat.mode & OTHERS_WRITE) !== 0)
				return `expected that only its owner can write to it, got mode 0${stat.mode.toString(8)}`;
			return whyUntrustedAbove(disk, path, uid);
		},
	};
}
