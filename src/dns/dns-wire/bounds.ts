/** Looks over a message before it is decoded, so that no hostile one costs time: sizes, counts, names, record lengths. */

/** No answer that we ask for comes near; a 58-byte message can claim 61,184 records and a decoder would make them all. */
const MAX_RECORDS = 64;
const MAX_BYTES = { udp: 16_384, tcp: 65_535 } as const;
const MAX_POINTERS = 16;

export interface Bounds {
	readonly kind: "bounded";
	/** Where the last record ends. */
	readonly end: number;
}

export type BoundsCheck = Bounds | { readonly kind: "refused"; readonly why: string };

export function checkBounds(bytes: Uint8Array, transport: "udp" | "tcp"): BoundsCheck {
	if (bytes.length < 12) return refuse(`${bytes.length} bytes are no DNS message`);
	if (bytes.length > MAX_BYTES[transport]) return refuse(`${bytes.length} bytes are too many`);
	const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
	const counts = [4, 6, 8, 10].map((offset) => view.getUint16(offset));
	const [questions = 0, ...records] = counts;
	if (questions > 1) return refuse(`it has ${questions} questions`);
	if (records.some((count) => count > MAX_RECORDS))
		return refuse(`it claims ${Math.max(...records)} records in a section`);
	const total = records.reduce((sum, count) => sum + count, 0);
	let offset: number | null = 12;
	if (questions === 1) offset = skipQuestion(view, offset);
	for (let index = 0; index < total && offset !== null; index++) offset = skipRecord(view, offset);
	if (offset === null) return refuse("its records do not fit into it");
	return { kind: "bounded", end: offset };
}

function skipQuestion(view: DataView, offset: number): number | null {
	const end = skipName(view, offset);
	return end === null || end + 4 > view.byteLength ? null : end + 4;
}

function skipRecord(view: DataView, offset: number): number | null {
	const end = skipName(view, offset);
	if (end === null || end + 10 > view.byteLength) return null;
	const next = end + 10 + view.getUint16(end + 8);
	return next > view.byteLength ? null : next;
}

/** Where the name ends; null if it is too long, points forward, in circles or outside, or holds a dot inside a label. */
function skipName(view: DataView, start: number): number | null {
	let offset = start;
	let lowest = start;
	let end: number | null = null;
	let octets = 0;
	for (let pointers = 0; pointers <= MAX_POINTERS; ) {
		if (offset >= view.byteLength) return null;
		const length = view.getUint8(offset);
		if (length === 0) return end ?? offset + 1;
		if ((length & 0xc0) === 0xc0) {
			if (offset + 2 > view.byteLength) return null;
			const target = view.getUint16(offset) & 0x3fff;
			end ??= offset + 2;
			if (target >= lowest || target < 12) return null;
			lowest = target;
			offset = target;
			pointers++;
			continue;
		}
		octets += length + 1;
		if (length > 63 || octets > 254 || offset + 1 + length > view.byteLength) return null;
		for (let at = offset + 1; at <= offset + length; at++) if (view.getUint8(at) === 0x2e) return null;
		offset += length + 1;
	}
	return null;
}

function refuse(why: string): BoundsCheck {
	return { kind: "refused", why };
}
