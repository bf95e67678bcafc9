/** A signer that keyturn does not know: Perl's Mail::DKIM, with programs of an administrator's around it. */

import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished } from "vitest";

export const mayRun = existsSync("/usr/share/perl5/Mail/DKIM.pm") && process.getuid?.() === 0;

/** Copies what it is told to use, all of it or nothing. */
const APPLY = `#!/usr/bin/perl
use strict; use JSON::PP; use File::Copy;
my ($place) = @ARGV;
my $request = decode_json(do { local $/; <STDIN> });
my %live;
for my $key (@{$request->{keys}}) {
	die "$key->{algorithm} is beyond me\\n" if $key->{algorithm} ne "rsa";
	my $copy = "$place/live/$key->{domain}.$key->{selector}";
	copy($key->{keyFile}, "$copy.new") && rename("$copy.new", $copy) or die "$copy: $!\\n";
	$live{$key->{domain}} = { selector => $key->{selector}, file => $copy };
}
open(my $out, ">", "$place/live.new") or die "$!\\n";
print $out encode_json(\\%live);
close($out) && rename("$place/live.new", "$place/live.json") or die "$!\\n";
`;

/** The running signer: one message in, the message as it leaves out. */
const PROVE = `#!/usr/bin/perl
use strict; use JSON::PP; use Mail::DKIM::Signer;
my ($place) = @ARGV;
die "nothing runs\\n" unless -e "$place/running";
my $message = do { local $/; <STDIN> };
my ($domain) = $message =~ /^From: <[^@]*@([^>]*)>/m;
my $live = -e "$place/live.json" ? decode_json(do { local (@ARGV, $/) = "$place/live.json"; <> }) : {};
my $key = $live->{$domain};
if ($key) {
	my $signer = Mail::DKIM::Signer->new(Algorithm => "rsa-sha256", Method => "relaxed", Domain => $domain,
		Selector => $key->{selector}, KeyFile => $key->{file});
	$signer->PRINT($message);
	$signer->CLOSE;
	print $signer->signature->as_string . "\\015\\012";
}
print $message;
`;

export interface MailDkimHost {
	readonly directory: string;
	readonly apply: [string, string];
	readonly prove: [string, string];
}

/** Below a directory that only root can write to, as the programs of root have to be. */
export async function prepareMailDkim(): Promise<MailDkimHost> {
	const directory = await mkdtemp("/var/lib/keyturn-command-");
	onTestFinished(() => rm(directory, { recursive: true, force: true }));
	await mkdir(join(directory, "live"), { mode: 0o700 });
	await writeFile(join(directory, "running"), "");
	const program = async (name: string, text: string): Promise<[string, string]> => {
		const path = join(directory, name);
		await writeFile(path, text);
		await chmod(path, 0o755);
		return [path, directory];
	};
	return { directory, apply: await program("apply", APPLY), prove: await program("prove", PROVE) };
}
