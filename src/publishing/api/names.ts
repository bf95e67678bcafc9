/** Names as providers' interfaces want them. */

/** Without the zone; the zone itself is an empty text. */
export function relativeName(name: string, zone: string): string {
	if (name === zone) return "";
	return name.slice(0, -zone.length - 1);
}

/** What `relativeName` gave, or how an interface shows it: absolute, lower case, without the final dot. */
export function absoluteName(relative: string, zone: string): string {
	const name = relative.toLowerCase().replace(/\.$/, "");
	return name === "" || name === "@" ? zone : `${name}.${zone}`;
}

/** Lower case, without the final dot. */
export function plainName(name: string): string {
	return name.toLowerCase().replace(/\.$/, "");
}
