/** rseq(2): registers a thread's area for restartable sequences. */
import type { Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import { RestartableSequence, publishCpu } from '../task/restartable-sequence.js';
import type { Task } from '../task/task.js';
import type { SyscallRow } from './row.js';

const UNREGISTER = 1;
/** The first version of `struct rseq`, and the alignment of all. */
const MIN_LENGTH = 32;
const MAX_LENGTH = 4096;
/** cpu_id of an area that is not registered. */
const CPU_UNINITIALIZED = 0xffffffff;

function sysRseq(task: Task, args: Registers): number {
  if (!task.kernel.platform.detectsCpuPreemption) return -Errno.ENOSYS;
  const [address, length] = [args.argument(0), args.argumentUint(1)];
  const [flags, signature] = [args.argumentInt(2), args.argumentUint(3)];
  const { rseq } = task;
  if ((flags & UNREGISTER) !== 0) {
    if ((flags & ~UNREGISTER) !== 0 || rseq?.address !== address || rseq.length !== length) {
      return -Errno.EINVAL;
    }
    return rseq.signature === signature ? unregister(task, address) : -Errno.EPERM;
  }
  if (flags !== 0) return -Errno.EINVAL;
  if (rseq !== undefined) {
    if (rseq.address !== address || rseq.length !== length) return -Errno.EINVAL;
    return rseq.signature === signature ? -Errno.EBUSY : -Errno.EPERM;
  }
  if (length < MIN_LENGTH || length > MAX_LENGTH || address % MIN_LENGTH !== 0) {
    return -Errno.EINVAL;
  }
  if (address > task.mm.layout.top - length) return -Errno.EFAULT;
  task.rseq = new RestartableSequence(address, length, signature);
  publishCpu(task, Math.max(task.context.cpu, 0));
  return 0;
}

function unregister(task: Task, address: number): number {
  const numbers = new Uint8Array(Uint32Array.of(0, CPU_UNINITIALIZED).buffer);
  if (task.mm.write(address, numbers) !== 0) return -Errno.EFAULT;
  task.rseq = undefined;
  return 0;
}

export const rows: readonly SyscallRow[] = [
  {
    number: 334,
    name: 'rseq',
    handler: sysRseq,
    args: ['pointer', 'hex', 'hex', 'hex'],
    support: 'partial',
    missing: 'where the platform does not detect preemption: ENOSYS',
  },
];
