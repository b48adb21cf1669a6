/** On whose behalf the file system acts. */
import type { Task } from '../task/task.js';

/**
 * A task is one. pid is what /proc/self leads to, tid what /proc/thread-self leads to; the rest is there for
 * /proc, and missing where the kernel itself looks a path up.
 */
export type Caller = Pick<Task, 'credentials' | 'pid' | 'tid'> &
  Partial<Pick<Task, 'process' | 'mm' | 'files' | 'fsContext' | 'kernel'>>;
