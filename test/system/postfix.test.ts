import { describe, expect, it, test } from "vitest";
import { KeyturnError } from "../../src/errors.ts";
import type { ProgramRequest } from "../../src/ports/programs.ts";
import { createPostfix } from "../../src/system/postfix.ts";
import { SimDisk } from "../fakes/sim-disk.ts";
import { createSimProcess } from "../fakes/sim-process.ts";

/** What Postfix 3.7 printed for three messages, one of them held. */
const QUEUE = [
	'{"queue_name": "deferred", "queue_id": "4F2B81A0C3", "arrival_time": 1795348800, "message_size": 312, "forced_expire": false, "sender": "a@example.com", "recipients": [{"address": "b@example.net", "delay_reason": "connect to example.net[192.0.2.1]:25: Connection refused"}]}',
	'{"queue_name": "hold", "queue_id": "4F2B81A0C1", "arrival_time": 1795000000, "message_size": 312, "forced_expire": false, "sender": "a@example.com", "recipients": [{"address": "b@example.net"}]}',
	'{"queue_name": "active", "queue_id": "4F2B81A0C2", "arrival_time": 1795340000, "message_size": 312, "forced_expire": false, "sender": "a@example.com", "recipients": [{"address": "b@example.net"}]}',
];
const OLDEST = { id: "4F2B81A0C2", arrivedAt: new Date(1_795_340_000_000).toISOString() };
const LATER = { id: "4F2B81A0C3", arrivedAt: new Date(1_795_348_800_000).toISOString() };

function postfixThatSays(answers: {
	readonly lifetime: string;
	readonly queue: string;
	readonly status?: number;
	readonly programs?: readonly string[];
}) {
	const disk = new SimDisk(() => new Date());
	disk.putDirectory("/usr/sbin");
	for (const name of answers.programs ?? ["postconf", "postqueue"]) disk.put(`/usr/sbin/${name}`, "", 0o755);
	const run = async ({ argv }: ProgramRequest) => {
		const isQueue = argv[0].endsWith("postqueue");
		const value = argv.at(-1) === "multi_instance_directories" ? "" : answers.lifetime;
		return Promise.resolve({
			status: isQueue ? (answers.status ?? 0) : 0,
			signal: null,
			stdout: isQueue ? answers.queue : `${value}\n`,
			stderr: "",
		});
	};
	return createPostfix({ programs: { run }, disk: disk.open({ process: createSimProcess() }) });
}

/** By all arguments, or the last; what is not there cannot be told. */
function postfixWith(values: Readonly<Record<string, string>>, sockets: readonly string[] = []) {
	const disk = new SimDisk(() => new Date());
	disk.putDirectory("/usr/sbin");
	for (const name of ["postconf", "postqueue"]) disk.put(`/usr/sbin/${name}`, "", 0o755);
	for (const path of sockets) disk.put(path, "");
	const run = async ({ argv }: ProgramRequest) => {
		const [, ...args] = argv;
		const stdout = values[argv.join(" ")] ?? values[args.join(" ")] ?? values[args.at(-1) ?? ""];
		const result = {
			status: stdout === undefined ? 1 : 0,
			signal: null,
			stdout: `${stdout ?? ""}\n`,
			stderr: "",
		};
		return Promise.resolve(result);
	};
	return createPostfix({ programs: { run }, disk: disk.open({ process: createSimProcess() }) });
}

