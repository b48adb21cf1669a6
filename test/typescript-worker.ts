/** Worker threads that run TypeScript, which Node's do not by themselves. */
import { Worker } from 'node:worker_threads';

const LOADER = `const { workerData } = require('node:worker_threads');
  import('tsx/esm/api').then(({ tsImport }) => tsImport(workerData.module, workerData.module));`;

/** `data` is `workerData.data` in the worker. */
export function startWorker(module: URL, data: unknown): Worker {
  return new Worker(LOADER, {
    eval: true,
    execArgv: [],
    workerData: { module: module.href, data },
  });
}
