/** The import table of the house: test/house.test.ts holds the code to it, and ARCHITECTURE.md shows it. */

export interface Allowed {
	/** Folders of src/, or parts of them. */
	readonly folders: readonly string[];
	/** npm packages. */
	readonly packages: readonly string[];
}

/** Besides itself, errors.ts and durable.ts. */
export const MAY: Readonly<Record<string, Allowed>> = {
	dkim: { folders: [], packages: [] },
	rotation: { folders: ["dkim"], packages: [] },
	ports: { folders: ["dkim", "rotation"], packages: [] },
	swap: { folders: ["ports", "dkim"], packages: [] },
	settings: { folders: ["dkim", "rotation", "ports/alert-sink"], packages: ["zod", "yaml", "node-cron"] },
	agent: { folders: ["ports", "rotation", "dkim", "settings"], packages: [] },
	state: { folders: ["ports"], packages: [] },
	system: {
		folders: ["ports", "dkim"],
		packages: ["node-cron", "node-forge", "pino", "axios", "mailauth", "nodemailer"],
	},
	publishing: { folders: ["ports", "dkim"], packages: [] },
	dns: { folders: ["ports", "dkim"], packages: ["dns-packet"] },
	signers: { folders: ["ports", "dkim"], packages: ["zod"] },
	alerts: { folders: ["ports", "settings/secret-reference"], packages: ["zod"] },
	report: { folders: ["ports", "rotation", "dkim", "settings"], packages: ["prom-client"] },
	doctor: { folders: ["ports", "rotation", "dkim", "settings"], packages: [] },
	cli: {
		folders: ["agent", "report", "doctor", "ports", "rotation", "dkim", "settings"],
		packages: ["commander", "picocolors", "cli-table3"],
	},
	joining: {
		folders: [
			"agent",
			"alerts",
			"cli",
			"dns",
			"ports",
			"providers",
			"publishing",
			"report",
			"rotation",
			"settings",
			"signers",
			"system",
		],
		packages: [],
	},
	providers: {
		folders: ["ports", "dkim", "publishing", "dns/dns-wire", "settings/secret-reference"],
		packages: ["zod", "dns-packet"],
	},
};

/** They join everything, and have the machine. */
export const ENTRIES: readonly string[] = ["src/main.ts", "src/door.ts", "src/probe.ts", "src/provider.ts"];
/** Hash, HMAC, key parsing and verifying give the same for the same input. */
export const DETERMINISTIC_CRYPTO: readonly string[] = [
	"dkim",
	"dns",
	"state",
	"swap",
	"signers",
	"alerts",
	"providers",
];

/** What adapters' settings share: how a secret is named. */
export const SECRET_REFERENCE = "src/settings/secret-reference.ts";
