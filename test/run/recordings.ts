/** Exchanges recorded with real DNS providers: they lie beside the checkout where they are, and are no part of it. */

import { existsSync } from "node:fs";
import { join } from "node:path";

export const RECORDINGS = join(import.meta.dirname, "../../../shared/fixtures/dns");

export function areRecordingsThere(): boolean {
	return existsSync(RECORDINGS);
}
