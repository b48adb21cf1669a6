/** prctl(2). */
import type { Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import { SIGNAL_COUNT } from '../abi/signal.js';
import { DEFAULT_TIMER_SLACK } from '../task/process-attributes.js';
import type { Task } from '../task/task.js';
import type { SyscallRow } from './row.js';

const COMM_SIZE = 16;
const LAST_CAPABILITY = 40;
/** PR_TSC_ENABLE, PR_MCE_KILL_DEFAULT, SECBIT_KEEP_CAPS */
const COUNTER_IS_READABLE = 1;
const MACHINE_CHECK_DEFAULT = 2;
const KEEP_CAPABILITIES_BIT = 16;
/** PR_CAP_AMBIENT_IS_SET, PR_CAP_AMBIENT_RAISE, PR_CAP_AMBIENT_LOWER, PR_CAP_AMBIENT_CLEAR_ALL */
const AMBIENT_RAISE = 2;
const AMBIENT_LAST = 4;

type Operation = (task: Task, argument: number, args: Registers) => number;

/** By number: PR_SET_PDEATHSIG and its kin, <linux/prctl.h>. */
const OPERATIONS: Readonly<Record<number, Operation>> = {
  /* PR_SET_PDEATHSIG */ 1: ({ process }, signo) => {
    if (signo > SIGNAL_COUNT) return -Errno.EINVAL;
    process.parentDeathSignal = signo;
    return 0;
  },
  /* PR_GET_PDEATHSIG */ 2: (task, address) =>
    writeInt(task, address, task.process.parentDeathSignal),
  /* PR_GET_DUMPABLE */ 3: ({ process }) => Number(process.attributes.dumpable),
  /* PR_SET_DUMPABLE */ 4: ({ process }, value) => {
    if (value > 1) return -Errno.EINVAL;
    process.attributes.dumpable = value === 1;
    return 0;
  },
  /* PR_GET_KEEPCAPS */ 7: ({ process }) => Number(process.attributes.keepsCapabilities),
  /* PR_SET_KEEPCAPS */ 8: ({ process }, value) => {
    if (value > 1) return -Errno.EINVAL;
    process.attributes.keepsCapabilities = value === 1;
    return 0;
  },
  /* PR_GET_TIMING: statistical */ 13: () => 0,
  /* PR_SET_NAME */ 15: setName,
  /* PR_GET_NAME */ 16: getName,
  /* PR_GET_SECCOMP */ 21: () => 0,
  /* PR_CAPBSET_READ: what root could have, whoever asks */ 23: ({ process }, capability) => {
    if (capability > LAST_CAPABILITY) return -Errno.EINVAL;
    return Number(!process.attributes.droppedCapabilities.has(capability));
  },
  /* PR_CAPBSET_DROP */ 24: ({ process, credentials }, capability) => {
    if (credentials.euid !== 0) return -Errno.EPERM;
    if (capability > LAST_CAPABILITY) return -Errno.EINVAL;
    process.attributes.droppedCapabilities.add(capability);
    return 0;
  },
  /* PR_GET_TSC */ 25: (task, address) => writeInt(task, address, COUNTER_IS_READABLE),
  /* PR_GET_SECUREBITS */ 27: ({ process }) =>
    process.attributes.keepsCapabilities ? KEEP_CAPABILITIES_BIT : 0,
  /* PR_SET_TIMERSLACK: told, and of no effect */ 29: ({ process }, nanoseconds) => {
    process.attributes.timerSlack = nanoseconds === 0 ? DEFAULT_TIMER_SLACK : nanoseconds;
    return 0;
  },
  /* PR_GET_TIMERSLACK */ 30: ({ process }) => process.attributes.timerSlack,
  /* PR_MCE_KILL_GET */ 34: () => MACHINE_CHECK_DEFAULT,
  /* PR_SET_CHILD_SUBREAPER */ 36: ({ process }, value) => {
    process.isSubreaper = value !== 0;
    return 0;
  },
  /* PR_GET_CHILD_SUBREAPER */ 37: (task, address) =>
    writeInt(task, address, Number(task.process.isSubreaper)),
  /* PR_SET_NO_NEW_PRIVS */ 38: ({ process }, value) => {
    if (value !== 1) return -Errno.EINVAL;
    process.attributes.noNewPrivileges = true;
    return 0;
  },
  /* PR_GET_NO_NEW_PRIVS */ 39: ({ process }) => Number(process.attributes.noNewPrivileges),
  /* PR_SET_THP_DISABLE: told, and of no effect */ 41: ({ process }, value) => {
    process.attributes.refusesLargePages = value !== 0;
    return 0;
  },
  /* PR_GET_THP_DISABLE */ 42: ({ process }) => Number(process.attributes.refusesLargePages),
  /* PR_CAP_AMBIENT: there are none */ 47: (_task, operation, args) => {
    if (operation < 1 || operation > AMBIENT_LAST) return -Errno.EINVAL;
    const limit = operation < AMBIENT_LAST ? LAST_CAPABILITY : 0;
    if (args.argument(2) > limit || args.argument(3) !== 0 || args.argument(4) !== 0) {
      return -Errno.EINVAL;
    }
    return operation === AMBIENT_RAISE ? -Errno.EPERM : 0;
  },
};

function sysPrctl(task: Task, args: Registers): number {
  return OPERATIONS[args.argumentInt(0)]?.(task, args.argument(1), args) ?? -Errno.EINVAL;
}

function writeInt(task: Task, address: number, value: number): number {
  return task.mm.write(address, new Uint8Array(Int32Array.of(value).buffer));
}

function setName(task: Task, address: number): number {
  const bytes = Buffer.alloc(COMM_SIZE);
  const count = task.mm.copyIn(address, bytes);
  const end = bytes.indexOf(0);
  if (count < COMM_SIZE && (end < 0 || end >= count)) return -Errno.EFAULT;
  task.comm = bytes.toString('latin1', 0, end < 0 ? COMM_SIZE - 1 : end);
  return 0;
}

function getName(task: Task, address: number): number {
  const bytes = Buffer.alloc(COMM_SIZE);
  bytes.write(task.comm, 'latin1');
  return task.mm.write(address, bytes);
}

export const rows: readonly SyscallRow[] = [
  {
    number: 157,
    name: 'prctl',
    handler: sysPrctl,
    args: ['prctl-option', 'prctl-arguments'],
    result: 'prctl',
    support: 'partial',
    missing: 'seccomp, speculation, names of mappings; secure bits cannot be set',
  },
];
