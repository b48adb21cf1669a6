import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';

import { workload } from '../patience.js';
import { largeFile } from './large-file.js';
import { ENVIRONMENT, outcomeOf, ringfence, run, runGuest } from './outcome.js';
import { describePlatforms } from './platforms.js';
import { expectSame, expectSameAsNative } from './same.js';

/** What a command writes to a file of the host's that it inherits, and what it says. */
async function intoFile(command: readonly string[]): Promise<[size: number, said: string]> {
  const folder = mkdtempSync(join(tmpdir(), 'ringfence-'));
  const path = join(folder, 'output');
  const descriptor = openSync(path, 'w');
  try {
    const [program = '', ...args] = command;
    const child = spawn(program, args, {
      env: ENVIRONMENT,
      stdio: ['ignore', descriptor, 'pipe'],
    });
    const { stderr } = await outcomeOf(child);
    // Process ids are not the same on both sides.
    return [statSync(path).size, stderr.toString().replaceAll(/ +\d+ /g, ' ')];
  } finally {
    closeSync(descriptor);
    rmSync(folder, { recursive: true });
  }
}

describePlatforms('programs of the host, linked dynamically', () => {
  it('an inherited file grows no further than RLIMIT_FSIZE', async () => {
    const script = 'ulimit -f 3; head -c 100000 /dev/zero; echo "status $?" >&2';
    const command = ['/bin/bash', '-c', script];
    const native = await intoFile(command);
    expect(native).toEqual([3072, expect.stringContaining('status 153')]);
    expect(await intoFile(ringfence(command))).toEqual(native);
  });

  it('ls -lR of a few thousand entries', async () => {
    const native = await expectSameAsNative(['/bin/ls', '-lR', '/usr/share/doc']);
    expect(native.stdout.toString().split('\n').length).toBeGreaterThan(1000);
  });

  it("ls of the root, where /dev, /proc and /sys are the sandbox's own", async () => {
    await expectSameAsNative(['/bin/ls', '-a', '/']);
    await expectSameAsNative(['/bin/ls', '-ld', '/', '/etc', '/usr', '/bin', '/var']);
  });

  it('ls of what is missing', async () => {
    expect((await expectSameAsNative(['/bin/ls', '/missing'])).status).toBe(2);
  });

  it('sha256sum, of files and of standard input', async () => {
    await expectSameAsNative(['/usr/bin/sha256sum', '/bin/ls', '/etc/passwd', '-'], {
      input: 'from a pipe',
    });
  });

  it('sort', async () => {
    const input = readFileSync(largeFile(workload(100))).subarray(0, 2_000_000);
    await expectSameAsNative(['/usr/bin/sort'], { input });
    await expectSameAsNative(['/usr/bin/sort', '-k2', '-r', '/etc/passwd']);
  });

  it('env sees what was asked for, and nothing else', async () => {
    const native = await expectSameAsNative(['/usr/bin/env']);
    const lines = Object.entries(ENVIRONMENT).map(([name, value]) => `${name}=${value}\n`);
    expect(native.stdout.toString()).toBe(lines.join(''));
  });

  // What they show is another machine's; what they miss they say.
  it.each(['lscpu', 'lscpu -e', 'free', 'vmstat', 'top -b -n 1', 'ps aux', 'lslocks', 'findmnt /'])(
    '%s finds what it reads',
    async (command) => {
      const native = await run(['sh', '-c', command]);
      const sandboxed = await runGuest(['sh', '-c', command]);
      expect(sandboxed.stderr.toString()).toBe(native.stderr.toString());
      expect(sandboxed.status).toBe(native.status);
    },
  );

  it('env starts another program', async () => {
    await expectSameAsNative(['/usr/bin/env', 'A=1', '/usr/bin/env']);
    expect((await expectSameAsNative(['/usr/bin/env', '/missing'])).status).toBe(127);
  });

  it('a shell executes itself by /proc/self/exe, and what it has open', async () => {
    const script = 'exec 7<"$1"; exec /proc/self/exe -c \'exec /proc/self/fd/7 "$@"\' sh one two';
    const native = await expectSameAsNative(['/bin/dash', '-c', script, 'sh', '/bin/echo']);
    expect(native.stdout.toString()).toBe('one two\n');
  });

  it('date -u -d @0', async () => {
    const native = await expectSameAsNative(['/bin/date', '-u', '-d', '@0']);
    expect(native.stdout.toString()).toBe('Thu Jan  1 00:00:00 UTC 1970\n');
  });

  it('found along the PATH', async () => {
    await expectSameAsNative(['uname', '-s']);
  });

  it('inherits the nice value of the command', async () => {
    const nicer = ['nice', '-n', '7'];
    const native = await run([...nicer, 'nice', '-n', '2', 'nice']);
    expectSame(await run([...nicer, ...ringfence(['nice', '-n', '2', 'nice'])]), native);
    expect(Number(native.stdout)).toBeGreaterThanOrEqual(9);
  });

  it.each([
    ['/bin/true'],
    ['/bin/bash', '-c', 'mapfile -t lines < /etc/passwd; echo "${#lines[@]} $0"', 'name'],
    ['/usr/bin/nice', '-n', '5', 'nice'],
    ['/bin/cat', '/proc/self/comm'],
    ['/usr/bin/id'],
    ['/bin/pwd'],
    ['/usr/bin/wc', '/etc/passwd'],
    ['/usr/bin/tail', '-n', '2', '/etc/passwd'],
    ['/usr/bin/head', '-c', '100', '/dev/zero'],
    ['/usr/bin/seq', '1', '100000'],
    ['/usr/bin/stat', '-c', '%n %s %a %U %G %F', '/etc/passwd', '/', '/dev/null', '/bin'],
    ['/usr/bin/md5sum', '/bin/bash'],
    ['/bin/grep', '-c', 'root', '/etc/passwd'],
    ['/usr/bin/find', '/etc/apt', '-type', 'f'],
    ['/usr/bin/printf', '%d %s %x\\n', '42', 'text', '255'],
    ['/bin/dd', 'if=/dev/zero', 'of=/dev/null', 'bs=64k', 'count=16', 'status=none'],
    ['/usr/bin/test', '-d', '/etc'],
    ['/usr/bin/readlink', '-f', '/bin/sh'],
    ['/usr/bin/stat', '-c', '%n %a %F', '/proc/self/fd', '/proc/self/exe', '/proc/self/fdinfo'],
    ['/usr/bin/stat', '-c', '%n %a %s', '/proc/self/fd/0', '/proc/self/fd/1', '/proc/self/cwd'],
    ['/usr/bin/perl', '-e', 'print join(",", map { $_ ** 2 } 1 .. 1000), "\\n"; exit 3'],
  ])('%s', async (...command) => {
    await expectSameAsNative(command);
  });
});
