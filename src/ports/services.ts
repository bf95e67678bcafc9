/** The services of this host: what runs, and how it is stopped, started and reloaded (RULES.md, "Services"). */

export interface ServiceInstance {
	/** The unit itself, `postfix@-.service`, or the service's own name where there are no units. */
	readonly unit: string;
	readonly state: "running" | "stopped" | "failed" | "masked" | "changing";
	/** When the running process was started; null when it does not run or it cannot be told. */
	readonly startedAt: Date | null;
}

/** A service counts as its instances: `postfix` is every loaded `postfix@*.service`, not the dummy `postfix.service`. */
export interface ServiceLook {
	readonly service: string;
	readonly instances: readonly ServiceInstance[];
}

/** Every member fails with `service.failed`, naming the unit and what the manager said. */
export interface Services {
	/** Reads only. */
	look(service: string): Promise<ServiceLook>;
	/** Resolves when each of `units` is inactive and its processes are gone; stopping what is stopped succeeds. */
	stop(service: string, units: readonly string[]): Promise<void>;
	/** Clears the start limit, starts, and resolves when each of `units` is active; starting what runs succeeds. */
	start(service: string, units: readonly string[]): Promise<void>;
	/** Asks each of `units` to read its configuration again; does not wait for it to have done so. */
	reload(service: string, units: readonly string[]): Promise<void>;
	/** What shows that packages are being installed just now (a held lock of dpkg's or rpm's): that passes by itself; null if none are. */
	packageWork(): Promise<string | null>;
	/** What has to be true before anything is stopped or reloaded (`postfix check`); null if all is. */
	preflight(service: string): Promise<string | null>;
	/** Whether the started mail server answers (an SMTP banner); true for what has no such check. */
	answers(service: string): Promise<boolean>;
	/** While the host starts or stops, no service is touched. */
	hostPhase(): Promise<"starting" | "running" | "stopping">;
	/** Arms the dead man's switch: `keyturn recover` in `afterMs` unless disarmed. Repeatable; a no-op where there is none. */
	armDeadMan(afterMs: number): Promise<void>;
	/** What any process armed. Repeatable; success where none is armed. */
	disarmDeadMan(): Promise<void>;
}
