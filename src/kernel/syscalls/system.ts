/** The machine and the kernel: uname(2), sysinfo(2), membarrier(2), personality(2). */
import { release, uptime, version } from 'node:os';
import type { Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import type { Task } from '../task/task.js';
import { putLong } from '../time/timespec.js';
import type { SyscallRow } from './row.js';

/** Length of each string of `struct utsname`. */
const UTS_LENGTH = 65;
const SYSINFO_SIZE = 112;
const PERSONALITY_QUERY = 0xffffffff;

const MEMBARRIER_CMD_QUERY = 0;
const MEMBARRIER_PRIVATE = 8;
const MEMBARRIER_REGISTER_PRIVATE = 16;

function sysUname(task: Task, args: Registers): number {
  const { hostname } = task.kernel;
  const strings = ['Linux', hostname, release(), version(), 'x86_64', '(none)'];
  const bytes = Buffer.alloc(UTS_LENGTH * strings.length);
  for (const [index, text] of strings.entries()) {
    bytes.write(text.slice(0, UTS_LENGTH - 1), index * UTS_LENGTH, 'latin1');
  }
  return task.mm.write(args.argument(0), bytes);
}

function sysSysinfo(task: Task, args: Registers): number {
  const { memory, processes } = task.kernel;
  const bytes = Buffer.alloc(SYSINFO_SIZE);
  putLong(bytes, 0, Math.floor(uptime()));
  putLong(bytes, 32, memory.limit);
  putLong(bytes, 40, Math.max(memory.limit - memory.allocated, 0));
  bytes.writeUInt16LE(Math.min(processes.size, 0xffff), 80);
  bytes.writeUInt32LE(1, 104);
  return task.mm.write(args.argument(0), bytes);
}

/** One thread runs at a time, and a switch is a full barrier: there is nothing to do. */
function sysMembarrier(_task: Task, args: Registers): number {
  const [command, flags] = [args.argumentInt(0), args.argumentUint(1)];
  if (flags !== 0) return -Errno.EINVAL;
  if (command === MEMBARRIER_CMD_QUERY) return MEMBARRIER_PRIVATE | MEMBARRIER_REGISTER_PRIVATE;
  const known = command === MEMBARRIER_PRIVATE || command === MEMBARRIER_REGISTER_PRIVATE;
  return known ? 0 : -Errno.EINVAL;
}

/** Only what every program has: PER_LINUX, and no randomisation switched off. */
function sysPersonality(_task: Task, args: Registers): number {
  const wanted = args.argumentUint(0);
  return wanted === PERSONALITY_QUERY || wanted === 0 ? 0 : -Errno.EINVAL;
}

/** To name the machine is no right of a locked-down container's root: it has no CAP_SYS_ADMIN. */
function refuse(): number {
  return -Errno.EPERM;
}

const REFUSED = 'EPERM, as in a locked-down container';

export const rows: readonly SyscallRow[] = [
  { number: 63, name: 'uname', handler: sysUname, args: ['utsname-out'], support: 'full' },
  { number: 99, name: 'sysinfo', handler: sysSysinfo, args: ['pointer'], support: 'full' },
  {
    number: 135,
    name: 'personality',
    handler: sysPersonality,
    args: ['hex'],
    support: 'partial',
    missing: 'everything but PER_LINUX',
  },
  {
    number: 170,
    name: 'sethostname',
    handler: refuse,
    args: ['buffer-in', 'int'],
    support: 'partial',
    missing: REFUSED,
  },
  {
    number: 171,
    name: 'setdomainname',
    handler: refuse,
    args: ['buffer-in', 'int'],
    support: 'partial',
    missing: REFUSED,
  },
  {
    number: 324,
    name: 'membarrier',
    handler: sysMembarrier,
    args: ['int', 'hex', 'int'],
    support: 'partial',
    missing: 'the global commands',
  },
];
