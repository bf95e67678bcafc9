/** The services of Postfix's master.cf, as `postconf -M` prints them. */

export interface MasterService {
	/** Name and type, as `postconf -P` names it: `smtp/inet`, `127.0.0.1:10028/inet`. */
	readonly service: string;
	readonly type: string;
	/** Whether it is locked into the queue directory. */
	readonly isChrooted: boolean;
	/** `smtpd`, without its arguments. */
	readonly program: string;
}

/** Service, type, private, unprivileged, chroot, wake-up, process limit and command (master(5)). */
const LINE = /^(\S+)[^\S\n]+(\S+)[^\S\n]+\S+[^\S\n]+\S+[^\S\n]+(\S+)[^\S\n]+\S+[^\S\n]+\S+[^\S\n]+(\S+)/gm;

/** `compatibilityLevel` as `postconf -h` prints it; empty before Postfix 3.0, which knows of none. */
export function parseServices(text: string, compatibilityLevel: string): readonly MasterService[] {
	return [...text.matchAll(LINE)].map(([, name = "", type = "", chroot = "", program = ""]) => ({
		service: `${name}/${type}`,
		type,
		isChrooted: chroot === "-" ? isChrootDefault(compatibilityLevel) : chroot === "y",
		program,
	}));
}

/** Below level 1 Postfix goes on as it did before 3.0 (COMPATIBILITY_README, "chroot"). */
function isChrootDefault(compatibilityLevel: string): boolean {
	return !/^0*[1-9]/.test(compatibilityLevel);
}
