/** Linux sends SIGCHLD for every stop of a traced child, and JavaScript's handler is not to run for each. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { createPtracePlatform } from '../../src/ptrace/platform.js';
import { Guest } from '../contract/guest.js';

let signals = 0;
const listener = (): void => {
  signals++;
};

afterEach(() => {
  process.off('SIGCHLD', listener);
});

async function childEnds(): Promise<void> {
  await once(spawn('/bin/true'), 'exit');
  await sleep(20);
}

it('a handler of SIGCHLD hears nothing of switches, and of every child`s end', async () => {
  using guest = new Guest(createPtracePlatform, '1: syscall\n jmp 1b');
  process.on('SIGCHLD', listener);
  // Until the handler is looked at.
  for (let i = 0; i < 100; i++) guest.run();
  await sleep(20);
  signals = 0;
  for (let i = 0; i < 1000; i++) guest.run();
  for (let i = 0; i < 100; i++) await guest.context.switch(guest.space, guest.registers, -1);
  await sleep(20);
  expect(signals).toBe(0);
  await childEnds();
  expect(signals).toBeGreaterThan(0);
});

it('a handler of SIGCHLD hears of stops again when no platform is left', async () => {
  process.on('SIGCHLD', listener);
  const guest = new Guest(createPtracePlatform, '1: syscall\n jmp 1b');
  for (let i = 0; i < 100; i++) guest.run();
  guest.platform.dispose();
  await sleep(20);
  const child = spawn('/bin/sleep', ['10']);
  await once(child, 'spawn');
  signals = 0;
  child.kill('SIGSTOP');
  while (!readFileSync(`/proc/${child.pid ?? 0}/stat`, 'latin1').includes(') T ')) await sleep(5);
  await sleep(20);
  expect(signals).toBe(1);
  child.kill('SIGKILL');
  await once(child, 'exit');
});
