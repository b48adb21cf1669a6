/** Files of /proc that tell of the machine and the kernel. */
import { cpus, release, uptime, version } from 'node:os';
import { readFileSync } from 'node:fs';
import { PAGE_SIZE } from '../../../platform/file-range.js';
import type { Caller } from '../caller.js';
import { lockList } from './lock-list.js';
import type { EntryFactory } from './proc-inode.js';
import type { ProcFs } from './procfs.js';
import { settingsDirectory } from './settings.js';

const KIB = 1024;
const TICKS = 100;

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
    ['Active(anon)', total - free],
    ['Inactive(anon)', 0],
    ['Active(file)', 0],
    ['Inactive(file)', 0],
    ['Unevictable', 0],
    ['Mlocked', 0],
    ['SwapTotal', 0],
    ['SwapFree', 0],
    ['Dirty', 0],
    ['Writeback', 0],
    ['AnonPages', total - free],
    ['Mapped', 0],
    ['Shmem', 0],
    ['KReclaimable', 0],
    ['Slab', 0],
    ['SReclaimable', 0],
    ['SUnreclaim', 0],
    ['KernelStack', 0],
    ['PageTables', 0],
    ['CommitLimit', total],
    ['Committed_AS', total - free],
    ['AnonHugePages', 0],
    ['Hugepagesize', 2048],
    ['Hugetlb', 0],
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

/** Nothing here is paged, and nobody counts what the host does. */
function virtualMemory(caller: Caller): string {
  const memory = caller.kernel?.memory;
  const free = Math.max(0, (memory?.limit ?? 0) - (memory?.allocated ?? 0));
  const names = ['pgpgin', 'pgpgout', 'pswpin', 'pswpout', 'pgfault', 'pgmajfault', 'oom_kill'];
  const counters = names.map((name) => `${name} 0\n`).join('');
  return `nr_free_pages ${String(Math.floor(free / PAGE_SIZE))}\n${counters}`;
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
  'nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\nnodev\tdevtmpfs\nnodev\tsockfs\nnodev\tpipefs\n' +
  'nodev\tdevpts\n\text4\nnodev\toverlay\n';

/** Major numbers of what is in /dev. */
const DEVICES =
  'Character devices:\n  1 mem\n  5 /dev/tty\n  5 /dev/ptmx\n136 pts\n\nBlock devices:\n';

export function systemFiles(fs: ProcFs): [string, EntryFactory][] {
  const files: readonly (readonly [string, (caller: Caller) => string])[] = [
    ['cmdline', () => 'ringfence\n'],
    ['cpuinfo', cpuInfo],
    ['devices', () => DEVICES],
    ['diskstats', () => ''],
    ['filesystems', () => FILE_SYSTEMS],
    ['loadavg', loadAverage],
    ['locks', lockList],
    ['meminfo', memoryInfo],
    ['partitions', () => 'major minor  #blocks  name\n\n'],
    ['stat', statistics],
    ['swaps', () => 'Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n'],
    ['uptime', upTime],
    ['vmstat', virtualMemory],
    ['version', () => `Linux version ${release()} (ringfence) ${version()}\n`],
  ];
  const entries = files.map(([name, content]): [string, EntryFactory] => [
    name,
    (path) => fs.file(path, content),
  ]);
  entries.push(['sys', (path) => settingsDirectory(fs, path)]);
  return entries;
}
