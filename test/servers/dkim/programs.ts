/** Which programs of others the comparisons of formats can be held against on this machine. */

import { existsSync } from "node:fs";

export const TESTKEY = "/usr/sbin/opendkim-testkey";
const isRoot = process.getuid?.() === 0;

export const mayRunBind =
	isRoot && ["/usr/sbin/named", "/usr/bin/named-checkzone", "/usr/bin/dig"].every((path) => existsSync(path));
export const mayRunTestkey = mayRunBind && existsSync(TESTKEY);
