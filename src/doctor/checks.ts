/** Every check there is, in the order in which an administrator would look: from this host outwards. */

import { checkAdsp } from "./adsp.ts";
import { checkAge } from "./age.ts";
import { checkAgent } from "./agent.ts";
import { checkClock } from "./clock.ts";
import { checkConfiguration } from "./configuration.ts";
import { checkDmarc } from "./dmarc.ts";
import { checkDoor } from "./door.ts";
import type { Facts } from "./facts.ts";
import type { Finding, Severity } from "./finding.ts";
import { checkFilters } from "./filters.ts";
import { checkGrace } from "./grace.ts";
import { checkLeftovers } from "./leftovers.ts";
import { checkPermissions } from "./permissions.ts";
import { checkProviders } from "./providers.ts";
import { checkReaders } from "./readers.ts";
import { checkRecovery } from "./recovery.ts";
import { checkRecords } from "./records.ts";
import { checkServices } from "./services.ts";
import { checkSigning } from "./signing.ts";
import { checkSoak } from "./soak.ts";
import { checkSpf } from "./spf.ts";
import { checkStrength } from "./strength.ts";
import { checkTtl } from "./ttl.ts";
import { checkWiring } from "./wiring.ts";

/** Each is pure: the same facts give the same findings. */
export const CHECKS: readonly ((facts: Facts) => readonly Finding[])[] = [
	checkConfiguration,
	checkAgent,
	checkRecovery,
	checkDoor,
	checkServices,
	checkWiring,
	checkFilters,
	checkSigning,
	checkPermissions,
	checkReaders,
	checkStrength,
	checkAge,
	checkRecords,
	checkTtl,
	checkSoak,
	checkGrace,
	checkProviders,
	checkClock,
	checkLeftovers,
	checkSpf,
	checkDmarc,
	checkAdsp,
];

const GRAVEST_FIRST: readonly Severity[] = ["critical", "warning", "info"];

/** The gravest first, otherwise in the order of the checks. */
export function examine(facts: Facts): readonly Finding[] {
	const found = CHECKS.flatMap((check) => check(facts));
	return GRAVEST_FIRST.flatMap((severity) => found.filter((one) => one.severity === severity));
}
