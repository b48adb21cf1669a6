/** Files of /proc that tell of the machine and the kernel. */
import { randomUUID } from 'node:crypto';
import { cpus, release, uptime, version } from 'node:os';
import { readFileSync } from 'node:fs';
import type { Caller } from '../caller.js';
import type { Inode } from '../inode.js';
import { type EntryFactory, ProcDirectory, ROOT } from './proc-inode.js';
import type { ProcFs } from './procfs.js';

const KIB = 1024;
const TICKS = 100;
const PID_MAX = 4194304;
const FILE_MAX = '9223372036854775807';
const NGROUPS_MAX = 65536;
const PIPE_MAX_SIZE = 1048576;

const bootId = randomUUID();

function memoryInfo(caller: Caller): string {
  const memory = caller.kernel?.memory;
  const total = Math.floor((memory?.limit ?? 0) / KIB);
  const free = Math.floor(Math.max(0, (memory?.limit ?? 0) - (memory?.allocated ?? 0)) / KIB);
  const rows: readonly (readonly [string, number])[] = [
    ['MemTotal', total],
    ['MemFree', free],
    ['MemAvailable', free],
    ['Buffers', 0],
    ['Cached', 0],
    ['SwapCached', 0],
    ['Active', total - free],
    ['Inactive', 0],
    ['SwapTotal', 0],
    ['SwapFree', 0],
    ['Dirty', 0],
    ['Writeback', 0],
    ['AnonPages', total - free],
    ['Mapped', 0],
    ['Shmem', 0],
    ['Slab', 0],
    ['SReclaimable', 0],
    ['SUnreclaim', 0],
    ['CommitLimit', total],
    ['Committed_AS', total - free],
  ];
  const line = ([name, value]: readonly [string, number]): string =>
    `${`${name}:`.padEnd(16)}${String(value).padStart(8)} kB\n`;
  return rows.map(line).join('');
}

function cpuCount(caller: Caller): number {
  return caller.kernel?.cpuCount ?? 1;
}

/** The host's description of a processor is the guest's: instructions run on it directly. */
function cpuInfo(caller: Caller): string {
  let first: string;
  try {
    first = readFileSync('/proc/cpuinfo', 'latin1').split('\n\n')[0] ?? '';
  } catch {
    first = `processor\t: 0\nmodel name\t: ${cpus()[0]?.model ?? 'unknown'}`;
  }
  let text = '';
  for (let cpu = 0; cpu < cpuCount(caller); cpu++) {
    text += `${first.replace(/^processor\t: \d+/, `processor\t: ${String(cpu)}`)}\n\n`;
  }
  return text;
}

function statistics(caller: Caller): string {
  const idle = Math.floor(uptime() * TICKS);
  const line = (name: string): string => `${name} 0 0 0 ${String(idle)} 0 0 0 0 0 0\n`;
  let text = line('cpu ');
  for (let cpu = 0; cpu < cpuCount(caller); cpu++) {
    text += line(`cpu${String(cpu)}`);
  }
  const count = String(caller.kernel?.processes.size ?? 1);
  return (
    `${text}intr 0\nctxt 0\nbtime ${String(caller.kernel?.bootTime ?? 0)}\n` +
    `processes ${count}\nprocs_running 1\nprocs_blocked 0\n`
  );
}

function upTime(): string {
  const seconds = uptime().toFixed(2);
  return `${seconds} ${seconds}\n`;
}

function loadAverage(caller: Caller): string {
  const count = String(caller.kernel?.processes.size ?? 1);
  return `0.00 0.00 0.00 1/${count} ${String(caller.pid)}\n`;
}

/** File systems a guest can meet here. */
const FILE_SYSTEMS =
  'nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\nnodev\tdevtmpfs\n\text4\nnodev\toverlay\n';

/** Paths below /proc/sys, and their contents. */
const SETTINGS: Readonly<Record<string, (caller: Caller) => string>> = {
  'kernel/osrelease': () => `${release()}\n`,
  'kernel/ostype': () => 'Linux\n',
  'kernel/version': () => `${version()}\n`,
  'kernel/hostname': (caller) => `${caller.kernel?.hostname ?? '(none)'}\n`,
  'kernel/domainname': () => '(none)\n',
  'kernel/pid_max': () => `${String(PID_MAX)}\n`,
  'kernel/threads-max': () => '8192\n',
  'kernel/ngroups_max': () => `${String(NGROUPS_MAX)}\n`,
  'kernel/cap_last_cap': () => '40\n',
  'kernel/randomize_va_space': () => '2\n',
  'kernel/random/boot_id': () => `${bootId}\n`,
  'kernel/random/uuid': () => `${randomUUID()}\n`,
  'kernel/random/entropy_avail': () => '256\n',
  'kernel/random/poolsize': () => '256\n',
  'vm/overcommit_memory': () => '0\n',
  'vm/max_map_count': () => '65530\n',
  'vm/mmap_min_addr': () => '65536\n',
  'fs/file-max': () => `${FILE_MAX}\n`,
  'fs/nr_open': () => '1048576\n',
  'fs/pipe-max-size': () => `${String(PIPE_MAX_SIZE)}\n`,
};

/** The directory of all settings that start with `prefix`. */
function settingsDirectory(fs: ProcFs, path: string, prefix: string): Inode {
  const entries = new Map<string, EntryFactory>();
  for (const [key, content] of Object.entries(SETTINGS)) {
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

export function systemFiles(fs: ProcFs): [string, EntryFactory][] {
  const files: readonly (readonly [string, (caller: Caller) => string])[] = [
    ['cmdline', () => 'ringfence\n'],
    ['cpuinfo', cpuInfo],
    ['filesystems', () => FILE_SYSTEMS],
    ['loadavg', loadAverage],
    ['meminfo', memoryInfo],
    ['stat', statistics],
    ['swaps', () => 'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n'],
    ['uptime', upTime],
    ['version', () => `Linux version ${release()} (ringfence) ${version()}\n`],
  ];
  const entries = files.map(([name, content]): [string, EntryFactory] => [
    name,
    (path) => fs.file(path, content),
  ]);
  entries.push(['sys', (path) => settingsDirectory(fs, path, '')]);
  return entries;
}
