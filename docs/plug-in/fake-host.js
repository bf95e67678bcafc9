/** The imaginary DNS host, as far as it takes to try the provider: zones and TXT records in memory, one token. */

import { once } from "node:events";
import { createServer } from "node:http";

export async function startFakeHost(zones) {
	const token = "a-token-of-the-fake-host";
	/** @type {{ id: string, name: string, value: string, ttl: number }[]} */
	const records = [];
	let ids = 0;
	const add = (name, value, ttl) => {
		records.push({ id: String(++ids), name, value, ttl });
		return records.at(-1);
	};
	const answer = (method, url, body) => {
		const [, , zone, , id] = url.pathname.split("/");
		if (url.pathname === "/zones") return [200, zones.map((name) => ({ id: name, name: `${name}.` }))];
		if (!zones.includes(zone)) return [404, { message: "no such zone" }];
		if (method === "GET") return [200, records.filter(({ name }) => name === url.searchParams.get("name"))];
		if (method === "POST") return [201, add(body.name, body.value, body.ttl)];
		const index = records.findIndex((record) => record.id === id);
		return index < 0 ? [404, { message: "no such record" }] : [200, records.splice(index, 1)];
	};
	const server = createServer(async (request, response) => {
		let text = "";
		for await (const chunk of request) text += chunk;
		const isKnown = host.isOpen && request.headers.authorization === `Bearer ${token}`;
		const url = new URL(request.url ?? "/", "http://fake");
		const [status, content] = isKnown
			? answer(request.method, url, text === "" ? null : JSON.parse(text))
			: [401, { message: "who are you?" }];
		response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(content));
	});
	server.listen(0, "127.0.0.1");
	await once(server, "listening");
	const host = {
		url: `http://127.0.0.1:${server.address().port}`,
		/** Whether the token is taken. */
		isOpen: true,
		token,
		records,
		serves: async (name) => records.filter((record) => record.name === name).map(({ value }) => value).sort(),
		plant: async (name, strings) => void add(name, strings.join(""), 60),
		stop: () => server.close(),
	};
	return host;
}
