/** Has Perl's Mail::DKIM, which is what signs in a DKIMproxy, sign a message with a key file, as the proxy's user. */

import { KeyturnError } from "../../errors.ts";
import type { Programs } from "../../ports/programs.ts";
import { probeText } from "../probe-message.ts";

export interface MailDkimRequest {
	readonly programs: Programs;
	readonly perl: string;
	readonly owner: { readonly uid: number; readonly gid: number };
	readonly domain: string;
	readonly selector: string;
	readonly keyPath: string;
}

const NEVER = new AbortController().signal;
const SIGN_MS = 30_000;
const SCRIPT = `use strict; use Mail::DKIM::Signer;
my ($domain, $selector, $key) = @ARGV;
my $message = do { local $/; <STDIN> };
my $signer = Mail::DKIM::Signer->new(Algorithm => "rsa-sha256", Method => "relaxed", Domain => $domain,
	Selector => $selector, KeyFile => $key);
$signer->PRINT($message);
$signer->CLOSE;
print $signer->signature->as_string, "\\015\\012", $message;
`;

/** The signed message; fails with `signer.probe`. */
export async function signWithMailDkim(request: MailDkimRequest): Promise<string> {
	const { programs, perl, owner, domain, selector, keyPath } = request;
	const input = probeText(`postmaster@${domain}`);
	const argv = [perl, "-e", SCRIPT, domain, selector, keyPath] as const;
	const result = await programs.run({ argv, input, timeoutMs: SIGN_MS, owner }, NEVER);
	if (result.status === 0 && /^DKIM-Signature:/i.test(result.stdout)) return result.stdout;
	throw new KeyturnError(
		"signer.probe",
		`Mail::DKIM did not sign with ${keyPath}: exit status ${result.status}, saying: ${result.stderr.trim().slice(0, 300)}`,
		{
			hint: "Mode, owner or directory of the key file are the usual reason; or `perl` is another than DKIMproxy's.",
		},
	);
}
