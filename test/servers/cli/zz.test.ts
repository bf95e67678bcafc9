import { test } from "vitest";
import { execFileSync } from "node:child_process";
import { upCliHost } from "./cli-host.ts";
import { behind } from "./surroundings.ts";
import { setTimeout as delay } from "node:timers/promises";
const tmux = (...a: string[]) => execFileSync("tmux", ["-L", "ktcli", ...a], { encoding: "utf8" });
test("x", async () => {
	const host = await upCliHost({ domains: ["example.test", "second.test"] });
	const late = await behind(host);
	await host.configure(late.listed);
	const k = `node ${process.cwd()}/dist/src/main.js --config ${host.configPath}`;
	tmux("new-session", "-d", "-x", "80", "-y", "24", "-s", "k", "bash --norc");
	tmux("send-keys", "-t", "k", `PS1='$ '; TZ=UTC; clear; keyturn() { ${k} "$@"; }; clear`, "Enter");
	await delay(500);
	tmux("send-keys", "-t", "k", "keyturn rotate --now", "Enter");
	for (let i = 0; i < 6; i++) {
		await delay(2500);
		console.log("-----", i, "\n" + tmux("capture-pane", "-p", "-t", "k").trimEnd());
	}
	tmux("send-keys", "-t", "k", "C-c");
	await delay(1500);
	console.log("----- after ^C\n" + tmux("capture-pane", "-p", "-t", "k").trimEnd());
	tmux("send-keys", "-t", "k", "clear; keyturn status; keyturn verify", "Enter");
	await delay(6000);
	console.log("----- \n" + tmux("capture-pane", "-p", "-t", "k").trimEnd());
	await host.configure((t) => t.replace("jitter: 0s", "jittre: 0s").replace("soak: 0s", "soak: soon"));
	tmux("send-keys", "-t", "k", "clear; keyturn status; keyturn rotate --nwo", "Enter");
	await delay(4000);
	console.log("----- \n" + tmux("capture-pane", "-p", "-t", "k").trimEnd());
	await host.configure();
	tmux("send-keys", "-t", "k", "clear; keyturn rotate --now", "Enter");
	await delay(9000);
	console.log("----- \n" + tmux("capture-pane", "-p", "-t", "k").trimEnd());
	tmux("send-keys", "-t", "k", "clear; keyturn history; keyturn rotate --now --dry-run", "Enter");
	await delay(6000);
	console.log("----- \n" + tmux("capture-pane", "-p", "-t", "k").trimEnd());
	tmux("kill-session", "-t", "k");
});
