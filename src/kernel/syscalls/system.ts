/** The machine and the kernel: uname(2), sysinfo(2), membarrier(2), personality(2). */
import { release, uptime, version } from 'node:os';
import type { Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import type { Task } from '../task/task.js';
import { putLong } from '../time/timespec.js';
import type { SyscallResult, SyscallRow } from './row.js';

/** Length of each string of `struct utsname`. */
const UTS_LENGTH = 65;
const SYSINFO_SIZE = 112;
const PERSONALITY_QUERY = 0xffffffff;

/** Commands of membarrier(2), one bit each. */
const MEMBARRIER_QUERY = 0;
const Membarrier = {
  Global: 1,
  GlobalExpedited: 2,
  RegisterGlobalExpedited: 4,
  PrivateExpedited: 8,
  RegisterPrivateExpedited: 16,
  PrivateExpeditedSyncCore: 32,
  RegisterPrivateExpeditedSyncCore: 64,
} as const;
const REGISTRATIONS =
  Membarrier.RegisterGlobalExpedited |
  Membarrier.RegisterPrivateExpedited |
  Membarrier.RegisterPrivateExpeditedSyncCore;
/** What has to be registered before: by the bit above it. */
const REGISTERED = Membarrier.PrivateExpedited | Membarrier.PrivateExpeditedSyncCore;
const BARRIERS = REGISTERED | Membarrier.Global | Membarrier.GlobalExpedited;

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

function sysMembarrier(task: Task, args: Registers): SyscallResult {
  const [command, flags] = [args.argumentInt(0), args.argumentUint(1)];
  if (flags !== 0) return -Errno.EINVAL;
  if (command === MEMBARRIER_QUERY) return BARRIERS | REGISTRATIONS;
  const isOneBit = command > 0 && (command & (command - 1)) === 0;
  if (!isOneBit || (command & (BARRIERS | REGISTRATIONS)) === 0) return -Errno.EINVAL;
  const { mm } = task;
  if ((command & REGISTRATIONS) !== 0) {
    mm.barriers |= command;
    return 0;
  }
  if ((command & REGISTERED) !== 0 && (mm.barriers & (command * 2)) === 0) return -Errno.EPERM;
  return barrier(task, (command & REGISTERED) !== 0);
}

/** Whoever leaves the guest has gone through a full barrier; a thread that is not in it will enter through one. */
function barrier(task: Task, onlyOwn: boolean): SyscallResult {
  const running = [...task.kernel.tasks.values()].filter(
    (other) => other !== task && other.inGuest && (!onlyOwn || other.mm === task.mm),
  );
  if (running.length === 0) return 0;
  return Promise.all(running.map((other) => other.leaveGuest())).then(() => 0);
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
    missing: 'the commands about restartable sequences, and MEMBARRIER_CMD_GET_REGISTRATIONS',
  },
];
