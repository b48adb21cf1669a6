/** The text files of /proc/PID. */
import { Access, formatAccess } from '../../../platform/access.js';
import { PAGE_SIZE } from '../../../platform/file-range.js';
import { deviceMajor, deviceMinor } from '../../abi/stat.js';
import type { MemoryManager, VmaDescription } from '../../mm/memory-manager.js';
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

/** What is resident counts as private: who else has it is not known. */
export function smapsText({ mm }: Task): string {
  let text = '';
  for (const vma of mm.describe()) {
    const resident = residentKib(mm, vma);
    const anonymous = vma.inode === 0 ? resident : 0;
    const rows: readonly (readonly [string, number])[] = [
      ['Size', (vma.end - vma.start) / KIB],
      ['KernelPageSize', PAGE_SIZE / KIB],
      ['MMUPageSize', PAGE_SIZE / KIB],
      ['Rss', resident],
      ['Pss', resident],
      ['Shared_Clean', 0],
      ['Shared_Dirty', 0],
      ['Private_Clean', resident - anonymous],
      ['Private_Dirty', anonymous],
      ['Referenced', resident],
      ['Anonymous', anonymous],
      ['AnonHugePages', 0],
      ['Swap', 0],
      ['SwapPss', 0],
      ['Locked', vma.locked === 'no' ? 0 : resident],
    ];
    text += mapLine(vma) + rows.map(([name, value]) => kibLine(name, value)).join('');
    text += `THPeligible:           0\nVmFlags: ${vmaFlags(vma)}\n`;
  }
  return text;
}

/** Sums of all mappings. */
export function smapsRollupText({ mm }: Task): string {
  let [start, end, resident, anonymous] = [Infinity, 0, 0, 0];
  for (const vma of mm.describe()) {
    const kib = residentKib(mm, vma);
    start = Math.min(start, vma.start);
    end = Math.max(end, vma.end);
    resident += kib;
    anonymous += vma.inode === 0 ? kib : 0;
  }
  const rows: readonly (readonly [string, number])[] = [
    ['Rss', resident],
    ['Pss', resident],
    ['Pss_Dirty', anonymous],
    ['Pss_Anon', anonymous],
    ['Pss_File', resident - anonymous],
    ['Pss_Shmem', 0],
    ['Shared_Clean', 0],
    ['Shared_Dirty', 0],
    ['Private_Clean', resident - anonymous],
    ['Private_Dirty', anonymous],
    ['Referenced', resident],
    ['Anonymous', anonymous],
    ['AnonHugePages', 0],
    ['Swap', 0],
    ['SwapPss', 0],
    ['Locked', 0],
  ];
  const range = `${start.toString(16)}-${end.toString(16)}`;
  const head = `${range} ---p 00000000 00:00 0                                  [rollup]\n`;
  return head + rows.map(([name, value]) => kibLine(name, value)).join('');
}

function residentKib(mm: MemoryManager, { start, end }: VmaDescription): number {
  let bytes = 0;
  for (const run of mm.pages.overlapping(start, end)) {
    bytes += Math.min(run.end, end) - Math.max(run.start, start);
  }
  return bytes / KIB;
}

function kibLine(name: string, value: number): string {
  return `${`${name}:`.padEnd(16)}${String(value).padStart(8)} kB\n`;
}

/** Two letters each (proc_pid_smaps(5)). */
function vmaFlags({ access, shared, locked }: VmaDescription): string {
  const letters = [
    access & Access.Read ? 'rd ' : '',
    access & Access.Write ? 'wr ' : '',
    access & Access.Execute ? 'ex ' : '',
    shared ? 'sh ' : '',
    'mr mw me ',
    locked === 'no' ? '' : 'lo ',
    locked === 'on-fault' ? 'lf ' : '',
  ];
  return letters.join('');
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
