/** rspamd on a guide host, as a milter: nothing but its signing module runs. Several can stand beside one another. */

import type { GuideHost } from "./guide-host.ts";

export interface RspamdPlace {
	/** Of its unit; Debian's is `rspamd`. */
	readonly name: string;
	/** Where its normal worker answers HTTP. */
	readonly http: number;
	readonly milter: number;
	/** Its dkim_signing.conf, which its own user reads. */
	readonly signing: { readonly path: string; readonly text: string };
	/** Further sections of its configuration. */
	readonly more?: string;
}

/** Starts it, and waits until it answers. */
export async function startRspamd(host: GuideHost, place: RspamdPlace): Promise<void> {
	const { name, http, signing } = place;
	await host.write(signing.path, signing.text);
	await host.write(mainOf(name), mainText(place));
	await host.write(`/etc/systemd/system/${name}.service`, unitText(name));
	await host.script(`
		printf 'com\\norg\\nnet\\nedu\\ninfo\\n' > /var/lib/rspamd/tld
		install -d -o _rspamd -g _rspamd -m 700 /var/lib/rspamd/${name}
		chown _rspamd: /var/lib/rspamd /var/lib/rspamd/tld
		systemctl daemon-reload; systemctl start ${name}
		until printf 'GET /ping HTTP/1.0\\r\\n\\r\\n' | timeout 2 bash -c 'exec 3<>/dev/tcp/127.0.0.1/${http}; cat >&3; cat <&3' | grep -q pong; do
			sleep 0.2
		done
	`);
}

/** `main` of keyturn.yaml. */
export function mainOf(name: string): string {
	return `/etc/rspamd/${name}.conf`;
}

function unitText(name: string): string {
	return `[Service]
ExecStart=/usr/bin/rspamd -c ${mainOf(name)} -f
ExecReload=/bin/kill -HUP $MAINPID
User=_rspamd
RuntimeDirectory=${name}
NonBlocking=true
`;
}

/** Its rspamd.conf. */
export function mainText({ name, http, milter, signing, more = "" }: RspamdPlace): string {
	const own = `/var/lib/rspamd/${name}`;
	return `options {
	pidfile = "/run/${name}/rspamd.pid"; filters = "dkim"; local_addrs = ["127.0.0.0/8"]; tempdir = "${own}";
	dns { nameserver = ["127.0.0.53"]; timeout = 1s; }
	url_tld = "/var/lib/rspamd/tld"; cache_file = "${own}/symbols.cache"; hs_cache_dir = "${own}";
}
logging { type = "file"; filename = "${own}/log"; level = "info"; }
worker "normal" { bind_socket = "127.0.0.1:${http}"; count = 1; }
worker "rspamd_proxy" {
	bind_socket = "127.0.0.1:${milter}"; milter = yes; timeout = 120s; count = 1;
	upstream "local" { default = yes; self_scan = yes; }
}
lua = "/usr/share/rspamd/rules/rspamd.lua";
modules { path = "/usr/share/rspamd/plugins/dkim_signing.lua"; }
metric { name = "default"; actions { reject = 1000; } }
dkim { }
${more}
dkim_signing {
	.include(try=false,priority=10) "${signing.path}"
}
`;
}
