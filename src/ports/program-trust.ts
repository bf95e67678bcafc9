/** Whether a file is one that may be run. */

export interface ProgramTrust {
	/** The sentence against it: absent, or somebody besides root and ourselves could write it; null if there is none. */
	whyUntrusted(path: string): Promise<string | null>;
}
