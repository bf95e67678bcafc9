/**
 * What whoever took over user keyturn would try, run inside the agent's own sandbox in the agent's place. Prints one JSON
 * object: what was done to each thing, by the code of its refusal.
 */
import * as fs from "node:fs";
import { createConnection } from "node:net";

const SOCKET = "/run/keyturn/apply.sock";
const ID = "0123456789abcdef0123456789abcdef";
const STATE = "/var/lib/keyturn";
const KEYS = "/etc/opendkim/keys";
const change = { signer: "opendkim", domain: "example.com", from: "202610", to: null };

const tried = {};
const attempt = (name, act) => {
	try {
		tried[name] = `done: ${String(act()).slice(0, 80)}`;
	} catch (error) {
		tried[name] = error.code ?? String(error);
	}
};

attempt("list keys", () => fs.readdirSync(KEYS));
attempt("read a key", () => fs.readFileSync(`${KEYS}/example.private`));
attempt("hard-link a key", () => fs.linkSync(`${KEYS}/example.private`, `${STATE}/stolen`));
attempt("read the door's directory", () => fs.readdirSync("/var/lib/keyturn-door"));
attempt("read shadow", () => fs.readFileSync("/etc/shadow"));
attempt("write the configuration", () => fs.appendFileSync("/etc/keyturn/keyturn.yaml", "#\n"));
attempt("replace the configuration", () => fs.renameSync("/etc/keyturn/keyturn.yaml", "/etc/keyturn/x"));
attempt("write the key table", () => fs.appendFileSync("/etc/opendkim/key.table", "#\n"));
attempt("plant a link beside the table", () =>
	fs.symlinkSync("/etc/shadow", "/etc/opendkim/key.table.keyturn"),
);
attempt("replace the door's directory", () =>
	fs.renameSync("/var/lib/keyturn-door", "/var/lib/keyturn-door2"),
);
attempt("replace the socket", () => fs.renameSync(SOCKET, `${SOCKET}2`));
tried["the signer's socket"] = await connectTo("/var/spool/postfix/opendkim/opendkim.sock");

const requests = {
	garbage: Buffer.from([0, 255, 254, 10, 123, 34, 0, 10]),
	nothing: "",
	"half a request": '{"act":"stage","id":',
	"deep nesting": "[".repeat(3_000_000),
	"100 MB": Buffer.alloc(100 * 1024 * 1024, 0x41),
	"200 MB": Buffer.alloc(200 * 1024 * 1024, 0x41),
	"another path": stage({ ...change, path: "/etc/cron.d/x" }),
	"another table": JSON.stringify({ act: "stage", id: ID, changes: [change], table: "/etc/passwd" }),
	"another service": JSON.stringify({ act: "recover", filesOnly: false, service: "ssh" }),
	"a command": JSON.stringify({ act: "recover", filesOnly: false, command: ["/bin/sh", "-c", "id"] }),
	"a path for a domain": stage({ ...change, domain: "../../cron.d/x" }),
	"a path for a selector": stage({ ...change, to: { selector: "../../x", record: "v=DKIM1", key: null } }),
	"a path for a signer": stage({ ...change, signer: "/etc/passwd" }),
	"somebody else's domain": stage({ ...change, domain: "example.edu" }),
	"a line of the table's own": stage({
		...change,
		to: { selector: "x\nevil", record: "v=DKIM1", key: null },
	}),
	"a key that is none": stage({
		...change,
		to: { selector: "x1", record: "v=DKIM1; p=AA", key: "-----BEGIN" },
	}),
	"an id never staged": JSON.stringify({
		act: "commit",
		id: ID,
		tableHashes: { opendkim: "00" },
		evidence: [],
	}),
	"an id that is a path": JSON.stringify({
		act: "commit",
		id: "../../../etc/x",
		tableHashes: {},
		evidence: [],
	}),
	"a key in use dropped": JSON.stringify({
		act: "drop",
		keys: [{ signer: "opendkim", domain: "example.com", selector: "202610" }],
		staged: [],
	}),
};
const answers = {};
for (const [name, sent] of Object.entries(requests)) answers[name] = await ask(sent);

// Own files swapped for links while the door is at work: it takes nothing from them.
fs.mkdirSync(`${STATE}/mine`, { recursive: true });
fs.writeFileSync(`${STATE}/mine/key`, "x");
const over = new AbortController();
const racing = (async () => {
	for (let round = 0; !over.signal.aborted; round += 1) {
		fs.rmSync(`${STATE}/race`, { force: true });
		if (round % 2 === 0) fs.symlinkSync(round % 4 === 0 ? "/etc/opendkim" : "/etc/shadow", `${STATE}/race`);
		else fs.linkSync(`${STATE}/mine/key`, `${STATE}/race`);
		await new Promise((resolve) => setImmediate(resolve));
	}
})();
const raced = await Promise.all([
	...Array.from({ length: 6 }, () => ask(requests["a path for a selector"])),
	...Array.from({ length: 6 }, () => ask(JSON.stringify({ act: "inspect", ids: [] }))),
	...Array.from({ length: 6 }, () => leave()),
]);
over.abort();
await racing;
fs.rmSync(`${STATE}/race`, { force: true });
fs.rmSync(`${STATE}/mine`, { recursive: true });
console.log(JSON.stringify({ tried, answers, raced: raced.map((answer) => answer.slice(0, 30)) }));

function stage(...changes) {
	return JSON.stringify({ act: "stage", id: ID, changes });
}

function connectTo(path) {
	return new Promise((resolve) => {
		const socket = createConnection(path, () => {
			socket.destroy();
			resolve("done: connected");
		});
		socket.on("error", (error) => resolve(error.code));
	});
}

/** All that the door says, or why it says nothing. */
function ask(sent) {
	return new Promise((resolve) => {
		const socket = createConnection({ path: SOCKET, allowHalfOpen: true });
		let said = "";
		socket.setEncoding("utf8").on("data", (text) => (said += text));
		socket.on("error", (error) => (said ||= `cut off: ${error.code}`));
		socket.on("end", () => socket.destroy());
		socket.on("close", () => resolve(said.slice(0, 1000)));
		socket.end(sent);
	});
}

/** Asks and goes away before the answer. */
function leave() {
	return new Promise((resolve) => {
		const socket = createConnection(SOCKET, () => {
			socket.write('{"act":"inspect"');
			socket.destroy();
			resolve("left");
		});
		socket.on("error", () => resolve("left"));
	});
}
