# Run by a real agent in a real cage. Tries every way that Linux gives a process to the memory, the environment or the descriptors of another
# one of the same user, on PID 1, on the warden, on the meter, and, to show that each way works where nothing forbids it, on a process of its own.
# Prints one line "<target> <way>" for each that succeeds, then the processes' ids and "done". Numbers of calls are those of x86-64.
use strict;
use warnings;

my $own = fork();
if ($own == 0) { open(STDERR, '>', '/dev/null'); sleep 600; exit 0 }
select(undef, undef, undef, 0.2);

my %target = (init => 1, control => $own);
for my $dir (glob '/proc/[0-9]*') {
  open(my $file, '<', "$dir/cmdline") or next;
  my $line = join ' ', split /\0/, (<$file> // '');
  my ($pid) = $dir =~ /(\d+)$/;
  $target{warden} = $pid if $line =~ m{warden\.mjs} && $pid != 1;
  $target{meter} = $pid if $line =~ m{meter\.mjs};
}

sub opens { my ($path, $mode) = @_; open(my $file, $mode // '<', $path) or return 0; return ($mode // '') eq '+<' || defined sysread($file, my $bytes, 1) }
sub opens_only { return open(my $file, '<', $_[0]) }
sub lists { opendir(my $dir, $_[0]) or return 0; return scalar(grep { !/^\.\.?$/ } readdir $dir) > 0 }
sub iovec { return pack('QQ', @_) }
sub address { return unpack('Q', pack('P', $_[0])) }

my %way = (
  (map { my $name = $_; ("proc/$name" => sub { opens("/proc/$_[0]/$name") }, "task/$name" => sub { opens("/proc/$_[0]/task/$_[0]/$name") }) }
    qw(environ maps smaps numa_maps auxv io syscall personality)),
  'proc/mem' => sub { opens_only("/proc/$_[0]/mem") },
  'proc/mem for writing' => sub { opens("/proc/$_[0]/mem", '+<') },
  'proc/pagemap' => sub { opens_only("/proc/$_[0]/pagemap") },
  'proc/fd list' => sub { lists("/proc/$_[0]/fd") },
  'proc/map_files list' => sub { lists("/proc/$_[0]/map_files") },
  'proc/cwd' => sub { defined readlink "/proc/$_[0]/cwd" },
  'proc/root' => sub { defined readlink "/proc/$_[0]/root" },
  'proc/exe' => sub { defined readlink "/proc/$_[0]/exe" },
  'proc/exe copied' => sub { opens("/proc/$_[0]/exe") },
  'proc/fd link' => sub { grep { defined readlink "/proc/$_[0]/fd/$_" } 0 .. 40 },
  'proc/fd opened' => sub { grep { opens_only("/proc/$_[0]/fd/$_") } 0, 1, 2 },
  'ptrace attach' => sub { return 0 if syscall(101, 16, $_[0] + 0, 0, 0) != 0; waitpid($_[0], 0x40000000); syscall(101, 17, $_[0] + 0, 0, 0); return 1 },
  'ptrace seize' => sub { return 0 if syscall(101, 0x4206, $_[0] + 0, 0, 0) != 0; syscall(101, 17, $_[0] + 0, 0, 0); return 1 },
  'process_vm_readv' => sub {
    my $into = "\0" x 16; my $from = 'sixteen bytes...';
    my $local = iovec(address($into), 16); my $remote = iovec(address($from), 16);
    return syscall(310, $_[0] + 0, $local, 1, $remote, 1, 0) != -1;
  },
  'pidfd_getfd' => sub { my $pidfd = syscall(434, $_[0] + 0, 0); return $pidfd >= 0 && syscall(438, $pidfd, 0, 0) >= 0 },
  'kcmp' => sub { return syscall(312, $$ + 0, $_[0] + 0, 1, 0, 0) >= 0 },
);

for my $name (sort keys %target) {
  for my $way (sort keys %way) { print "$name $way\n" if eval { $way{$way}->($target{$name}) } }
}
kill 'KILL', $own;

sub writes { my ($path) = @_; open(my $file, '>>', $path) or return 0; close $file; unlink $path; return 1 }
for my $binary (qw(/opt/clawcage/bin/node /opt/clawcage/bin/tini)) { print "files $binary read\n" if opens($binary) }
for my $path (glob('/opt/clawcage/*.mjs /opt/clawcage/bin/*')) { print "files $path written\n" if open(my $file, '>>', $path) }
for my $folder (glob('/opt /opt/clawcage /opt/clawcage/bin /opt/clawcage/cache /opt/clawcage/cache/* /usr/local/bin /etc')) { print "files $folder written\n" if -d $folder && writes("$folder/x") }
print "files loader ran the unreadable node\n" if system('/lib64/ld-linux-x86-64.so.2 /opt/clawcage/bin/node -v >/dev/null 2>&1') == 0;

# Signals that open an inspector in an ordinary Node.
kill 'USR1', $target{warden}, $target{meter};
select(undef, undef, undef, 0.3);
print "signals opened an inspector\n" if system('curl -s -m 1 http://127.0.0.1:9229/json >/dev/null') == 0;

print 'targets ', join(' ', sort keys %target), "\n";
for my $file (glob '/proc/[0-9]*/environ /proc/[0-9]*/cmdline /tmp/* /work/* /dev/shm/*') {
  open(my $in, '<', $file) or next;
  local $/;
  print 'seen ', unpack('H*', <$in> // ''), "\n";
}
print "done\n";
