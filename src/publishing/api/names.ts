/** Names as providers' interfaces want them. */

/** Without the zone; the zone itself is an empty text. */
export function relativeName(name: string, zone: string): string {
	if (name === zone) return "";
	return name.slice(0, -zone.length - 1);
}

/** What `relativeName` gave, or how an interface shows it: as `plainName`, absolute. */
export function absoluteName(relative: string, zone: string): string {
	const name = plainName(relative);
	return name === "" || name === "@" ? zone : `${name}.${zone}`;
}

/**
 * Lower case, without the final dot, international labels as A-labels (RFC 5890): interfaces that are asked for
 * `xn--bcher-kva.de` show `bücher.de`.
 */
export function plainName(name: string): string {
	return name.toLowerCase().replace(/\.$/, "").split(".").map(plainLabel).join(".");
}

/** Nothing in them means anything in a URL, whose host names are mapped as UTS 46 says. */
const INTERNATIONAL = /^(?=.*[^\0-\x7f])(?:[\w-]|[^\0-\x7f])+$/;

/** As it is where no label of the DNS stands for it. */
function plainLabel(label: string): string {
	const url = `http://${label}`;
	if (!INTERNATIONAL.test(label) || !URL.canParse(url)) return label;
	const { hostname } = new URL(url);
	return hostname.startsWith("xn--") && !hostname.includes(".") ? hostname : label;
}
