/** The native part: its state belongs to an environment, and nothing is left behind. */
import { execFileSync } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { hostFiles } from '../../../src/host/host-files.js';
import { HostTree } from './guest.js';

const ADDON = new URL('../../../build/Release/ringfence.node', import.meta.url).pathname;

function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

/** Waits for a FIFO that never gets anything, in an environment of its own. */
const waiting = (fifo: string): string => `
  const { openSync } = require('node:fs');
  const native = require(${JSON.stringify(ADDON)});
  native.watchListener(() => {});
  const fd = openSync(${JSON.stringify(fifo)}, 'r+');
  native.watchStart(fd, 1);
  native.watchStop(fd);
`;

test('a wait that was given up keeps no process alive', () => {
  using host = new HostTree();
  execFileSync('mkfifo', [host.at('fifo')]);
  execFileSync(process.execPath, ['-e', waiting(host.at('fifo'))], { timeout: 10_000 });
});

test('workers end while they wait', async () => {
  using host = new HostTree();
  execFileSync('mkfifo', [host.at('fifo')]);
  const code = `${waiting(host.at('fifo'))} native.watchStart(fd, 1);`;
  for (let n = 0; n < 5; n++) {
    const worker = new Worker(code, { eval: true });
    await new Promise((resolve) => worker.once('online', resolve));
    await worker.terminate();
  }
});

test('failed calls leave no descriptor open', () => {
  using host = new HostTree();
  writeFileSync(host.at('file'), 'x');
  const root = hostFiles.openRoot(host.path, 1);
  const record = new Uint8Array(256);
  const before = openDescriptors();
  for (let n = 0; n < 100; n++) {
    hostFiles.openBeneath(root, 'missing', 0, record);
    hostFiles.openBeneath(root, 'file', 0o200000, record);
    hostFiles.statBeneath(root, 'file', record);
    hostFiles.statBeneath(root, 'file/x', record);
    hostFiles.readlinkBeneath(root, 'file', record);
    hostFiles.createBeneath(root, 'file', 0o600);
    hostFiles.renameBeneath(root, 'file', root, 'missing/x', 0);
  }
  expect(openDescriptors()).toBe(before);
  hostFiles.closeFd(root);
});

test('paths that are none are refused', () => {
  using host = new HostTree();
  const root = hostFiles.openRoot(host.path, 1);
  const record = new Uint8Array(256);
  for (const path of ['a\0b', 'x'.repeat(5000), '/etc/x', '..', 'a/../..']) {
    expect(hostFiles.statBeneath(root, path, record)).toBeLessThan(0);
    expect(hostFiles.mkdirBeneath(root, path, 0o755)).toBeLessThan(0);
  }
  expect(hostFiles.ioctlFd(0, 0x1234, record)).toBe(-25);
  hostFiles.closeFd(root);
});
