/**
 * idle-sandboxes.ts WAY COUNT: prints what each of some sandboxes holds beyond the first ones of the process, in MiB: in each a program sleeps. It
 * is what the process holds, a page that is mapped twice counted once; its page tables; and what the host's kernel has
 * for the virtual machines, which only shows in its totals, with whatever else happens on the host.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { Sandbox } from '../src/sandbox.js';
import { SANDBOX_WAYS, sandboxOptions } from './ways.js';

const way = SANDBOX_WAYS.find((candidate) => candidate === process.argv[2]) ?? 'kvm';
const COUNT = Number(process.argv[3]);
/** The first ones make room that later ones find. */
const BEFORE = 2;
/** Milliseconds until a program sleeps. */
const SETTLED = 200;

const PARTS = [
  // Not the pages of files, which are the host's cache of Node.js's own code.
  ['/proc/self/smaps_rollup', ['Pss_Anon', 'Pss_Shmem']],
  ['/proc/self/status', ['VmPTE']],
  ['/proc/meminfo', ['SecPageTables', 'VmallocUsed', 'Slab']],
] as const;

/** KiB of all parts that this kernel tells. */
function held(): number {
  global.gc?.();
  let total = 0;
  for (const [file, names] of PARTS) {
    const text = readFileSync(file, 'latin1');
    for (const name of names) {
      total += Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1] ?? 0);
    }
  }
  return total;
}

const sandboxes: Sandbox[] = [];

async function open(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const sandbox = await Sandbox.create(sandboxOptions(way));
    sandboxes.push(sandbox);
    await sandbox.start('/bin/sleep', ['1000'], { stdout: 'ignore', stderr: 'ignore' });
  }
  await sleep(SETTLED);
}

await open(BEFORE);
const before = held();
await open(COUNT);
console.log((held() - before) / COUNT / 1024);
for (const sandbox of sandboxes) await sandbox.dispose();
