/**
 * The shipped OpenDKIM or dkimpy-milter signer over the simulated host, for one process: it reads and renders the tables on the
 * simulated disk; what needs a running one (the check of its configuration, signing, the milter probe) is simulated.
 */

import { KeyturnError } from "../../src/errors.ts";
import type { Disk } from "../../src/ports/disk.ts";
import type { ProbedKey, ProbeVerdict, Signer } from "../../src/ports/signer.ts";
import { createDkimpySigner } from "../../src/signers/dkimpy/signer.ts";
import { createOpenDkimSigner } from "../../src/signers/opendkim/signer.ts";
import type { SimProcess } from "../fakes/sim-process.ts";
import { KEY_TABLE, KEYS, type MailHost, parseTables, SECOND_KEY_TABLE, SIGNING_TABLE } from "./mail-host.ts";
import { publishedKey, signedMessage } from "./sim-mail.ts";

const CONFIG = "/etc/opendkim.conf";

export interface SignerFaults {
	/** How many of the next probes say "failed" though the signer is right. */
	failingProbes: number;
	/** What `opendkim -n` says. */
	complaint: string | null;
}

export interface SimSignerOptions {
	readonly name: string;
	readonly swap: "restart" | "reload";
	/** Whether it is a dkimpy-milter, with a table of Ed25519 keys beside the other. */
	readonly signsTwice: boolean;
	readonly host: MailHost;
	readonly disk: Disk;
	readonly process: SimProcess;
	readonly faults: SignerFaults;
	readonly onProbe: () => void;
}

export function createSimSigner(given: SimSignerOptions): Signer {
	const { host, process, faults } = given;
	return {
		...createShipped(given),
		preflight: async () => {
			await process.before("signer.preflight");
			return faults.complaint;
		},
		signOffline: async (staged, expectations) => {
			await process.before("signer.signOffline");
			const text = (path: string) => host.disk.text(staged.get(path) ?? path);
			const tables = parseTables(text(KEY_TABLE) ?? "", text(SIGNING_TABLE) ?? "", text(SECOND_KEY_TABLE));
			if (tables === null) throw new KeyturnError("signer.config", "opendkim -n: the tables do not parse");
			return expectations.map(({ domain, selector }) => {
				const signature = host.sign(tables, domain);
				const [first, ...more] = signature.kind === "signed" ? signature.by : [];
				const own = more.find((one) => one.selector === selector) ?? first;
				if (own === undefined)
					throw new KeyturnError("signer.probe", `${domain}: ${"why" in signature ? signature.why : ""}`);
				return signedMessage(domain, own.selector, own.publicKey);
			});
		},
		ready: async () => {
			await process.before("signer.ready");
			if (!host.signer.running) throw new KeyturnError("signer.probe", "opendkim: connection refused");
		},
		probe: async (expectations) => {
			await process.before("signer.probe");
			if (!host.signer.running) throw new KeyturnError("signer.probe", "opendkim: connection refused");
			host.connect();
			given.onProbe();
			return expectations.map((expected) => judge(host, faults, expected));
		},
	};
}

const NO_PROGRAM = async () => {
	throw new KeyturnError("program.missing", "no program runs in the simulation");
};

function createShipped({ name, swap, signsTwice, disk }: SimSignerOptions): Signer {
	const common = { name, service: "opendkim", swap, disk, runProbe: NO_PROGRAM };
	if (signsTwice) return createDkimpySigner({ ...common, settings: { config: CONFIG, keys: KEYS } });
	const settings = { config: CONFIG, keys: KEYS, program: "/usr/sbin/opendkim" };
	return createOpenDkimSigner({ ...common, settings, programs: { run: NO_PROGRAM } });
}

function judge(host: MailHost, faults: SignerFaults, expected: ProbedKey): ProbeVerdict {
	const { domain, selector, record } = expected;
	const failed = (reason: string): ProbeVerdict => ({ domain, selector, outcome: "failed", reason });
	if (faults.failingProbes > 0) {
		faults.failingProbes -= 1;
		return failed("milter: 451 4.7.1 try again later");
	}
	const signature = host.sign(host.signer.loaded, domain);
	const by = signature.kind === "signed" ? signature.by : [];
	const own = by.find((one) => one.selector === selector);
	if (record === null)
		return own === undefined
			? { domain, selector, outcome: "unsigned", reason: null }
			: failed("it still signs");
	if (signature.kind !== "signed") return failed(signature.why);
	if (own === undefined) return failed(`signed as ${by.map((one) => one.selector).join(" and ")}`);
	if (own.publicKey !== publishedKey(record)) return failed("the signature does not verify");
	return { domain, selector, outcome: "signed", reason: null };
}
