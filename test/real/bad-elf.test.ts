import { expect, it } from 'vitest';

import { cacheFolder } from '../guests/build.js';
import { fatal, foreign, notFound, odd, refused, writeElf } from '../guests/elf-files.js';
import { describeKvm } from '../kvm.js';
import { readable, runByExecve, runGuest } from './outcome.js';
import { describePlatforms } from './platforms.js';

const folder = cacheFolder('elf');

interface Ending {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function ending(name: string, contents: Buffer): Promise<Ending> {
  const outcome = readable(await runGuest([writeElf(folder, name, contents)]));
  expect(outcome.stdout).toBe('');
  expect(outcome.stderr).not.toMatch(/^ +at /m);
  return outcome;
}

describeKvm('files that are no programs', () => {
  it.each(Object.entries({ ...refused, ...foreign }))('%s: 126', async (name, contents) => {
    const { status, stderr } = await ending(name, contents);
    expect(status).toBe(126);
    expect(stderr).toMatch(/^ringfence: .+\n$/);
  });

  it.each(Object.entries(notFound))('%s: 127', async (name, contents) => {
    const { status, stderr } = await ending(name, contents);
    expect(status).toBe(127);
    expect(stderr).toMatch(/^ringfence: .+\n$/);
  });

  it('an empty file, a folder, a file that may not be executed', async () => {
    expect((await ending('empty', Buffer.alloc(0))).status).toBe(126);
    for (const path of ['/etc', '/etc/passwd']) {
      const outcome = readable(await runGuest([path]));
      expect(outcome.status).toBe(126);
      expect(outcome.stderr).toMatch(/^ringfence: .+\n$/);
    }
  });
});

describePlatforms('files that are programs, if odd ones', () => {
  it.each(Object.entries(fatal))(
    '%s: refused, or ended as Linux ends it',
    async (name, contents) => {
      const { status, stderr } = await ending(name, contents);
      const native = await runByExecve(writeElf(folder, name, contents));
      expect([126, native.status]).toContain(status);
      if (status > 125) expect(stderr).not.toBe('');
    },
  );

  it.each(Object.entries(odd))('%s: runs', async (name, contents) => {
    expect((await ending(name, contents)).status).toBe(7);
  });
});
