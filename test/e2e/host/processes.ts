/** What runs in a test host, and what is killed there. */

import type { AgentHost } from "./agent-host.ts";

/** By process id; in the host there is nobody's else. Whether there was one. */
export async function kill(host: AgentHost, program: "door" | "main"): Promise<boolean> {
	const { stdout } = await host.in([
		"sh",
		"-c",
		`for pid in $(pgrep -f '^[^ ]*node .*dist/src/${program}[.]js'); do kill -KILL $pid && echo $pid; done`,
	]);
	return stdout !== "";
}

export async function isActive(host: AgentHost, unit: string): Promise<boolean> {
	return (await host.in(["systemctl", "is-active", "--quiet", unit])).code === 0;
}

export async function runsAgain(host: AgentHost): Promise<boolean> {
	return (await isActive(host, "opendkim")) && (await isActive(host, "postfix@-"));
}
