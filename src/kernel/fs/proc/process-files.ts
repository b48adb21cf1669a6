/** The text files of /proc/PID. */
import { formatAccess } from '../../../platform/access.js';
import { PAGE_SIZE } from '../../../platform/file-range.js';
import { deviceMajor, deviceMinor } from '../../abi/stat.js';
import type { VmaDescription } from '../../mm/memory-manager.js';
import type { ResourceLimits } from '../../task/resource-limits.js';
import type { Task } from '../../task/task.js';

const KIB = 1024;
/** Column at which names start in /proc/PID/maps. */
const NAME_COLUMN = 73;

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}

function mapLine(vma: VmaDescription): string {
  const access = formatAccess(vma.access) + (vma.shared ? 's' : 'p');
  const device = `${hex(deviceMajor(vma.device), 2)}:${hex(deviceMinor(vma.device), 2)}`;
  const range = `${hex(vma.start, 8)}-${hex(vma.end, 8)}`;
  const line = `${range} ${access} ${hex(vma.offset, 8)} ${device} ${String(vma.inode)} `;
  return vma.name === '' ? `${line}\n` : `${line.padEnd(NAME_COLUMN)}${vma.name}\n`;
}

export function mapsText({ mm }: Task): string {
  let text = '';
  for (const vma of mm.describe()) {
    text += mapLine(vma);
  }
  return text;
}

function stateOf(task: Task): string {
  return task.process.stopped ? 'T (stopped)' : 'R (running)';
}

function kib(bytes: number): string {
  return `${String(Math.floor(bytes / KIB)).padStart(8)} kB`;
}

/** `comm` may hold what would break the line. */
function escapeName(name: string): string {
  return name.replace(/[\n\\]/g, (character) => (character === '\n' ? '\\n' : '\\\\'));
}

export function statusText(task: Task): string {
  const { process, credentials: ids, mm } = task;
  const threads = Math.max(1, process.tasks.size);
  const rows: readonly (readonly [string, string])[] = [
    ['Name', escapeName(process.comm)],
    ['Umask', task.fsContext.umask.toString(8).padStart(4, '0')],
    ['State', stateOf(task)],
    ['Tgid', String(task.pid)],
    ['Ngid', '0'],
    ['Pid', String(task.tid)],
    ['PPid', String(process.parentPid)],
    ['TracerPid', '0'],
    ['Uid', [ids.uid, ids.euid, ids.suid, ids.fsuid].join('\t')],
    ['Gid', [ids.gid, ids.egid, ids.sgid, ids.fsgid].join('\t')],
    ['FDSize', '64'],
    ['Groups', `${ids.groups.join(' ')} `],
    ['VmPeak', kib(mm.totalBytes)],
    ['VmSize', kib(mm.totalBytes)],
    ['VmLck', kib(0)],
    ['VmPin', kib(0)],
    ['VmHWM', kib(mm.residentBytes)],
    ['VmRSS', kib(mm.residentBytes)],
    ['VmSwap', kib(0)],
    ['Threads', String(threads)],
    ['NoNewPrivs', process.noNewPrivileges ? '1' : '0'],
    ['Seccomp', '0'],
    ['Cpus_allowed', ((1 << Math.min(task.kernel.cpuCount, 30)) - 1).toString(16)],
    ['Cpus_allowed_list', `0-${String(task.kernel.cpuCount - 1)}`],
    ['voluntary_ctxt_switches', '0'],
    ['nonvoluntary_ctxt_switches', '0'],
  ];
  return rows.map(([name, value]) => `${name}:\t${value}\n`).join('');
}

const TICKS_PER_MILLISECOND = 0.1;
const RSS_LIMIT = '18446744073709551615';

/** The fields of /proc/PID/stat behind `comm`, proc_pid_stat(5): numbers 3 to 52. */
export function statText(task: Task): string {
  const { process, mm } = task;
  const { program } = mm;
  const state = process.stopped ? 'T' : 'R';
  const group = String(process.processGroup);
  const ticks = Math.floor(task.cpuTime * TICKS_PER_MILLISECOND);
  const started = Math.floor(task.startTime * TICKS_PER_MILLISECOND);
  const head = [state, process.parentPid, group, process.session, 0, -1, 4194304];
  const faults = [0, 0, 0, 0];
  const times = [ticks, 0, 0, 0];
  const schedule = [20 + process.nice, process.nice, Math.max(1, process.tasks.size), 0, started];
  const memory = [mm.totalBytes, Math.floor(mm.residentBytes / PAGE_SIZE), RSS_LIMIT];
  const layout = [program.startCode, program.endCode, program.startStack, 0, 0];
  const signals = [0, 0, 0, 0, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0];
  const { startData, endData, argStart, argEnd, envStart, envEnd } = program;
  const data = [startData, endData, mm.startBrk, argStart, argEnd, envStart, envEnd, 0];
  const fields = [head, faults, times, schedule, memory, layout, signals, data].flat();
  return `${String(task.tid)} (${process.comm}) ${fields.join(' ')}\n`;
}

export function statmText({ mm }: Task): string {
  const size = Math.floor(mm.totalBytes / PAGE_SIZE);
  const resident = Math.floor(mm.residentBytes / PAGE_SIZE);
  return `${String(size)} ${String(resident)} 0 0 0 ${String(size)} 0\n`;
}

/** Names and units in the order of the resources' numbers. */
const LIMITS: readonly (readonly [string, string])[] = [
  ['Max cpu time', 'seconds'],
  ['Max file size', 'bytes'],
  ['Max data size', 'bytes'],
  ['Max stack size', 'bytes'],
  ['Max core file size', 'bytes'],
  ['Max resident set', 'bytes'],
  ['Max processes', 'processes'],
  ['Max open files', 'files'],
  ['Max locked memory', 'bytes'],
  ['Max address space', 'bytes'],
  ['Max file locks', 'locks'],
  ['Max pending signals', 'signals'],
  ['Max msgqueue size', 'bytes'],
  ['Max nice priority', ''],
  ['Max realtime priority', ''],
  ['Max realtime timeout', 'us'],
];

function limitLine(name: string, soft: string, hard: string, unit: string): string {
  return `${name.padEnd(25)} ${soft.padEnd(20)} ${hard.padEnd(20)} ${unit.padEnd(10)}\n`;
}

export function limitsText(limits: ResourceLimits): string {
  const show = (value: number): string => (value === Infinity ? 'unlimited' : String(value));
  let text = limitLine('Limit', 'Soft Limit', 'Hard Limit', 'Units');
  for (const [resource, [name, unit]] of LIMITS.entries()) {
    const limit = limits.get(resource);
    text += limitLine(name, show(limit?.soft ?? Infinity), show(limit?.hard ?? Infinity), unit);
  }
  return text;
}
