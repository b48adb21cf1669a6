/** A worker that interrupts a context of another thread. The two count in shared memory. */
import { Worker, workerData } from 'node:worker_threads';
import { interruptContext } from '../../src/host/interrupt-context.js';

import { patience } from '../patience.js';

/** Words of the shared memory. */
export const Count = {
  /** `Interrupt` results that the context's thread has seen. */
  Seen: 0,
  /** Interruptions that workers have made. */
  Made: 1,
  /** 1 where an interruption was awaited in vain. */
  Lost: 2,
  /** 1 where there was no such context any more, which ends the task. */
  Missing: 3,
} as const;

export interface Task {
  readonly counts: Int32Array;
  readonly context: number;
  readonly times: number;
  /** Waits after each interruption until the context's thread has seen one more. */
  readonly awaitEach: boolean;
  /** Microseconds to let pass before each at most. */
  readonly pause?: number;
}

/** What is long enough to be called lost. */
const LOST_MS = patience(20_000);

function interruptOften({ counts, context, times, awaitEach, pause = 0 }: Task): void {
  for (let made = 1; made <= times; made++) {
    const end = performance.now() + ((made * 7919) % 101) * (pause / 101_000);
    while (performance.now() < end);
    const seen = Atomics.load(counts, Count.Seen);
    Atomics.add(counts, Count.Made, 1);
    if (!interruptContext(context)) {
      Atomics.store(counts, Count.Missing, 1);
      return;
    }
    if (!awaitEach) continue;
    if (Atomics.wait(counts, Count.Seen, seen, LOST_MS) !== 'timed-out') continue;
    Atomics.store(counts, Count.Lost, 1);
    return;
  }
}

export const newCounts = (): Int32Array => new Int32Array(new SharedArrayBuffer(4 * 4));

/** Loads this file as TypeScript, which Node's workers do not by themselves. */
const LOADER = `const { workerData } = require('node:worker_threads');
  import('tsx/esm/api').then(({ tsImport }) => tsImport(workerData.module, workerData.module));`;

/** Starts a worker on the task; resolves when it is over. */
export async function interruptFromWorker(task: Task): Promise<void> {
  const worker = new Worker(LOADER, {
    eval: true,
    execArgv: [],
    workerData: { module: import.meta.url, interrupter: task },
  });
  await new Promise<void>((resolve, reject) => {
    worker.once('error', reject);
    worker.once('exit', () => {
      resolve();
    });
  });
}

const { interrupter } = (workerData ?? {}) as { interrupter?: Task };
if (interrupter !== undefined) interruptOften(interrupter);
