/** The worker thread that sandboxes live on. */
import { parentPort, type MessagePort } from 'node:worker_threads';
import { loadBundle } from './bundle.js';

const { serve } = loadBundle(__dirname, require).exports.worker();
serve(parentPort as MessagePort, (url) => import(url) as Promise<{ readonly default?: unknown }>);