describe("the milters of Postfix", () => {
	const wiring = async (values: Readonly<Record<string, string>>, sockets?: readonly string[]) =>
		postfixWith(values, sockets).wiring();
	const MAIN = {
		smtpd_milters: "inet:127.0.0.1:11332, { unix:opendkim/opendkim.sock, connect_timeout=10s }",
		non_smtpd_milters: "",
		smtpd_milter_maps: "",
		milter_default_action: "accept",
		queue_directory: "/var/spool/postfix",
		"-P": "submission/inet/smtpd_milters = local:/sub.sock\nsmtps/inet/smtpd_tls_wrappermode = yes\nsubmission/inet/content_filter = dksign:[127.0.0.1]:10027\n127.0.0.1:10028/inet/content_filter = \nsmtp/inet/smtpd_proxy_filter = 127.0.0.1:10030",
		content_filter: "",
		smtpd_proxy_filter: "",
		relayhost: "",
		"-M": "smtp       inet  n - y - - smtpd\nsubmission inet  n - y - - smtpd\n    -o content_filter=dksign:[127.0.0.1]:10027\n127.0.0.1:10028 inet n - n - 10 smtpd\npickup     unix  n - y 60 1 pickup\ncleanup    unix  n - - - 0 cleanup\nsmtp       unix  - - y - - smtp",
		compatibility_level: "3.6",
	};

	it("are told with those that services have of their own", async () => {
		expect(await wiring(MAIN)).toEqual({
			lists: [
				{
					name: "smtpd_milters",
					setBy: "smtpd_milters",
					raw: "inet:127.0.0.1:11332, { unix:opendkim/opendkim.sock, connect_timeout=10s }",
					milters: ["inet:127.0.0.1:11332", "unix:opendkim/opendkim.sock"],
					takenBy: [
						{ service: "smtp/inet", isChrooted: true, absent: ["unix:opendkim/opendkim.sock"] },
						{ service: "127.0.0.1:10028/inet", isChrooted: false, absent: ["unix:opendkim/opendkim.sock"] },
					],
				},
				{
					name: "smtpd_milters",
					setBy: "submission/inet/smtpd_milters",
					raw: "local:/sub.sock",
					milters: ["local:/sub.sock"],
					takenBy: [{ service: "submission/inet", isChrooted: true, absent: ["local:/sub.sock"] }],
				},
				{
					name: "non_smtpd_milters",
					setBy: "non_smtpd_milters",
					raw: "",
					milters: [],
					takenBy: [{ service: "cleanup/unix", isChrooted: false, absent: [] }],
				},
			],
			filters: ["dksign:[127.0.0.1]:10027", "127.0.0.1:10030"],
			listeners: ["*:25", "*:587", "127.0.0.1:10028"],
			actions: [
				{ milter: "inet:127.0.0.1:11332", action: "accept", setBy: "milter_default_action" },
				{ milter: "unix:opendkim/opendkim.sock", action: "accept", setBy: "milter_default_action" },
				{ milter: "local:/sub.sock", action: "accept", setBy: "milter_default_action" },
			],
			tables: [],
			queueDirectory: "/var/spool/postfix",
		});
	});

	it.each(["queue_directory", "-M"] as const)(
		"are not told where Postfix does not say %s",
		async (unsaid) => {
			const { [unsaid]: _, ...some } = MAIN;
			expect(await wiring(some)).toBeNull();
		},
	);

	it("are told as they stand besides, with macros", async () => {
		const lists = await wiring({
			...MAIN,
			"-h smtpd_milters": "$mine, inet:localhost:11332",
			"-x -h smtpd_milters": "inet:localhost:8891, inet:localhost:11332",
			"-P": "submission/inet/smtpd_milters = $mine",
			"-x -P": "submission/inet/smtpd_milters = inet:localhost:8891",
		});
		expect(lists?.lists).toMatchObject([
			{ raw: "$mine, inet:localhost:11332", milters: ["inet:localhost:8891", "inet:localhost:11332"] },
			{ setBy: "submission/inet/smtpd_milters", raw: "$mine", milters: ["inet:localhost:8891"] },
			{ name: "non_smtpd_milters" },
		]);
	});

	it("of a service that has none of its own are not those of main.cf", async () => {
		const told = await wiring({ ...MAIN, "-P": "submission/inet/smtpd_milters = " });
		expect(told?.lists[0]?.takenBy.map(({ service }) => service)).toEqual([
			"smtp/inet",
			"127.0.0.1:10028/inet",
		]);
		expect(told?.lists[1]).toMatchObject({ setBy: "submission/inet/smtpd_milters", milters: [] });
	});

	/** The default is master(5)'s: as it was before Postfix 3.0 below level 1. */
	it.each([
		["-", "3.6", false],
		["-", "1", false],
		["-", "0", true],
		["-", "", true],
		["y", "3.6", true],
		["n", "0", false],
	])(
		"are looked for by a service with %s in the column of chroot, at level %j",
		async (chroot, level, is) => {
			const masters = `smtp inet n - n - 1 postscreen\nsmtpd pass - - ${chroot} - - smtpd -v`;
			const told = await wiring({ ...MAIN, "-P": "", "-M": masters, compatibility_level: level });
			expect(told?.lists[0]?.takenBy).toMatchObject([{ service: "smtpd/pass", isChrooted: is }]);
		},
	);

	it("are there or not as each service sees them", async () => {
		const milters = ["unix:/run/o.sock", "local:/in.sock", "unix:rel.sock", "inet:localhost:1"];
		const told = await wiring(
			{
				...MAIN,
				smtpd_milters: milters.join(", "),
				"-P": "",
				"-M": "smtp inet n - y - - smtpd\n587 inet n - n - - smtpd",
			},
			["/run/o.sock", "/var/spool/postfix/in.sock", "/var/spool/postfix/rel.sock"],
		);
		expect(told?.lists[0]?.takenBy.map(({ absent }) => absent)).toEqual([
			["unix:/run/o.sock"],
			["local:/in.sock"],
		]);
	});

	/** As Postfix 3.7 prints them. */
	const WAITS: Readonly<Record<string, string>> = {
		...MAIN,
		smtpd_milters: "inet:localhost:8891, { inet:localhost:11332, connect_timeout=10s }",
		non_smtpd_milters: "inet:localhost:8891",
		milter_default_action: "tempfail",
		multi_instance_directories: "",
	};

	it.each([
		["tempfail in main.cf", {}],
		["tempfail again for one milter", { smtpd_milters: "{ inet:localhost:8891, default_action=tempfail }" }],
		["tempfail again for a service", { "-P": "submission/inet/milter_default_action = tempfail" }],
		["no milter", { smtpd_milters: "", non_smtpd_milters: "", "-P": "" }],
	])("let mail wait: %s", async (_, values) => {
		expect(await postfixWith({ ...WAITS, ...values }).defersMail()).toBe(true);
	});

	it.each([
		["main.cf", { milter_default_action: "accept" }, "milter_default_action"],
		["main.cf, which freezes it", { milter_default_action: "quarantine" }, "milter_default_action"],
		["one milter", { smtpd_milters: "{ inet:localhost:8891, default_action=accept }" }, "smtpd_milters"],
		[
			"one milter, behind another setting",
			{
				smtpd_milters:
					"inet:localhost:11332, { inet:localhost:8891, command_timeout=30s, default_action=accept }",
			},
			"smtpd_milters",
		],
		[
			"one milter, with blanks, for what is made on this host",
			{ non_smtpd_milters: "{inet:localhost:8891 connect_timeout=10s { default_action = accept } }" },
			"non_smtpd_milters",
		],
		[
			"a service",
			{ "-P": "submission/inet/milter_default_action = accept" },
			"submission/inet/milter_default_action",
		],
		[
			"a service, in a list of its own",
			{ "-P": "[::1]:587/inet/smtpd_milters = { inet:localhost:8891, default_action=accept }" },
			"[::1]:587/inet/smtpd_milters",
		],
		[
			"cleanup",
			{ smtpd_milters: "", "-P": "cleanup/unix/milter_default_action = accept" },
			"cleanup/unix/milter_default_action",
		],
	])("let mail pass by them: %s", async (_, values, setBy) => {
		const postfix = postfixWith({ ...WAITS, ...values });
		expect(await postfix.defersMail()).toBe(false);
		const actions = (await postfix.wiring())?.actions ?? [];
		const passing = actions.filter(({ action }) => action !== "tempfail");
		expect(passing.find(({ milter }) => milter === "inet:localhost:8891")).toMatchObject({ setBy });
		expect(new Set(passing.map((found) => found.setBy))).toEqual(new Set([setBy]));
	});

	it.each([
		["for all", { smtpd_milter_maps: "cidr:/etc/postfix/milters" }],
		["for a service's", { "-P": "submission/inet/smtpd_milter_maps = cidr:/etc/postfix/milters" }],
	])("are not known to let mail wait where tables say which for each client: %s", async (_, values) => {
		const postfix = postfixWith({ ...WAITS, ...values });
		expect(await postfix.defersMail()).toBe(false);
		const [key = "", value = ""] = Object.entries(values)[0] ?? [];
		const [setBy = "", table = ""] = key === "-P" ? value.split(" = ") : [key, value];
		expect((await postfix.wiring())?.tables).toEqual([{ setBy, value: table }]);
	});

	/** The first sends what this host writes itself, the second has the milters. */
	const INSTANCES = {
		...WAITS,
		smtpd_milters: "",
		non_smtpd_milters: "",
		"-P": "",
		multi_instance_directories: "/etc/postfix-out, /etc/postfix-in",
		"-c /etc/postfix-in -x -h smtpd_milters": "inet:localhost:8891",
	};

	it("let mail wait in every instance, or in none", async () => {
		expect(await postfixWith(INSTANCES).defersMail()).toBe(true);
		const passing = { "-c /etc/postfix-in -x -h milter_default_action": "accept" };
		expect(await postfixWith({ ...INSTANCES, ...passing }).defersMail()).toBe(false);
	});

	it.each([
		"milter_default_action",
		"non_smtpd_milters",
		"-P",
		"smtpd_milter_maps",
		"multi_instance_directories",
	])("are not known to let mail wait where Postfix does not say %s", async (unsaid) => {
		const { [unsaid]: _, ...some } = WAITS;
		expect(await postfixWith(some).defersMail()).toBe(false);
	});
});

