import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

import { guest } from '../guests/build.js';
import { describeKvm } from '../kvm.js';
import { run, runGuest } from './outcome.js';
import { expectSame } from './same.js';

/** Runs it in a directory of its own each time: names that it binds stay. */
async function expectSameIn(command: readonly string[], platform: string): Promise<void> {
  const outcomes = [];
  for (const way of [run, runGuest]) {
    const directory = mkdtempSync(join(tmpdir(), 'ringfence-'));
    try {
      const options = { cwd: directory, run: ['--cwd', directory, '--platform', platform] };
      outcomes.push(await way(command, options));
    } finally {
      rmSync(directory, { recursive: true });
    }
  }
  const [native, sandboxed] = outcomes;
  if (native === undefined || sandboxed === undefined) throw new Error('nothing ran');
  expect(native.status).toBe(0);
  expectSame(sandboxed, native);
}

const PROGRAMS = [
  ['AF_UNIX, connected', [guest('unix_streams'), '.']],
  ['AF_UNIX, messages', [guest('unix_messages'), '.']],
  ['TCP', [guest('tcp_sockets')]],
  ['UDP', [guest('udp_sockets')]],
] as const;

/** A network namespace with nothing in it is what a sandbox shows. */
const ownNetwork = ['unshare', '--map-root-user', '--net'];
const canUnshare = (await run([...ownNetwork, 'true'])).status === 0;

async function expectSameDevices(platform: string): Promise<void> {
  const native = await run([...ownNetwork, guest('interfaces')]);
  const sandboxed = await runGuest([guest('interfaces')], { run: ['--platform', platform] });
  expect(native.status).toBe(0);
  expectSame(sandboxed, native);
}

describeKvm('sockets on KVM', () => {
  it.each(PROGRAMS)('%s', async (_, command) => {
    await expectSameIn(command, 'kvm');
  });

  it.skipIf(!canUnshare)('network devices', async () => {
    await expectSameDevices('kvm');
  });
});

describe('sockets by ptrace', () => {
  it.each(PROGRAMS)('%s', async (_, command) => {
    await expectSameIn(command, 'ptrace');
  });

  it.skipIf(!canUnshare)('network devices', async () => {
    await expectSameDevices('ptrace');
  });
});
