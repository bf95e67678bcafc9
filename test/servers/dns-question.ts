/** Asks a server of a test one question, without the code under test. */

import { createSocket } from "node:dgram";
import { createConnection } from "node:net";
import { decode, encode, type Packet, RECURSION_DESIRED, type RecordType, streamEncode } from "dns-packet";

export interface Place {
	readonly address: string;
	readonly port: number;
}

/** The answer, or null if none came within half a second. */
export async function askPlainly(place: Place, name: string, type: RecordType): Promise<Packet | null> {
	const socket = createSocket(place.address.includes(":") ? "udp6" : "udp4");
	try {
		return await new Promise<Packet | null>((resolve) => {
			const timer = setTimeout(() => resolve(null), 500);
			socket.on("error", () => resolve(null));
			socket.on("message", (bytes) => {
				clearTimeout(timer);
				resolve(decode(bytes));
			});
			const query = encode({
				type: "query",
				id: 4711,
				flags: RECURSION_DESIRED,
				questions: [{ name, type }],
			});
			socket.send(query, place.port, place.address);
		});
	} finally {
		socket.close();
	}
}

/** Whether the server answers for the zone's SOA. */
export async function servesZone(place: Place, zone: string): Promise<boolean> {
	const packet = await askPlainly(place, zone, "SOA");
	return packet?.answers?.some((answer) => answer.type === "SOA") ?? false;
}

/** The TXT values at a name, sorted; over TCP, by another DNS implementation. */
export async function served(server: Place, name: string): Promise<readonly string[]> {
	const socket = createConnection({ host: server.address, port: server.port });
	const chunks: Buffer[] = [];
	try {
		socket.write(streamEncode({ type: "query", id: 4711, questions: [{ type: "TXT", name }] }));
		for await (const chunk of socket) {
			chunks.push(chunk as Buffer);
			const all = Buffer.concat(chunks);
			if (all.length < 2 || all.length < 2 + all.readUInt16BE(0)) continue;
			const { answers = [] } = decode(all.subarray(2));
			return answers.flatMap((answer) => (answer.type === "TXT" ? [textOf(answer.data)] : [])).sort();
		}
		throw new Error(`no answer for ${name}`);
	} finally {
		socket.destroy();
	}
}

function textOf(data: string | Buffer | readonly (string | Buffer)[]): string {
	return (Array.isArray(data) ? data : [data]).map(String).join("");
}
