// How programs are bundled here: what `npm run build` ships, what the simulation runs, what runs inside booted hosts.

export const forNode = {
	bundle: true,
	platform: "node",
	target: "node20.19",
	logLevel: "warning",
};

/** An ES module, in which packages that are none find their `require`. */
export const asModule = {
	...forNode,
	format: "esm",
	banner: {
		js: 'import { createRequire as requireFrom } from "node:module"; const require = requireFrom(import.meta.url);',
	},
};
