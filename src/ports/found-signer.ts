/** What signs on this host, as `keyturn init` finds it: enough to write it into a configuration. */

/** A path or a word, a list of words, or values by name, as keyturn.yaml has them. */
export type FoundSetting = string | number | readonly string[] | { readonly [name: string]: FoundSetting };

export interface FoundKey {
	readonly domain: string;
	readonly selector: string;
	/** Its file, as this host names it. */
	readonly path: string;
	/** Null where the file cannot be read as a key. */
	readonly algorithm: "rsa" | "ed25519" | null;
}

/** How a service is stopped, started and looked at; the first word of each is an absolute path. */
export interface FoundCommands {
	readonly stop: readonly string[];
	readonly start: readonly string[];
	readonly status: readonly string[];
}

export interface FoundSigner {
	/** As keyturn.yaml calls it; `command` for a program that keyturn has no adapter of its own for, which then has no keys. */
	readonly type: string;
	/** The service that runs it. */
	readonly service: string;
	/** What keyturn.yaml has to say of it besides. */
	readonly settings: Readonly<Record<string, FoundSetting>>;
	/** The way in which it gets a new key that is recommended, why, and whether it is the only one. */
	readonly swap: {
		readonly recommended: "restart" | "reload";
		readonly why: string;
		readonly isOnly: boolean;
	};
	/** Whether a mail server of this host hands it mail, and is stopped along with it; false for one that is the mail server. */
	readonly isBehindMailServer: boolean;
	/** Null where its service is a unit of systemd's. */
	readonly commands: FoundCommands | null;
	/** The keys that sign and can be turned, one for each line. */
	readonly keys: readonly FoundKey[];
	/** What cannot be turned by keyturn as it stands, one sentence each. */
	readonly problems: readonly string[];
	/** What has to be done once before it can be turned: lines for a shell. */
	readonly steps: readonly string[];
}
