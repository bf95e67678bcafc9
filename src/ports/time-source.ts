/** Whether a time source sets the clock of this host; "unknown" where nothing says so. Reads only; never fails. */
export type TimeSource = () => Promise<"synchronised" | "unsynchronised" | "unknown">;
