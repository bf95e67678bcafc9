/** Writes some lines and ends at once. */

import { KeyturnError } from "../../src/errors.ts";
import { createLog } from "../../src/system/log.ts";

const log = createLog({ level: "info", destination: "stderr" });
log.debug("not this one");
log.info("published", { domain: "example.com" });
log.warn("line one\nline two");
log.error("failed", {
	error: new KeyturnError("disk.failed", "no space", { hint: "free some", errno: "ENOSPC" }),
});
process.exit(0);
