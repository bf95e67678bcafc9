/** What signs on this host, as `keyturn init` finds it: enough to write it into a configuration. */

export interface FoundSigner {
	/** As keyturn.yaml calls it. */
	readonly type: string;
	/** The service that runs it. */
	readonly service: string;
	/** What keyturn.yaml has to say of it besides: paths. */
	readonly settings: Readonly<Record<string, string>>;
	/** Whether it takes a new key up without a restart. */
	readonly canReload: boolean;
	/** The keys that sign, one for each line. */
	readonly keys: readonly { readonly domain: string; readonly selector: string }[];
	/** What cannot be turned by keyturn as it stands, one sentence each. */
	readonly problems: readonly string[];
}
