/** getrandom(2). */
import { fillRandom } from '../../host/random.js';
import type { Registers } from '../../platform/registers.js';
import { Errno } from '../abi/errno.js';
import type { Task } from '../task/task.js';
import type { SyscallRow } from './row.js';

const GRND_NONBLOCK = 1;
const GRND_RANDOM = 2;
const GRND_INSECURE = 4;
/** Linux gives no more at a time. */
const MAX_LENGTH = 33554431;
const CHUNK = 65536;

function sysGetrandom(task: Task, args: Registers): number {
  const address = args.argument(0);
  const length = Math.min(args.argument(1), MAX_LENGTH);
  const flags = args.argumentUint(2);
  if ((flags & ~(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE)) !== 0) return -Errno.EINVAL;
  if ((flags & GRND_RANDOM) !== 0 && (flags & GRND_INSECURE) !== 0) return -Errno.EINVAL;
  const bytes = new Uint8Array(Math.min(length, CHUNK));
  for (let done = 0; done < length;) {
    const chunk = bytes.subarray(0, Math.min(length - done, CHUNK));
    fillRandom(chunk);
    const count = task.mm.copyOut(address + done, chunk);
    done += count;
    if (count < chunk.length) return done === 0 ? -Errno.EFAULT : done;
  }
  return length;
}

export const rows: readonly SyscallRow[] = [
  {
    number: 318,
    name: 'getrandom',
    handler: sysGetrandom,
    args: ['random-out', 'size', 'random-flags'],
    support: 'full',
  },
];
