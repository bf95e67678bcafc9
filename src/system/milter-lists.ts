/** Postfix's lists of milters, and what it does with mail while one of them does not answer. */

import type { MilterAction } from "../ports/door.ts";
import { type OwnValue, ownValue } from "./master-values.ts";

interface Milter {
	readonly milter: string;
	/** Its own `default_action`; null where what is set for all of them holds. */
	readonly action: string | null;
}

/** Parted by commas or blanks; in braces a name may have settings behind it, each in braces again (MILTER_README). */
const MILTER = /\{\s*([^\s,{}]+)((?:[^{}]|\{[^{}]*\})*)\}|([^\s,{}]+)/g;
const OWN_ACTION = /[\s,{]default_action\s*=\s*([^\s,{}]+)/;

/** The names in a list, as they stand there. */
export function milterNames(text: string): readonly string[] {
	return parseMilters(text).map(({ milter }) => milter);
}

/**
 * What becomes of mail while a milter is down, by main.cf and by each service of master.cf that has a word of its own in it.
 * smtpd (`inet` and `pass`) takes `smtpd_milters`, cleanup (`unix`) takes `non_smtpd_milters`.
 */
export function milterActions(
	main: Readonly<Record<"smtpd_milters" | "non_smtpd_milters" | "milter_default_action", string>>,
	own: readonly OwnValue[],
): readonly MilterAction[] {
	const actions = (list: string, listedIn: string, action: string, actionSetBy: string) =>
		parseMilters(list).map((found) => ({
			milter: found.milter,
			action: found.action ?? action,
			setBy: found.action === null ? actionSetBy : listedIn,
		}));
	const ofService = (service: string): readonly MilterAction[] => {
		const name = service.endsWith("/unix") ? "non_smtpd_milters" : "smtpd_milters";
		const list = ownValue(own, service, name);
		const action = ownValue(own, service, "milter_default_action");
		if (list === undefined && action === undefined) return [];
		return actions(
			list ?? main[name],
			list === undefined ? name : `${service}/${name}`,
			action ?? main.milter_default_action,
			action === undefined ? "milter_default_action" : `${service}/milter_default_action`,
		);
	};
	const ofAll = (["smtpd_milters", "non_smtpd_milters"] as const).flatMap((name) =>
		actions(main[name], name, main.milter_default_action, "milter_default_action"),
	);
	return [...ofAll, ...[...new Set(own.map(({ service }) => service))].flatMap(ofService)];
}

function parseMilters(text: string): readonly Milter[] {
	return [...text.matchAll(MILTER)].map(([, braced, settings = "", plain]) => ({
		milter: braced ?? plain ?? "",
		action: OWN_ACTION.exec(settings)?.[1] ?? null,
	}));
}
