/** A worker beside the soak: it interrupts contexts now and then, and ends a run that is stuck. */
import { writeSync } from 'node:fs';
import { Worker, workerData } from 'node:worker_threads';
import { interruptContext } from '../../src/host/interrupt-context.js';
import { Random } from '../contract/random.js';

export interface Shared {
  /** Word 0 counts operations; word 1 ends the worker. */
  readonly progress: Int32Array;
  readonly contexts: Float64Array;
  readonly seed: number;
  /** What to print where nothing moves any more. */
  readonly reproduction: string;
}

const STUCK_MS = 120_000;

const LOADER = `const { workerData } = require('node:worker_threads');
  import('tsx/esm/api').then(({ tsImport }) => tsImport(workerData.module, workerData.module));`;

function watch({ progress, contexts, seed, reproduction }: Shared): void {
  const random = new Random(seed);
  let [last, since] = [-1, 0];
  while (Atomics.wait(progress, 1, 0, 1 + random.below(4)) === 'timed-out') {
    if (random.chance(0.3)) interruptContext(contexts[random.below(contexts.length)] ?? 0);
    const now = Atomics.load(progress, 0);
    if (now !== last) [last, since] = [now, performance.now()];
    if (performance.now() - since < STUCK_MS) continue;
    writeSync(2, `soak: nothing has moved for ${STUCK_MS / 1000} s\n${reproduction}\n`);
    process.kill(process.pid, 'SIGKILL');
  }
}

/** Starts it; the function given ends it. */
export function startWatcher(shared: Shared): () => Promise<void> {
  const worker = new Worker(LOADER, {
    eval: true,
    execArgv: [],
    workerData: { module: import.meta.url, watcher: shared },
  });
  const ended = new Promise<void>((resolve, reject) => {
    worker.once('error', reject);
    worker.once('exit', () => {
      resolve();
    });
  });
  return async () => {
    Atomics.store(shared.progress, 1, 1);
    Atomics.notify(shared.progress, 1);
    await ended;
  };
}

const { watcher } = (workerData ?? {}) as { watcher?: Shared };
if (watcher !== undefined) watch(watcher);
