/** The worker thread that sandboxes live on. */
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { loadBundle } from './bundle.js';

const { serve } = loadBundle(__dirname, require).exports.worker();
const { isShared } = workerData as { isShared: boolean };
type Module = Promise<{ readonly default?: unknown }>;
serve(parentPort as MessagePort, (url) => import(url) as Module, isShared);
