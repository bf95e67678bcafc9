/** Whether a stored paper of the door has the form in which it was written: a guess about a switch under way could stop a mail server. */

export type Shape = (value: unknown) => boolean;

export const text: Shape = (value) => typeof value === "string";
export const flag: Shape = (value) => typeof value === "boolean";
export const count: Shape = (value) => Number.isSafeInteger(value);

export function orNull(shape: Shape): Shape {
	return (value) => value === null || shape(value);
}

export function word(...words: readonly string[]): Shape {
	return (value) => words.some((one) => one === value);
}

export function listOf(shape: Shape): Shape {
	return (value) => Array.isArray(value) && value.every(shape);
}

/** Whatever the names are. */
export function recordOf(shape: Shape): Shape {
	return (value) => isObject(value) && Object.values(value).every(shape);
}

/** What else stands there is passed over; of `optional` each may be absent. */
export function objectOf(
	shapes: Readonly<Record<string, Shape>>,
	optional: Readonly<Record<string, Shape>> = {},
): Shape {
	return (value) =>
		isObject(value) &&
		Object.entries(shapes).every(([name, shape]) => Object.hasOwn(value, name) && shape(value[name])) &&
		Object.entries(optional).every(([name, shape]) => !Object.hasOwn(value, name) || shape(value[name]));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
	return typeof value === "object" && value !== null && !Array.isArray(value);
}
