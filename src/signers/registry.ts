/** Which types of signer there are; of what is configured the agent loads the schema, and the door the rest. */

import type { z } from "zod";
import type { Clock } from "../ports/clock.ts";
import type { Disk } from "../ports/disk.ts";
import type { Programs } from "../ports/programs.ts";
import type { Signer } from "../ports/signer.ts";
import type { Sockets } from "../ports/sockets.ts";
import type { RunProbe } from "./probe-protocol.ts";

/** Everything that any signer needs; each takes its part. */
export interface SignerTools {
	readonly disk: Disk;
	readonly programs: Programs;
	/** Runs programs of the administrator's, where the door's own walls do not stand around them. */
	readonly outside: Programs;
	/** Reaches what stands on this host at a unix socket. */
	readonly sockets: Sockets;
	/** For what has to be tried again until it is up. */
	readonly clock: Clock;
	/** Asks the running signer, as the user that it runs as. */
	readonly runProbe: RunProbe;
}

/** What keyturn.yaml says about one signer, whatever its type. */
export interface SignerPlace {
	/** Its name in keyturn.yaml. */
	readonly name: string;
	/** The service that runs it. */
	readonly service: string;
	readonly swap: "restart" | "reload";
	/** The words that start its service; absent where it is a unit of systemd's. */
	readonly start?: readonly string[];
}

export interface SignerType {
	/** Strict; every field described. */
	readonly settingsSchema: z.ZodType;
	/** `settings` are what `settingsSchema` made of the file. Reads nothing yet. */
	create(options: SignerTools & SignerPlace & { readonly settings: unknown }): Promise<Signer>;
}

/** One line a signer, by `type` in keyturn.yaml. */
export const SIGNER_TYPES: Readonly<Record<string, () => Promise<SignerType>>> = {
	opendkim: async () => {
		const { settingsSchema } = await import("./opendkim/settings.ts");
		return typed(settingsSchema, async (options) =>
			(await import("./opendkim/signer.ts")).createOpenDkimSigner(options),
		);
	},
	dkimpy: async () => {
		const { settingsSchema } = await import("./dkimpy/settings.ts");
		return typed(settingsSchema, async (options) =>
			(await import("./dkimpy/signer.ts")).createDkimpySigner(options),
		);
	},
	dkimproxy: async () => {
		const { settingsSchema } = await import("./dkimproxy/settings.ts");
		return typed(settingsSchema, async (options) =>
			(await import("./dkimproxy/signer.ts")).createDkimproxySigner(options),
		);
	},
	"docker-mailserver": async () => {
		const { settingsSchema } = await import("./docker-mailserver/settings.ts");
		return typed(settingsSchema, async (options) =>
			(await import("./docker-mailserver/signer.ts")).createDockerMailserverSigner(options),
		);
	},
	exim: async () => {
		const { settingsSchema } = await import("./exim/settings.ts");
		return typed(settingsSchema, async (options) =>
			(await import("./exim/signer.ts")).createEximSigner(options),
		);
	},
	command: async () => {
		const { settingsSchema } = await import("./command/settings.ts");
		return typed(settingsSchema, async (options) =>
			(await import("./command/signer.ts")).createCommandSigner(options),
		);
	},
	rspamd: async () => {
		const { settingsSchema } = await import("./rspamd/settings.ts");
		return typed(settingsSchema, async (options) =>
			(await import("./rspamd/signer.ts")).createRspamdSigner(options),
		);
	},
};

/** The schemas of all types: the door does not know before it has read the file which of them it needs. */
export async function signerSchemas(): Promise<Readonly<Record<string, z.ZodType>>> {
	const schemas: Record<string, z.ZodType> = {};
	for (const [type, load] of Object.entries(SIGNER_TYPES)) schemas[type] = (await load()).settingsSchema;
	return schemas;
}

function typed<Settings>(
	settingsSchema: z.ZodType<Settings>,
	create: (options: SignerTools & SignerPlace & { readonly settings: Settings }) => Promise<Signer>,
): SignerType {
	return {
		settingsSchema,
		create: (options) => create({ ...options, settings: options.settings as Settings }),
	};
}