describe("the greeting of Postfix", () => {
	/** As Postfix 3.7 prints them. */
	const HERE: Readonly<Record<string, string>> = {
		inet_interfaces: "all",
		inet_protocols: "all",
		smtpd_upstream_proxy_protocol: "",
		postscreen_upstream_proxy_protocol: "",
		"-P": "submission/inet/smtpd_upstream_proxy_protocol = haproxy",
		"smtp/inet": "smtp       inet  n       -       y       -       -       smtpd",
	};
	const POSTSCREEN = "smtp       inet  n       -       y       -       1       postscreen";
	const SMTPD_WITH_PROXY = "smtp/inet/smtpd_upstream_proxy_protocol = haproxy";

	it.each([
		["everywhere", {}, "127.0.0.1"],
		["of postscreen", { "smtp/inet": POSTSCREEN }, "127.0.0.1"],
		["by IPv4", { inet_protocols: "ipv4", inet_interfaces: "loopback-only" }, "127.0.0.1"],
		["by IPv6", { inet_protocols: "ipv6" }, "::1"],
		["by IPv6 of its own name", { inet_protocols: "ipv6", inet_interfaces: "$myhostname, localhost" }, "::1"],
		["at the address of IPv4", { inet_interfaces: "192.0.2.1, 127.0.0.1" }, "127.0.0.1"],
		["at the address of IPv6", { inet_interfaces: "192.0.2.1, [::1]" }, "::1"],
		[
			"of a service without the proxy that others have",
			{ smtpd_upstream_proxy_protocol: "haproxy", "-P": "smtp/inet/smtpd_upstream_proxy_protocol = " },
			"127.0.0.1",
		],
		["of postscreen, of which smtpd hears", { "smtp/inet": POSTSCREEN, "-P": SMTPD_WITH_PROXY }, "127.0.0.1"],
	])("is on loopback: %s", async (_, values, host) => {
		expect(await postfixWith({ ...HERE, ...values }).greetsAt()).toEqual({ host, port: 25 });
	});

	it.each([
		["it listens elsewhere", { inet_interfaces: "192.0.2.1" }],
		["it listens elsewhere by IPv6", { inet_protocols: "ipv6", inet_interfaces: "127.0.0.1" }],
		["it does not listen", { "smtp/inet": "" }],
		["smtpd waits for a proxy", { smtpd_upstream_proxy_protocol: "haproxy" }],
		["this smtpd waits for a proxy", { "-P": SMTPD_WITH_PROXY }],
		[
			"postscreen waits for a proxy",
			{ "smtp/inet": POSTSCREEN, postscreen_upstream_proxy_protocol: "haproxy" },
		],
	])("is not expected on loopback: %s", async (_, values) => {
		expect(await postfixWith({ ...HERE, ...values }).greetsAt()).toBeNull();
	});
});

