/** The demo's own DNS on loopback: a primary that takes signed updates, and a second server that has them a while later. */

import { createSocket, type Socket as DatagramSocket } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import dnsPacket from "dns-packet";
import { readServerMessage, readTxtData } from "../../src/dns/dns-wire/server-message.ts";
import type { TsigKey } from "../../src/dns/dns-wire/tsig.ts";
import { encodeTxtData, UPDATE_OPCODE } from "../../src/dns/dns-wire/update.ts";
import type { Clock } from "../../src/ports/clock.ts";
import { checkSignature, signAnswer } from "./tsig-server.ts";
import { createZoneHistory, type Version, type ZoneHistory } from "./zone-history.ts";

export interface NameServer {
	readonly name: string;
	readonly address: string;
	readonly port: number;
}

export interface NameServers {
	readonly primary: NameServer;
	readonly second: NameServer;
	/** Changes whenever one of the servers begins to serve something else. */
	serials(): string;
	/** Takes a record away behind keyturn's back. */
	remove(name: string): void;
	close(): Promise<void>;
}

export interface NameServersGiven {
	/** By zone: the key records that stand there from the beginning, by name. */
	readonly zones: ReadonlyMap<string, ReadonlyMap<string, string>>;
	readonly key: TsigKey;
	readonly clock: Clock;
	/** How long the second server lags behind. */
	readonly lagMs: number;
}

export async function startNameServers({ zones, key, clock, lagMs }: NameServersGiven): Promise<NameServers> {
	const histories = new Map<string, ZoneHistory>();
	for (const [zone, records] of zones) {
		const texts = [...records].map(([name, value]) => {
			const data = Buffer.from(encodeTxtData(value));
			return [name, [{ data, ttlSeconds: TTL_SECONDS }]] as const;
		});
		histories.set(zone, createZoneHistory(zone, new Map(texts)));
	}
	const primary = await listen("ns1", { histories, key, clock, lagMs: 0 });
	const second = await listen("ns2", { histories, key, clock, lagMs });
	return {
		primary: primary.place,
		second: second.place,
		serials: () => {
			const now = clock.now().getTime();
			const serials = [...histories.values()].map(
				(history) => `${history.at(now).serial}/${history.at(now - lagMs).serial}`,
			);
			return serials.join(" ");
		},
		remove: (name) => {
			const zone = zoneOf(histories, name);
			if (zone !== null) histories.get(zone)?.remove(name, clock.now().getTime() - lagMs);
		},
		close: async () => {
			await Promise.all([primary.close(), second.close()]);
		},
	};
}

const HOST = "127.0.0.1";
const TTL_SECONDS = 3600;
const NEGATIVE_TTL_SECONDS = 300;
const SMALLEST_DATAGRAM = 512;
const LARGEST_MESSAGE = 65_535;
const AUTHORITATIVE = 0x0400;
const TRUNCATED = 0x0200;
const RCODE = { nameError: 3, notImplemented: 4, refused: 5, notAuthorised: 9 } as const;

interface Service {
	readonly histories: ReadonlyMap<string, ZoneHistory>;
	readonly key: TsigKey;
	readonly clock: Clock;
	readonly lagMs: number;
}

interface Listening {
	readonly place: NameServer;
	close(): Promise<void>;
}

async function listen(name: string, service: Service): Promise<Listening> {
	const open = new Set<Socket>();
	const tcp = createServer((socket) => {
		open.add(socket);
		socket.on("close", () => open.delete(socket)).on("error", () => socket.destroy());
		readFrames(socket, (bytes) => answerMessage(bytes, LARGEST_MESSAGE, service));
	});
	const { udp, port } = await listenOnBoth(tcp);
	udp.on("message", (bytes, from) => {
		const answer = answerMessage(bytes, SMALLEST_DATAGRAM, service);
		if (answer !== null) udp.send(answer, from.port, from.address);
	});
	return {
		place: { name, address: HOST, port },
		close: async () => {
			for (const socket of open) socket.destroy();
			udp.close();
			tcp.close();
			await once(tcp, "close");
		},
	};
}

/** A port that is free for TCP may be taken for UDP: then another is tried. */
async function listenOnBoth(tcp: Server): Promise<{ readonly udp: DatagramSocket; readonly port: number }> {
	for (let tries = 1; ; tries += 1) {
		tcp.listen(0, HOST);
		await once(tcp, "listening");
		const { port } = tcp.address() as AddressInfo;
		const udp = createSocket("udp4");
		try {
			udp.bind(port, HOST);
			await once(udp, "listening");
			return { udp, port };
		} catch (thrown) {
			udp.close();
			tcp.close();
			await once(tcp, "close");
			if (tries >= 20) throw thrown;
		}
	}
}

/** RFC 1035 section 4.2.2: two octets of length before each message. */
function readFrames(socket: Socket, answer: (bytes: Buffer) => Buffer | null): void {
	let unread = Buffer.alloc(0);
	socket.on("data", (chunk: Buffer) => {
		unread = Buffer.concat([unread, chunk]);
		while (unread.length >= 2 && unread.length >= 2 + unread.readUInt16BE(0)) {
			const end = 2 + unread.readUInt16BE(0);
			const reply = answer(unread.subarray(2, end));
			unread = unread.subarray(end);
			if (reply === null) continue;
			const length = Buffer.alloc(2);
			length.writeUInt16BE(reply.length);
			socket.write(Buffer.concat([length, reply]));
		}
	});
}

