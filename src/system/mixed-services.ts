/** Services of a host where systemd runs some and commands others, a container beside a milter, say. */

import type { Services } from "../ports/services.ts";

/** What concerns the host, and no service of it, is systemd's. */
export function mixServices({
	units,
	commands,
	isByCommand,
}: {
	readonly units: Services;
	readonly commands: Services;
	readonly isByCommand: (service: string) => boolean;
}): Services {
	const of = (service: string): Services => (isByCommand(service) ? commands : units);
	return {
		...units,
		look: async (service) => of(service).look(service),
		stop: async (service, names) => of(service).stop(service, names),
		start: async (service, names) => of(service).start(service, names),
		reload: async (service, names) => of(service).reload(service, names),
		preflight: async (service) => of(service).preflight(service),
		answers: async (service) => of(service).answers(service),
	};
}
