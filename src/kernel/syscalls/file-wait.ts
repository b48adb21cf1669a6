/** Waiting for a file to become ready. */
import type { OpenFile } from '../fs/open-file.js';
import type { Task } from '../task/task.js';

/** Waits until one of `events` may hold: 0, or -EINTR where a signal came first. */
export async function waitForFile(task: Task, file: OpenFile, events: number): Promise<number> {
  let stop = (): void => undefined;
  const ready = new Promise<number>((resolve) => {
    const wake = (): void => {
      resolve(0);
    };
    stop = file.watch(events, wake, task);
  });
  const result = await task.block(ready, () => undefined);
  stop();
  return result;
}