describe("the queue of Postfix", () => {
	it("is told oldest first, without what is held", async () => {
		const postfix = postfixThatSays({ lifetime: "5d", queue: `${QUEUE.join("\n")}\n` });
		expect(await postfix.queue()).toEqual({
			lifetimeSeconds: 432_000,
			waiting: [OLDEST, LATER],
			isComplete: true,
		});
	});

	it.each([
		["36h", 129_600],
		["2w", 1_209_600],
		["5", 432_000],
		["90m", 5400],
	])("has a lifetime of %s", async (lifetime, lifetimeSeconds) => {
		expect(await postfixThatSays({ lifetime, queue: "" }).queue()).toMatchObject({ lifetimeSeconds });
	});

	it("is incomplete where a line was cut, or is of another form", async () => {
		for (const line of [
			QUEUE[0]?.slice(0, 80) ?? "",
			"[]",
			'{"queue_id": "../x", "arrival_time": 1}',
			"null",
		]) {
			const postfix = postfixThatSays({ lifetime: "5d", queue: `${QUEUE[2]}\n${line}` });
			expect(await postfix.queue(), line).toMatchObject({ waiting: [OLDEST], isComplete: false });
		}
	});

	it("is incomplete where Postfix is stopped", async () => {
		const stopped = { lifetimeSeconds: 432_000, waiting: [], isComplete: false };
		expect(await postfixThatSays({ lifetime: "5d", queue: "", status: 69 }).queue()).toEqual(stopped);
	});

	it("has the lifetime that Postfix has by default where it does not say one, and is incomplete then", async () => {
		const unknown = { lifetimeSeconds: 432_000, isComplete: false };
		const waiting = postfixThatSays({ lifetime: "$x", queue: `${QUEUE[2]}\n` });
		expect(await waiting.queue()).toEqual({ ...unknown, waiting: [OLDEST] });
		expect(await postfixWithout("postconf").queue()).toEqual({ ...unknown, waiting: [] });
		expect(await postfixWith({ maximal_queue_lifetime: "5d", "-j": QUEUE[2] ?? "" }).queue()).toEqual({
			...unknown,
			waiting: [OLDEST],
		});
	});

	it("is none where there is no Postfix", async () => {
		expect(await postfixThatSays({ lifetime: "5d", queue: "", programs: [] }).queue()).toBeNull();
	});

	it("is that of all instances, for as long as any of them keeps mail", async () => {
		const one = `${QUEUE[0]}\n`;
		const values = {
			multi_instance_directories: "/etc/postfix-out",
			maximal_queue_lifetime: "5d",
			"-c /etc/postfix-out -x -h maximal_queue_lifetime": "3w",
			"-j": one,
			"-c /etc/postfix-out -j": `${QUEUE[2]}\n`,
		};
		const expected = { lifetimeSeconds: 1_814_400, waiting: [OLDEST, LATER], isComplete: true };
		expect(await postfixWith(values).queue()).toEqual(expected);
		const { "-c /etc/postfix-out -j": _, "-j": _own, ...silent } = values;
		expect(await postfixWith({ ...silent, "/usr/sbin/postqueue -j": one }).queue()).toEqual({
			lifetimeSeconds: 1_814_400,
			waiting: [LATER],
			isComplete: false,
		});
	});

	it("is incomplete where it is too long to be told in time", async () => {
		expect(await postfixWithout("postqueue").queue()).toEqual({
			lifetimeSeconds: 432_000,
			waiting: [],
			isComplete: false,
		});
	});
});

test("a Postfix that says nothing in time fails nobody: that cannot be told", async () => {
	const postfix = postfixWithout("postconf");
	expect(await postfix.defersMail()).toBe(false);
	expect(await postfix.greetsAt()).toBeNull();
	expect(await postfix.wiring()).toBeNull();
});

/** One of its programs never ends. */
function postfixWithout(program: string) {
	const disk = new SimDisk(() => new Date());
	disk.putDirectory("/usr/sbin");
	for (const name of ["postconf", "postqueue"]) disk.put(`/usr/sbin/${name}`, "", 0o755);
	const run = async ({ argv }: ProgramRequest) => {
		if (argv[0].endsWith(program)) throw new KeyturnError("program.timeout", `${program}: killed`);
		const stdout = argv.at(-1) === "maximal_queue_lifetime" ? "5d\n" : "\n";
		return Promise.resolve({ status: 0, signal: null, stdout, stderr: "" });
	};
	return createPostfix({ programs: { run }, disk: disk.open({ process: createSimProcess() }) });
}
