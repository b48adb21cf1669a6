import { readFileSync } from 'node:fs';
import { beforeAll, expect, it } from 'vitest';

import { workload } from '../patience.js';
import { busybox } from './busybox.js';
import { largeFile } from './large-file.js';
import { bothWays } from './pipeline.js';
import { describePlatforms } from './platforms.js';
import { expectSame, expectSameAsNative } from './same.js';

/** Such a file, gzip -9 and all, on a machine that has better to do. */
const PATIENCE = 600_000;

describePlatforms('busybox, linked statically', (platform) => {
  const megabytes = workload(platform === 'kvm' ? 100 : 10);
  let bb: string;
  let large: string;

  beforeAll(() => {
    bb = busybox();
    large = largeFile(megabytes);
  });

  it('echo', async () => {
    const native = await expectSameAsNative([bb, 'echo', '-e', 'one\\ttwo\\0303\\0266']);
    expect(native.stdout.length).toBe(10);
  });

  it('cat of a file and of standard input', async () => {
    await expectSameAsNative([bb, 'cat', '/etc/passwd', '-', '/etc/group'], {
      input: Buffer.from([0, 255, 10, 128, 13, 10]),
    });
  });

  it('cat of a missing file', async () => {
    const native = await expectSameAsNative([bb, 'cat', '/missing']);
    expect(native.status).toBe(1);
  });

  it('ls -la /etc', async () => {
    const native = await expectSameAsNative([bb, 'ls', '-la', '/etc']);
    expect(native.stdout.length).toBeGreaterThan(1000);
  });

  it('sort, with a long input', async () => {
    const input = readFileSync(large).subarray(0, 2_000_000);
    await expectSameAsNative([bb, 'sort'], { input });
    await expectSameAsNative([bb, 'sort', '-rn', '-u'], { input });
  });

  it('awk sums a million terms', async () => {
    const terms = workload(1_000_000);
    const program = `BEGIN { for (i = 1; i <= ${terms}; i++) s += 1 / i; printf "%.12f\\n", s }`;
    const native = await expectSameAsNative([bb, 'awk', program]);
    expect(native.stdout.toString()).toMatch(/^\d+\.\d{12}\n$/);
    if (terms === 1_000_000) expect(native.stdout.toString()).toBe('14.392726722865\n');
  });

  it('false', async () => {
    expect((await expectSameAsNative([bb, 'false'])).status).toBe(1);
  });

  it('id, which shows the supplementary groups alone', async () => {
    await expectSameAsNative([bb, 'id']);
  });

  it('an applet that does not exist', async () => {
    expect((await expectSameAsNative([bb, 'no-such-applet'])).status).toBe(127);
  });

  it(
    `sha256sum of a ${megabytes} MB file, by name and from a pipe`,
    async () => {
      await expectSameAsNative([bb, 'sha256sum', large]);
      const { native, guest } = await bothWays(
        (command) => `cat '${large}' | ${command(bb, 'sha256sum')}`,
      );
      expectSame(guest, native);
    },
    PATIENCE,
  );

  it(
    `gzip -9 of a ${megabytes} MB file into gunzip`,
    async () => {
      const { native, guest } = await bothWays(
        (command) =>
          `${command(bb, 'gzip', '-9', '-c', large)} | ${command(bb, 'gunzip')} | sha256sum`,
      );
      expectSame(guest, native);
    },
    PATIENCE,
  );

  it('tr on a pipe whose writer closes in the middle of a line', async () => {
    const { native, guest } = await bothWays(
      (command) => `printf 'first\\nno end of line' | ${command(bb, 'tr', 'a-z', 'A-Z')}`,
    );
    expectSame(guest, native);
    expect(native.stdout.toString()).toBe('FIRST\nNO END OF LINE');
  });

  it('tr on a pipe that is closed from the start', async () => {
    const { native, guest } = await bothWays((command) => `: | ${command(bb, 'tr', 'a', 'b')}`);
    expectSame(guest, native);
  });

  it('head closes the pipe under a native writer', async () => {
    const { native, guest } = await bothWays(
      (command) => `yes line | ${command(bb, 'head', '-n', '3')}`,
    );
    expectSame(guest, native);
    expect(native.stderr.toString()).toBe('141 0\n');
  });

  it('a writer meets the pipe that a native head has closed', async () => {
    const { native, guest } = await bothWays(
      (command) => `${command(bb, 'yes', 'line')} | head -n 3`,
    );
    expectSame(guest, native);
    expect(native.stderr.toString()).toBe('141 0\n');
  });

  it('tr between a writer without end and a reader that leaves', async () => {
    const { native, guest } = await bothWays(
      (command) =>
        `${command(bb, 'yes')} | ${command(bb, 'tr', 'y', 'n')} | ${command(bb, 'head', '-c', '5')}`,
    );
    expectSame(guest, native);
  });
});
