/** Which keys a DKIMproxy signs with: those that its sender_map names, and the one of dkimproxy_out.conf itself. */

import { lastOption, lastValue, type ProxyOption, proxyOptions, signatureSpecs } from "./options.ts";

/** One key, with the places of its selector and path in the text of its file. */
export interface ProxyKey {
	readonly domain: string;
	readonly selector: string;
	readonly path: string;
	/** Whose mail gets it: a domain, an address, or "." for all others; null for that of dkimproxy_out.conf. */
	readonly sender: string | null;
	/** Why it cannot be turned by us; null if it can. */
	readonly problem: string | null;
	readonly selectorAt: Pick<ProxyOption, "start" | "end">;
	readonly pathAt: Pick<ProxyOption, "start" | "end">;
	/** Its line, for the sender_map. */
	readonly line: Pick<ProxyOption, "start" | "end">;
	/** Whether it names a digest that receivers accept. */
	readonly hasAlgorithm: boolean;
}

/** The key of dkimproxy_out.conf; null where it signs nothing by itself, or nothing but DomainKeys. */
export function defaultKey(text: string): ProxyKey | null {
	const options = proxyOptions(text);
	const [domain, selector, keyFile] = ["domain", "selector", "keyfile"].map((name) =>
		lastOption(options, name),
	);
	const isByMap = ["sender_map", "listid_map"].some((name) => lastOption(options, name) !== undefined);
	const signatures = options.filter(({ name }) => name === "signature");
	const specs = signatures.flatMap(({ value, start }) => signatureSpecs(value, start) ?? []);
	if (signatures.length === 0 && isByMap) return null;
	if (signatures.length > 0 && !specs.some(({ type }) => type === "dkim")) return null;
	const isOwn = specs.some((spec) =>
		["domain", "selector", "keyfile"].some((name) => lastValue(spec, name) !== undefined),
	);
	const path = keyFile?.value ?? "";
	return {
		domain: domain?.value.toLowerCase() ?? "",
		selector: selector?.value ?? "",
		path,
		sender: null,
		problem:
			domain === undefined || selector === undefined || keyFile === undefined
				? "dkimproxy_out.conf has not all three of domain, selector and keyfile"
				: (whyNotOneDomain(domain.value) ??
					(isOwn ? "a signature of dkimproxy_out.conf has a key, selector or domain of its own" : null) ??
					whyNoPath(path)),
		selectorAt: selector ?? NOWHERE,
		pathAt: keyFile ?? NOWHERE,
		line: NOWHERE,
		hasAlgorithm: specs.every((spec) => spec.type !== "dkim" || lastValue(spec, "algorithm") !== undefined),
	};
}

/** The keys of a sender_map; a line that names no key of DKIM is passed over, as DKIMproxy passes it over (LookupMap.pm). */
export function mapKeys(text: string): readonly ProxyKey[] {
	let at = 0;
	const keys = text.split("\n").flatMap((line) => {
		const start = at;
		at += line.length + 1;
		return keyOf(line, start) ?? [];
	});
	const counts = new Map<string | null, number>();
	for (const { sender } of keys) counts.set(sender, (counts.get(sender) ?? 0) + 1);
	return keys.map((key) => {
		const isTwice = (counts.get(key.sender) ?? 0) > 1;
		return isTwice ? { ...key, problem: key.problem ?? `${key.sender ?? ""} has several lines` } : key;
	});
}

const NOWHERE = { start: 0, end: 0 };
const LINE = /^(\S+)(\s+)(.*)$/;

function keyOf(line: string, start: number): ProxyKey | null {
	const [whole, sender, gap, value] = /^\s*[#;]/.test(line) ? [] : (LINE.exec(line.trimEnd()) ?? []);
	if (whole === undefined || sender === undefined || gap === undefined || value === undefined) return null;
	const specs = signatureSpecs(value, start + sender.length + gap.length);
	const [spec, ...more] = specs?.filter(({ type }) => type === "dkim") ?? [];
	if (specs !== null && spec === undefined) return null;
	const [domain, selector, keyFile] = ["domain", "selector", "keyfile"].map((name) =>
		spec === undefined ? undefined : lastValue(spec, name),
	);
	const own = domain?.value ?? sender.replace(/^.*@/, "");
	const path = keyFile?.value ?? "";
	const isWhole = selector !== undefined && keyFile !== undefined && more.length === 0;
	return {
		domain: own.toLowerCase(),
		selector: selector?.value ?? "",
		path,
		sender,
		problem:
			(isWhole ? null : `the line of ${sender} has not one dkim(…) with s= and key= of its own`) ??
			(/[A-Z]/.test(sender) ? `${sender} is never looked up: DKIMproxy asks in small letters` : null) ??
			whyNotOneDomain(own) ??
			whyNoPath(path),
		selectorAt: selector ?? NOWHERE,
		pathAt: keyFile ?? NOWHERE,
		line: { start, end: start + line.length },
		hasAlgorithm: spec === undefined || lastValue(spec, "algorithm") !== undefined,
	};
}

function whyNotOneDomain(domain: string): string | null {
	if (/^[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+$/.test(domain)) return null;
	return domain.includes(",")
		? `one key signs for several domains (${domain}), which have to turn together: that is not built yet`
		: `${domain} is not the name of one domain`;
}

function whyNoPath(path: string): string | null {
	return /^\/[^\s#,()\\]+$/.test(path) ? null : `key file ${path}: expected an absolute path`;
}
