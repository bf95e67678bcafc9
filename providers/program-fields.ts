/** Settings that all providers share which run a program. */

import * as z from "zod";
import { secretReference } from "../src/settings/secret-reference.ts";

const UNITS = { s: 1_000, m: 60_000 } as const;

export const absolutePath = z.string().regex(/^\//, { error: "must be an absolute path" });

export const environment = z
	.record(
		z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, { error: "must be the name of a variable" }),
		z.union([z.string(), secretReference]),
	)
	.default({});

export const timeout = z
	.string()
	.regex(/^[1-9]\d{0,2}[sm]$/, { error: "must be a duration such as 90s or 5m" })
	.default("2m")
	.transform((text) => Number(text.slice(0, -1)) * UNITS[text.endsWith("s") ? "s" : "m"])
	.describe("It is killed with everything it has started after this long.");
