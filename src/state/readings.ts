/** What was made of files' bytes, for as long as they hold the same: a daemon reads the same thousands at every tick. */

export interface Readings<Value> {
	/** What the bytes mean; they are read into it once. Throws as the reader does, and remembers nothing then. */
	read(path: string, bytes: Uint8Array): Value;
	/** Null if these bytes were not read there last. */
	known(path: string, bytes: Uint8Array): Value | null;
	/** Whoever wrote the bytes knows what they mean. */
	note(path: string, bytes: Uint8Array, value: Value): void;
}

/** Of bytes kept to compare with. A host with more than so much reads the rest anew each time. */
const KEPT_BYTES = 16 * 1024 * 1024;

/** Values are given to several readers: nobody may change them. */
export function createReadings<Value>(reader: (path: string, bytes: Uint8Array) => Value): Readings<Value> {
	const last = new Map<string, { readonly bytes: Uint8Array; readonly value: Value }>();
	let keptBytes = 0;
	const forget = (path: string) => {
		keptBytes -= last.get(path)?.bytes.length ?? 0;
		last.delete(path);
	};
	const readings: Readings<Value> = {
		known: (path, bytes) => {
			const found = last.get(path);
			return found !== undefined && isSame(found.bytes, bytes) ? found.value : null;
		},
		note: (path, bytes, value) => {
			forget(path);
			if (keptBytes + bytes.length > KEPT_BYTES) return;
			keptBytes += bytes.length;
			last.set(path, { bytes, value });
		},
		read: (path, bytes) => {
			const found = readings.known(path, bytes);
			if (found !== null) return found;
			const value = reader(path, bytes);
			readings.note(path, bytes, value);
			return value;
		},
	};
	return readings;
}

function isSame(bytes: Uint8Array, others: Uint8Array): boolean {
	return bytes === others || Buffer.compare(bytes, others) === 0;
}
