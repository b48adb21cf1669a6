/** Guests leave the host process descriptors for itself. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { hostDescriptors } from '../../../src/kernel/fs/host-descriptors.js';
import { Rlimit } from '../../../src/kernel/task/resource-limits.js';
import { Guest, HostTree } from './guest.js';

function openDescriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

test('a guest with a high limit of its own gets half of them, and gives them back', () => {
  using host = new HostTree();
  using guest = new Guest({ rootfs: host.path });
  const limit = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'latin1'))?.[1];
  const most = Math.min(Math.ceil(Number(limit) / 2), 30_000);
  guest.task.process.limits.set(Rlimit.Nofile, { soft: 1048576, hard: 1048576 });
  mkdirSync(host.at('many'));
  const before = openDescriptors();
  let opened = 0;
  let error: number | string = 0;
  for (; opened <= most && typeof error !== 'string'; opened++) {
    writeFileSync(host.at('many', String(opened)), '');
    error = guest.call('open', `/many/${String(opened)}`, 0, 0);
  }
  // Where the process's limit is very high the test does not go so far.
  expect(error === 'ENFILE' || opened > most).toBe(true);
  expect(openDescriptors() - before).toBeLessThanOrEqual(most);
  guest.task.files.closeAll();
  expect(openDescriptors()).toBe(before);
  expect(hostDescriptors.held).toBe(0);
});
