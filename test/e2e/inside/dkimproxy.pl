#!/usr/bin/perl
# In place of DKIMproxy's dkimproxy.out, which is in no current Debian: reads its configuration and sender_map once, at its start,
# opens key files for every message, and stands between two Postfix services, signing with Mail::DKIM what passes.
# dkimproxy.pl CONFIGURATION
use strict;
use warnings;
use IO::Socket::INET;
use Mail::DKIM::Signer;

my ($file) = @ARGV;
my %option = map { /^\s*(\w+)\s+(\S+)/ ? ($1 => $2) : () } lines_of($file);
my %map = map { /^([^\s#;]+)\s+(.+)$/ ? ($1 => $2) : () }
	defined $option{sender_map} ? lines_of($option{sender_map}) : ();
my $server = IO::Socket::INET->new(LocalAddr => $option{listen}, Listen => 64, ReuseAddr => 1)
	or die "$option{listen}: $!\n";

# As many as Postfix opens connections.
my @children = map { child() } 1 .. 10;
$SIG{TERM} = sub { kill TERM => @children; exit 0 };
waitpid($_, 0) for @children;

sub lines_of {
	my ($path) = @_;
	open(my $in, "<", $path) or die "$path: $!\n";
	return map { s/(?<!\\)#.*//r } <$in>;
}

sub child {
	my $pid = fork;
	die "fork: $!\n" unless defined $pid;
	return $pid if $pid;
	while (my $client = $server->accept) {
		eval { serve($client); 1 } or warn $@;
		close($client);
	}
	exit 0;
}

sub serve {
	my ($client) = @_;
	my $relay = IO::Socket::INET->new(PeerAddr => $option{relay});
	if (!$relay) {
		print $client "421 Internal error (Next hop is down)\r\n";
		return;
	}
	pass_reply($relay, $client);
	while (my $command = <$client>) {
		print $relay $command;
		my $reply = pass_reply($relay, $client);
		return if $command =~ /^QUIT/i;
		pass_message($client, $relay) if $command =~ /^DATA/i && $reply =~ /^354/;
	}
}

sub pass_reply {
	my ($relay, $client) = @_;
	while (my $line = <$relay>) {
		print $client $line;
		return $line if $line =~ /^\d{3} /;
	}
	die "the next hop is gone\n";
}

sub pass_message {
	my ($client, $relay) = @_;
	my ($stuffed, $ended) = ("", 0);
	while (my $line = <$client>) {
		$ended = $line eq ".\r\n" and last;
		$stuffed .= $line;
	}
	die "a message has no end\n" unless $ended;
	my $fields = eval { signature_of($stuffed =~ s/^\.//mgr) };
	if (!defined $fields) {
		# reject_error; without its end the next hop forgets the message.
		print $client "451 4.7.0 it cannot be signed\r\n";
		die $@;
	}
	print $relay $fields, $stuffed, ".\r\n";
	pass_reply($relay, $client);
}

# None where nothing signs for the sender.
sub signature_of {
	my ($message) = @_;
	my ($head) = split /\r\n\r\n/, $message, 2;
	my ($domain) = $head =~ /^From:[^\r\n]*@([^\s>]+)/mi or return "";
	my $named = grep { $_ eq $domain } split /,/, $option{domain} // "";
	my $spec = $map{$domain} // ($named ? $option{signature} : return "");
	my %own = map { /^\s*(\w+)=(.*)$/ ? ($1 => $2) : () } split /,/, $spec =~ /dkim\(([^)]*)\)/ ? $1 : "";
	my $signer = Mail::DKIM::Signer->new(
		Algorithm => $own{a} // "rsa-sha1",
		Method => $own{c} // "simple",
		Domain => $own{d} // $domain,
		Selector => $own{s} // $option{selector},
		KeyFile => $own{key} // $option{keyfile},
	);
	$signer->PRINT($message);
	$signer->CLOSE;
	return $signer->signature->as_string . "\r\n";
}
