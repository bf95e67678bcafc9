/** A milter filter in memory, behind the Sockets port: hears packets, answers as told, and remembers what it heard. */

import type { Connection, Sockets } from "../../src/ports/sockets.ts";

export interface FilterScript {
	/** The SMFIP flags that it asks for. */
	readonly steps?: number;
	/** The packets in answer to a command, "c" if not told; by command letter. */
	readonly answers?: Readonly<Record<string, readonly Uint8Array[]>>;
	/** Sent as soon as somebody connects, by what is no milter. */
	readonly greeting?: Uint8Array;
}

export interface FilterSockets extends Sockets {
	/** The commands heard, one letter each, over all connections. */
	heard(): string;
	/** The data of every packet of a command. */
	data(command: string): readonly string[];
	open(): number;
}

export function packet(command: string, data: Uint8Array | string = ""): Uint8Array {
	const body = Buffer.concat([Buffer.from(command, "latin1"), Buffer.from(data)]);
	const length = Buffer.alloc(4);
	length.writeUInt32BE(body.length);
	return new Uint8Array(Buffer.concat([length, body]));
}

/** SMFIR_INSHEADER at `index`. */
export function insertHeader(index: number, name: string, value: string): Uint8Array {
	const at = Buffer.alloc(4);
	at.writeUInt32BE(index);
	return packet("i", Buffer.concat([at, Buffer.from(`${name}\0${value}\0`)]));
}

/** `script` may differ from connection to connection, counted from 0. */
export function createFilterSockets(script: (connection: number) => FilterScript): FilterSockets {
	const heard: { readonly command: string; readonly data: string }[] = [];
	let connections = 0;
	let open = 0;
	return {
		heard: () => heard.map(({ command }) => command).join(""),
		data: (command) => heard.filter((packet) => packet.command === command).map(({ data }) => data),
		open: () => open,
		connect: async () => {
			open += 1;
			const close = (): void => void (open -= 1);
			return createFilterConnection(
				script(connections++),
				(command, data) => heard.push({ command, data }),
				close,
			);
		},
	};
}

function createFilterConnection(
	script: FilterScript,
	hear: (command: string, data: string) => void,
	close: () => void,
): Connection {
	let unread = Buffer.from(script.greeting ?? "");
	const answer = (command: string): readonly Uint8Array[] => {
		const told = script.answers?.[command];
		if (told !== undefined) return told;
		if (command === "O") return [negotiation(script.steps ?? 0)];
		return "DQ".includes(command) ? [] : [packet("c")];
	};
	const take = (count: number): Uint8Array => {
		if (unread.length < count) throw new Error("the filter has nothing more to say");
		const taken = unread.subarray(0, count);
		unread = unread.subarray(count);
		return new Uint8Array(taken);
	};
	return {
		write: async (bytes) => {
			const command = Buffer.from(bytes).toString("latin1", 4, 5);
			hear(command, Buffer.from(bytes.subarray(5)).toString("latin1"));
			unread = Buffer.concat([unread, ...answer(command)]);
		},
		read: async (count) => take(count),
		readLine: async () => Buffer.from(take(unread.indexOf("\n") + 1)).toString(),
		close,
	};
}

function negotiation(steps: number): Uint8Array {
	const data = Buffer.alloc(12);
	data.writeUInt32BE(6, 0);
	data.writeUInt32BE(1, 4);
	data.writeUInt32BE(steps, 8);
	return packet("O", data);
}
