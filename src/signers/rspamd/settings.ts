/** What keyturn.yaml says about an rspamd; everything else is read from its own configuration. */

import * as z from "zod";

const absolutePath = z
	.string()
	.regex(
		/^\/[^\s#%$"'\\]*[^\s#%$"'\\/]$/,
		"expected an absolute path without blanks, #, %, $, \\ and quotes",
	);

const redis = z.strictObject({
	socket: absolutePath.describe("Redis' unix socket, `unixsocket` of redis.conf"),
	table: absolutePath.describe(
		"File of keyturn's that says what signs, a line each: domain and selector; Redis is made to follow it",
	),
	database: z.int().min(0).max(1_000_000).default(0).describe("`db` of rspamd's redis.conf"),
	password_file: absolutePath
		.nullable()
		.default(null)
		.describe("File with Redis' password alone, readable by root only; `null`: it asks for none"),
});

export type RedisSettings = Readonly<z.infer<typeof redis>>;

const keyPlace = z
	.string()
	.regex(
		/^\/(?:[^\s#%$"'\\]|\$domain|\$selector)*(?:[^\s#%$"'\\/]|\$selector)$/,
		"expected an absolute path without blanks, #, %, \\ and quotes, and no variables but $domain and $selector",
	)
	.refine(
		(path) => !path.includes("$") || (path.includes("$domain") && path.includes("$selector")),
		"expected both $domain and $selector, or neither",
	);

export const settingsSchema = z.strictObject({
	config: absolutePath
		.default("/etc/rspamd/local.d/dkim_signing.conf")
		.describe("The file with the `domain { }` section, or the names of maps, tables or hashes"),
	keys: keyPlace
		.default("/var/lib/rspamd/dkim")
		.describe(
			"Directory for new key files, which are named <keys>/<domain>/<selector>.private; or the whole path with $domain and $selector, as `path` beside a `selector_map` has it",
		),
	redis: redis
		.nullable()
		.default(null)
		.describe("Where `use_redis` has rspamd's keys; `null`: they are in files"),
	user: z.string().min(1).default("_rspamd").describe("Who rspamd runs as"),
	listen: z
		.string()
		.regex(/^[^\s:]+:\d{1,5}$/, "expected HOST:PORT")
		.default("127.0.0.1:11333")
		.describe("Where its normal worker answers HTTP; where that is off, its controller (127.0.0.1:11334)"),
	main: absolutePath
		.default("/etc/rspamd/rspamd.conf")
		.describe("Its main configuration, which is checked before a switch"),
	program: absolutePath
		.default("/usr/bin/rspamadm")
		.describe("The program that signs offline and checks the configuration"),
});

export type RspamdSettings = Readonly<z.infer<typeof settingsSchema>>;
