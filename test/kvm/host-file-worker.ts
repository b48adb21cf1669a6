/** A worker thread that maps a host file, tells what it reads there, and is ended by others. */
import { parentPort, workerData } from 'node:worker_threads';
import { createKvmPlatform } from '../../src/kvm/platform.js';
import { Access } from '../../src/platform/access.js';

const { data: fd } = workerData as { data: number };
const space = createKvmPlatform().newAddressSpace();
if (space instanceof Promise) throw new Error('no address space at once');
space.mapFile(0x40000000, fd, { start: 0, end: 4096 }, Access.Read, false);
const word = new Uint32Array(1);
space.copyIn(0x40000000, new Uint8Array(word.buffer));
parentPort?.postMessage(word[0]);
// Stays, and keeps the address space.
parentPort?.on('message', () => {
  space.release();
});
