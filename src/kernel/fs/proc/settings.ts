/** /proc/sys, sysctl(8): what programs ask for. */
import { randomUuid } from '../../../host/random.js';
import { release, version } from 'node:os';
import type { Caller } from '../caller.js';
import type { Inode } from '../inode.js';
import { type EntryFactory, ProcDirectory, ROOT } from './proc-inode.js';
import type { ProcFs } from './procfs.js';

const FILE_MAX = '9223372036854775807';

const bootId = randomUuid();

/** Paths below /proc/sys whose contents never change. */
const CONSTANTS: Readonly<Record<string, number | string>> = {
  'kernel/cap_last_cap': 40,
  'kernel/core_pattern': 'core',
  'kernel/core_uses_pid': 0,
  'kernel/domainname': '(none)',
  'kernel/io_uring_disabled': 2,
  'kernel/keys/maxkeys': 200,
  'kernel/msgmax': 8192,
  'kernel/msgmnb': 16384,
  'kernel/msgmni': 32000,
  'kernel/ngroups_max': 65536,
  'kernel/ostype': 'Linux',
  'kernel/overflowgid': 65534,
  'kernel/overflowuid': 65534,
  'kernel/perf_event_paranoid': 4,
  'kernel/pid_max': 4194304,
  'kernel/random/entropy_avail': 256,
  'kernel/random/poolsize': 256,
  'kernel/randomize_va_space': 2,
  'kernel/sched_rr_timeslice_ms': 100,
  'kernel/sem': '32000\t1024000000\t500\t32000',
  'kernel/shmall': '18446744073692774399',
  'kernel/shmmax': '18446744073692774399',
  'kernel/shmmni': 4096,
  'kernel/tainted': 0,
  'kernel/threads-max': 8192,
  'kernel/unprivileged_bpf_disabled': 2,
  'kernel/yama/ptrace_scope': 1,
  'vm/max_map_count': 65530,
  'vm/mmap_min_addr': 65536,
  'vm/overcommit_memory': 0,
  'vm/overcommit_ratio': 50,
  'vm/swappiness': 60,
  'fs/aio-max-nr': 65536,
  'fs/aio-nr': 0,
  'fs/epoll/max_user_watches': 1048576,
  'fs/file-max': FILE_MAX,
  'fs/file-nr': `0\t0\t${FILE_MAX}`,
  'fs/inotify/max_queued_events': 16384,
  'fs/inotify/max_user_instances': 128,
  'fs/inotify/max_user_watches': 65536,
  'fs/lease-break-time': 45,
  'fs/mqueue/msg_max': 10,
  'fs/mqueue/msgsize_max': 8192,
  'fs/mqueue/queues_max': 256,
  'fs/nr_open': 1048576,
  'fs/overflowgid': 65534,
  'fs/overflowuid': 65534,
  'fs/pipe-max-size': 1048576,
  'fs/pipe-user-pages-hard': 0,
  'fs/pipe-user-pages-soft': 16384,
  'fs/protected_fifos': 0,
  'fs/protected_hardlinks': 0,
  'fs/protected_regular': 0,
  'fs/protected_symlinks': 0,
  'fs/suid_dumpable': 0,
  'net/core/rmem_default': 212992,
  'net/core/rmem_max': 212992,
  'net/core/somaxconn': 4096,
  'net/core/wmem_default': 212992,
  'net/core/wmem_max': 212992,
  'net/ipv4/ip_local_port_range': '32768\t60999',
  'net/ipv4/ip_unprivileged_port_start': 1024,
  'net/ipv4/tcp_fin_timeout': 60,
  'net/ipv4/tcp_max_syn_backlog': 512,
  'net/ipv6/bindv6only': 0,
  'net/unix/max_dgram_qlen': 10,
};

/** Those that are made when they are read. */
const COMPUTED: Readonly<Record<string, (caller: Caller) => string>> = {
  'kernel/hostname': (caller) => caller.kernel?.hostname ?? '(none)',
  'kernel/osrelease': () => release(),
  'kernel/random/boot_id': () => bootId,
  'kernel/random/uuid': () => randomUuid(),
  'kernel/version': () => version(),
};

const SETTINGS: ReadonlyMap<string, (caller: Caller) => string> = new Map([
  ...Object.entries(CONSTANTS).map(([key, value]) => [key, () => `${String(value)}\n`] as const),
  ...Object.entries(COMPUTED).map(
    ([key, content]) => [key, (caller: Caller) => `${content(caller)}\n`] as const,
  ),
]);

/** The directory of all settings that start with `prefix`. */
export function settingsDirectory(fs: ProcFs, path: string, prefix = ''): Inode {
  const entries = new Map<string, EntryFactory>();
  for (const [key, content] of SETTINGS) {
    if (!key.startsWith(prefix)) {
      continue;
    }
    const rest = key.slice(prefix.length);
    const [name = '', ...below] = rest.split('/');
    entries.set(name, (at) =>
      below.length === 0 ? fs.file(at, content) : settingsDirectory(fs, at, `${prefix}${name}/`),
    );
  }
  return new ProcDirectory(fs, path, ROOT, entries);
}
