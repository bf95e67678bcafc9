/**
 * The shipped OpenDKIM signer over the simulated host, for one process: it reads and renders the tables on the simulated
 * disk; what needs a running OpenDKIM (the check of its configuration, signing, the milter probe) is simulated.
 */

import { KeyturnError } from "../../src/errors.ts";
import type { Disk } from "../../src/ports/disk.ts";
import type { ProbedKey, ProbeVerdict, Signer } from "../../src/ports/signer.ts";
import { createOpenDkimSigner } from "../../src/signers/opendkim/signer.ts";
import type { SimProcess } from "../fakes/sim-process.ts";
import { KEY_TABLE, KEYS, type MailHost, parseTables, SIGNING_TABLE } from "./mail-host.ts";
import { publishedKey, signedMessage } from "./sim-mail.ts";

export interface SignerFaults {
	/** How many of the next probes say "failed" though the signer is right. */
	failingProbes: number;
	/** What `opendkim -n` says. */
	complaint: string | null;
}

export function createSimSigner(given: {
	readonly name: string;
	readonly swap: "restart" | "reload";
	readonly host: MailHost;
	readonly disk: Disk;
	readonly process: SimProcess;
	readonly faults: SignerFaults;
	readonly onProbe: () => void;
}): Signer {
	const { host, process, faults } = given;
	const shipped = createOpenDkimSigner({
		name: given.name,
		service: "opendkim",
		swap: given.swap,
		disk: given.disk,
		settings: { config: "/etc/opendkim.conf", keys: KEYS, program: "/usr/sbin/opendkim" },
		programs: {
			run: async () => {
				throw new KeyturnError("program.missing", "no program runs in the simulation");
			},
		},
		runProbe: async () => {
			throw new KeyturnError("program.missing", "no program runs in the simulation");
		},
	});
	return {
		...shipped,
		preflight: async () => {
			await process.before("signer.preflight");
			return faults.complaint;
		},
		signOffline: async (staged, expectations) => {
			await process.before("signer.signOffline");
			const text = (path: string) => host.disk.text(staged.get(path) ?? path) ?? "";
			const tables = parseTables(text(KEY_TABLE), text(SIGNING_TABLE));
			if (tables === null) throw new KeyturnError("signer.config", "opendkim -n: the tables do not parse");
			return expectations.map((expected) => {
				const signature = host.sign(tables, expected.domain);
				if (signature.kind !== "signed")
					throw new KeyturnError("signer.probe", `${expected.domain}: ${signature.why}`);
				return signedMessage(expected.domain, signature.selector, signature.publicKey);
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

function judge(host: MailHost, faults: SignerFaults, expected: ProbedKey): ProbeVerdict {
	const { domain, selector, record } = expected;
	const failed = (reason: string): ProbeVerdict => ({ domain, selector, outcome: "failed", reason });
	if (faults.failingProbes > 0) {
		faults.failingProbes -= 1;
		return failed("milter: 451 4.7.1 try again later");
	}
	const signature = host.sign(host.signer.loaded, domain);
	if (record === null)
		return signature.kind === "signed" && signature.selector === selector
			? failed("it still signs")
			: { domain, selector, outcome: "unsigned", reason: null };
	if (signature.kind !== "signed") return failed(signature.why);
	if (signature.selector !== selector) return failed(`signed as ${signature.selector}`);
	if (signature.publicKey !== publishedKey(record)) return failed("the signature does not verify");
	return { domain, selector, outcome: "signed", reason: null };
}