function answerMessage(bytes: Buffer, limit: number, service: Service): Buffer | null {
	const seconds = Math.floor(service.clock.now().getTime() / 1000);
	const message = readServerMessage(bytes);
	if (message === null || message.isAnswer) return null;
	const signature = checkSignature(bytes, service.key, seconds);
	const plain = signature.kind === "signed" ? signature.plain : bytes;
	if (signature.kind === "refused") return respond(plain, RCODE.notAuthorised);
	const answer =
		message.opcode === UPDATE_OPCODE
			? update(bytes, signature.kind === "signed", service)
			: answerQuery(plain, limit, service);
	return signature.kind === "signed" ? signAnswer(answer, service.key, signature.mac, seconds) : answer;
}

/** Only the primary takes updates, and only signed ones. */
function update(bytes: Buffer, isSigned: boolean, { histories, clock, lagMs }: Service): Buffer {
	const message = readServerMessage(bytes);
	const history = histories.get(message?.questions[0]?.name ?? "");
	if (message === null || history === undefined || !isSigned || lagMs > 0)
		return respond(bytes, RCODE.refused);
	return respond(bytes, history.update(message, clock.now().getTime()));
}

/** Header and question alone. */
function respond(bytes: Buffer, rcode: number): Buffer {
	const header = Buffer.alloc(12);
	bytes.copy(header, 0, 0, 2);
	header.writeUInt16BE(0x8000 | (bytes.readUInt16BE(2) & 0x7800) | rcode, 2);
	return header;
}

function answerQuery(bytes: Buffer, limit: number, service: Service): Buffer {
	const query = dnsPacket.decode(bytes);
	const [question] = query.questions ?? [];
	const zone = question === undefined ? null : zoneOf(service.histories, question.name.toLowerCase());
	const history = zone === null ? undefined : service.histories.get(zone);
	if (question === undefined || zone === null || history === undefined) return respond(bytes, RCODE.refused);
	const edns = (query.additionals ?? []).find((record) => record.type === "OPT");
	const version = history.at(service.clock.now().getTime() - service.lagMs);
	const { rcode, answers, authorities } = look(version, zone, question);
	const message = {
		type: "response",
		...(query.id === undefined ? {} : { id: query.id }),
		flags: AUTHORITATIVE | rcode,
		questions: [question],
		answers,
		authorities,
		additionals: edns === undefined ? [] : [edns],
	} satisfies dnsPacket.Packet;
	const encoded = dnsPacket.encode(message);
	const room = edns?.type === "OPT" ? Math.max(limit, edns.udpPayloadSize) : limit;
	if (encoded.length <= room) return encoded;
	return dnsPacket.encode({ ...message, flags: message.flags | TRUNCATED, answers: [], authorities: [] });
}

interface Found {
	readonly rcode: number;
	readonly answers: dnsPacket.Answer[];
	readonly authorities: dnsPacket.Answer[];
}

function look(version: Version, zone: string, question: dnsPacket.Question): Found {
	const name = question.name.toLowerCase();
	const soa = soaOf(zone, version.serial);
	if (name === zone && question.type === "SOA") return { rcode: 0, answers: [soa], authorities: [] };
	if (name === zone && question.type === "NS") {
		const servers = ["ns1", "ns2"].map((host) => ({
			type: "NS" as const,
			name,
			ttl: TTL_SECONDS,
			data: `${host}.${zone}`,
		}));
		return { rcode: 0, answers: servers, authorities: [] };
	}
	const texts = question.type === "TXT" ? (version.texts.get(name) ?? []) : [];
	const answers = texts.map(({ data, ttlSeconds }) => ({
		type: "TXT" as const,
		name: question.name,
		ttl: ttlSeconds,
		data: (readTxtData(data) ?? []).map((octets) => Buffer.from(octets)),
	}));
	if (answers.length > 0) return { rcode: 0, answers, authorities: [] };
	// A name with others below it exists, though nothing stands at it (RFC 8020).
	const exists =
		name === zone || [...version.texts.keys()].some((held) => held === name || held.endsWith(`.${name}`));
	return { rcode: exists ? 0 : RCODE.nameError, answers: [], authorities: [soa] };
}

function soaOf(zone: string, serial: number): dnsPacket.Answer {
	return {
		type: "SOA",
		name: zone,
		ttl: NEGATIVE_TTL_SECONDS,
		data: {
			mname: `ns1.${zone}`,
			rname: `hostmaster.${zone}`,
			serial,
			refresh: 3600,
			retry: 600,
			expire: 604_800,
			minimum: NEGATIVE_TTL_SECONDS,
		},
	};
}

function zoneOf(histories: ReadonlyMap<string, ZoneHistory>, name: string): string | null {
	return [...histories.keys()].find((zone) => name === zone || name.endsWith(`.${zone}`)) ?? null;
}
