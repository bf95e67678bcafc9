/** How rspamd's configuration names files: directories of Debian's by variables, and a key's with its domain and selector. */

/** A path with both in it as `$domain` and `$selector`, however they were written (lua_util.template). */
export function plainPath(path: string): string {
	return withDirectory(path).replace(/\$\{(domain|selector)\}/g, "$$$1");
}

/** What rspamd opens for a key. */
export function openedPath(path: string, domain: string, selector: string): string {
	return plainPath(path)
		.replaceAll("$domain", () => domain)
		.replaceAll("$selector", () => selector);
}

/** Where a map lies; null for one by HTTP, or in a list. */
export function mapPath(value = ""): string | null {
	const path = withDirectory(value.replace(/^(?:file|fallback\+file):\/\//, ""));
	return path.startsWith("/") && !path.includes("$") ? path : null;
}

/** The variables that a path may begin with (rspamd_paths, as Debian has them). */
function withDirectory(path: string): string {
	return path
		.replace(/^\$\{?(?:LOCAL_CONFDIR|CONFDIR)\}?(?=\/)/, "/etc/rspamd")
		.replace(/^\$\{?DBDIR\}?(?=\/)/, "/var/lib/rspamd");
}
