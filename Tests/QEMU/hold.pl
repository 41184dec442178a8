# hold.pl SOCKET ACCOUNT NUMBER FILE: a client of the vault's that is none of ours. It opens NUMBER connections and a challenge
# on each, and keeps them until FILE is there. Then it answers each challenge with a signature that is none: a chip that still
# has the session refuses the signature, a vault without it says that it is gone.
use strict;
use warnings;
use IO::Socket::UNIX;

my ($path, $account, $number, $file) = @ARGV;
$/ = "\0";
$| = 1;

sub call {
    my ($socket, $method, $parameters) = @_;
    print $socket qq({"method":"org.tenpin.Vault.$method","parameters":$parameters}\0);
    return scalar(<$socket>) // die "the vault closed the connection\n";
}

my @held;
for (1 .. $number) {
    my $socket = IO::Socket::UNIX->new(Peer => $path) or die "cannot connect to $path: $!\n";
    my ($enrollment) = call($socket, 'LookUp', qq({"account":"$account"})) =~ /"enrollment":"([^"]+)"/
        or die "LookUp shows no enrollment\n";
    my $who = qq("account":"$account","enrollment":"$enrollment");
    my $reply = call($socket, 'Challenge', "{$who}");
    my ($session) = $reply =~ /"session":(\d+)/ or die "no challenge number $_: $reply\n";
    my ($nonce) = $reply =~ /"nonceTPM":"([^"]+)"/ or die "no nonce: $reply\n";
    push @held, [$socket, qq({$who,"session":$session,"nonceTPM":"$nonce","signature":") . 'A' x 84 . 'Ag=="}'];
}
print "holding $number challenges\n";
for (1 .. 6000) {
    last if -e $file;
    select(undef, undef, undef, 0.1);
}

my %answers;
for (@held) {
    my ($error) = call($_->[0], 'Open', $_->[1]) =~ /"error":"org.tenpin.Vault.(\w+)"/;
    $answers{$error // 'none'}++;
}
print "answers: ", join(', ', map { "$answers{$_} $_" } sort keys %answers), "\n";
exit(($answers{RefusedByChip} // 0) != $number);
