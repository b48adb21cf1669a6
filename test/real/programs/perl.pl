# Pipes, processes, sockets and signals, as Perl has them.
use strict; use warnings;
use IO::Handle; use IO::Select; use IO::Socket::INET; use Fcntl qw(:flock SEEK_SET); use POSIX qw(:sys_wait_h); use Socket;
use File::Temp qw(tempfile); use File::Find; use Time::HiRes qw(sleep); use IPC::Open3; use Data::Dumper; use Digest::SHA 'sha256_hex';
$| = 1;

pipe(my $reader, my $writer) or die; my @children;
for my $n (1 .. 4) {
  my $pid = fork() // die;
  if ($pid == 0) { close $reader; syswrite $writer, "child $n\n"; exit $n }
  push @children, $pid;
}
close $writer; print sort <$reader>;
print 'statuses ', join(' ', map { waitpid $_, 0; $? >> 8 } @children), "\n";

open my $sorted, '-|', 'sort', '-r', $0 or die; my @lines = <$sorted>; close $sorted;
open my $count, '|-', 'wc -l' or die; print $count @lines; close $count; print 'lines ', scalar(@lines), "\n";
my $pid = open(my $child, '-|') // die;
if ($pid == 0) { print "by the child\n"; exit 5 }
print <$child>; close $child; print 'closed ', $? >> 8, "\n";
my $opened = open3(my $in, my $out, undef, 'sh', '-c', 'cat; echo error >&2; exit 3');
print $in "through open3\n"; close $in; print sort <$out>; waitpid $opened, 0; print $? >> 8, "\n";
print `echo backquotes; exit 9`, $? >> 8, ' ', system('kill -9 $$') & 127, ' ', system('/missing'), " $!\n";

my @caught; $SIG{USR1} = sub { push @caught, shift }; kill USR1 => $$ for 1 .. 3; print "@caught\n";
eval { local $SIG{ALRM} = sub { die "alarm\n" }; Time::HiRes::alarm(0.1); sleep 300 }; print $@;
my $reaped = 0;
$SIG{CHLD} = sub { while ((my $gone = waitpid -1, WNOHANG) > 0) { print 'reaped ', $? >> 8, "\n"; $reaped++ } };
if (fork() == 0) { exit 7 } sleep 0.05 until $reaped; $SIG{CHLD} = 'DEFAULT';

my $server = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1') or die $!;
if (fork() == 0) { my $c = $server->accept; while (<$c>) { print $c uc } exit 0 }
my $client = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $server->sockport) or die $!;
print $client "line $_\n" for 1 .. 3; shutdown $client, 1; print <$client>; wait;
socketpair(my $one, my $two, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or die; $one->autoflush; print $one "pair\n";
print scalar(IO::Select->new($two)->can_read(1)) ? scalar(<$two>) : "nothing\n";

my ($file, $name) = tempfile('perlXXXX', DIR => '.'); print $file 'x' x 5000; flock $file, LOCK_EX; seek $file, 10, SEEK_SET;
truncate $file, 100; close $file; print -s $name, ' ', (stat $name)[2] & 0777, "\n"; rename $name, 'renamed'; utime 1, 2, 'renamed';
print +(stat 'renamed')[9], ' ', -e $name ? 'still' : 'moved', "\n"; mkdir 'folder'; symlink '../renamed', 'folder/link';
my @found; find({ wanted => sub { push @found, $File::Find::name }, no_chdir => 1 }, '.'); print join(' ', sort @found), "\n";
local $Data::Dumper::Sortkeys = 1; local $Data::Dumper::Indent = 1;
my %words; $words{$_}++ for map { split /\W+/ } grep /^print/, @lines; print Dumper({ map { $_ => $words{$_} } grep { $words{$_} > 3 } keys %words });
print sha256_hex(join '', map { pack 'N', $_ } 1 .. 200_000), "\n"; printf "%s %.6f %s\n", $^O, atan2(1, 1) * 4, scalar gmtime 0;
exit 0;
