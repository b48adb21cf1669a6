/** `ringfence run` as a user meets it: statuses, bad programs, environment, options. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeKvm } from '../kvm.js';
import { COMMAND, ringfence } from './command.js';

const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const HOME = process.geteuid?.() === 0 ? 'HOME=/root' : 'HOME=/';

/** Offsets in an ELF header, elf(5). */
const EI_CLASS = 4;
const E_MACHINE = 18;
const ELFCLASS32 = 1;
const EM_AARCH64 = 183;

let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'ringfence-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** Writes an executable file made of a real program's bytes, changed. */
function program(name: string, change: (bytes: Buffer) => Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, change(readFileSync('/bin/true')));
  chmodSync(path, 0o755);
  return path;
}

describeKvm('exit status', () => {
  it.each<[string, string[], number]>([
    ['of success', ['/bin/true'], 0],
    ['of failure', ['/bin/false'], 1],
    ['of any value', ['/bin/sh', '-c', 'exit 42'], 42],
    ['with the dashes', ['--', '/bin/sh', '-c', 'exit 3'], 3],
  ])('%s is the program’s', (_name, args, expected) => {
    const { status, stdout, stderr } = ringfence(['run', ...args]);
    expect(stderr).toBe('');
    expect(stdout).toBe('');
    expect(status).toBe(expected);
  });

  it.each([
    ['SEGV', 139, 'Segmentation fault\n'],
    ['FPE', 136, 'Floating point exception\n'],
    ['ILL', 132, 'Illegal instruction\n'],
    ['KILL', 137, 'Killed\n'],
    ['TERM', 143, 'Terminated\n'],
    ['INT', 130, ''],
    ['PIPE', 141, ''],
  ])('of a death by SIG%s is what a shell says', (signal, expected, message) => {
    const { status, stderr } = ringfence(['run', '/bin/sh', '-c', `kill -${signal} $$`]);
    expect(stderr).toBe(message);
    expect(status).toBe(expected);
  });
});

describeKvm('a signal sent to the command', () => {
  async function endBy(signal: NodeJS.Signals, script: string): Promise<[number | null, string]> {
    const child = spawn(process.execPath, [COMMAND, 'run', '/bin/sh', '-c', script]);
    let stderr = '';
    child.stderr.on('data', (data: Buffer) => (stderr += data.toString()));
    child.stdout.once('data', () => child.kill(signal));
    const [status] = (await once(child, 'close')) as [number | null];
    return [status, stderr];
  }

  it('reaches the program, which it ends', async () => {
    expect(await endBy('SIGTERM', 'echo ready; exec cat')).toEqual([143, 'Terminated\n']);
    expect(await endBy('SIGINT', 'echo ready; while :; do :; done')).toEqual([130, '']);
    expect(await endBy('SIGUSR1', 'echo ready; exec cat')).toEqual([
      138,
      'User defined signal 1\n',
    ]);
  });

  it('reaches the program, which handles it', async () => {
    const script = 'trap "exit 9" HUP; echo ready; while :; do :; done';
    expect(await endBy('SIGHUP', script)).toEqual([9, '']);
  });
});

describeKvm('a program that cannot be run', () => {
  function expectFailure(args: readonly string[], status: number, message: RegExp): void {
    const result = ringfence(['run', ...args]);
    expect(result.stderr).toMatch(message);
    expect(result.stderr).toMatch(/^ringfence: .*\n$/);
    expect(result.stdout).toBe('');
    expect(result.status).toBe(status);
  }

  it('is not there', () => {
    expectFailure(['/nonexistent/program'], 127, /\/nonexistent\/program/);
    expectFailure(['no-such-program'], 127, /no-such-program/);
    expectFailure(['/bin/true/x'], 127, /\/bin\/true\/x/);
  });

  it('is a directory', () => {
    expectFailure(['/etc'], 126, /\/etc/);
  });

  it('has no execute permission', () => {
    const path = program('plain', (bytes) => bytes);
    chmodSync(path, 0o644);
    expectFailure([path], 126, /plain/);
  });

  it('is not an ELF file', () => {
    expectFailure([program('text', () => Buffer.from('hello\n'))], 126, /text/);
    expectFailure([program('empty', () => Buffer.alloc(0))], 126, /empty/);
  });

  it('is a truncated ELF file', () => {
    for (const length of [4, 40, 64, 100, 700]) {
      expectFailure([program('cut', (bytes) => bytes.subarray(0, length))], 126, /cut/);
    }
  });

  it('is for a 32-bit or another machine', () => {
    const narrow = program('narrow', (bytes) => {
      bytes[EI_CLASS] = ELFCLASS32;
      return bytes;
    });
    expectFailure([narrow], 126, /narrow/);
    const foreign = program('foreign', (bytes) => {
      bytes.writeUInt16LE(EM_AARCH64, E_MACHINE);
      return bytes;
    });
    expectFailure([foreign], 126, /foreign/);
  });

  it('has an interpreter that is not there', () => {
    const path = program('orphan', (bytes) => {
      bytes.write('/lib64/ld-gone', bytes.indexOf('/lib64/ld-linux'), 'latin1');
      return bytes;
    });
    expectFailure([path], 127, /orphan.*interpreter|interpreter.*orphan/);
  });
});

describeKvm('environment', () => {
  function environment(...args: string[]): string[] {
    const { stdout, stderr } = ringfence(['run', ...args, '/usr/bin/env'], {
      env: { RINGFENCE_TEST_SECRET: 'secret' },
    });
    expect(stderr).toBe('');
    return stdout.split('\n').slice(0, -1);
  }

  it('is PATH and HOME, nothing else of the host', () => {
    expect(environment()).toEqual([PATH, HOME]);
  });

  it('takes what is asked for', () => {
    const asked = environment('--env', 'A=1', '--env', 'RINGFENCE_TEST_SECRET', '--env', 'A=2');
    expect(asked).toEqual([PATH, HOME, 'A=2', 'RINGFENCE_TEST_SECRET=secret']);
  });

  it('keeps bytes that are not ASCII', () => {
    expect(environment('--env', 'A=ü€')).toContain('A=ü€');
  });

  it('has a PATH that finds the program', () => {
    expect(ringfence(['run', '--env', 'PATH=/nowhere', 'true']).status).toBe(127);
    expect(ringfence(['run', '--env', 'PATH=/nowhere:/bin', 'true']).status).toBe(0);
  });
});

describeKvm('working directory and files', () => {
  it('starts where the command was started, or where it is told', () => {
    expect(ringfence(['run', '/bin/pwd'], { cwd: '/usr' }).stdout).toBe('/usr\n');
    expect(ringfence(['run', '--cwd', '/etc', '/bin/pwd']).stdout).toBe('/etc\n');
  });

  it('fails clearly where the working directory is not there', () => {
    const { status, stderr } = ringfence(['run', '--cwd', '/nonexistent', '/bin/pwd']);
    expect(stderr).toMatch(/^ringfence: .*\/nonexistent.*\n$/);
    expect(status).toBe(125);
  });

  it('binds a directory, writable or not', () => {
    const data = join(folder, 'data');
    mkdirSync(data);
    writeFileSync(join(data, 'in'), 'from the host\n');
    const read = ringfence(['run', '--bind', `${data}:/mnt`, '/bin/cat', '/mnt/in']);
    expect(read.stdout).toBe('from the host\n');
    const script = 'echo from the guest > /mnt/out';
    const write = ringfence(['run', '--bind', `${data}:/mnt`, '/bin/sh', '-c', script]);
    expect(write.status).toBe(0);
    expect(readFileSync(join(data, 'out'), 'utf8')).toBe('from the guest\n');
    const refused = ringfence(['run', '--bind', `${data}:/mnt:ro`, '/bin/sh', '-c', script]);
    expect(refused.stderr).toMatch(/Read-only file system/);
    expect(refused.status).toBe(2);
  });

  it('loses what the program writes to its root', () => {
    const path = join(folder, 'lost');
    const script = `echo here > ${path}; read line < ${path}; echo $line`;
    expect(ringfence(['run', '/bin/sh', '-c', script]).stdout).toBe('here\n');
    expect(() => readFileSync(path)).toThrow(/ENOENT/);
  });

  it('passes standard input on', () => {
    expect(ringfence(['run', '/bin/cat'], { input: 'line\n' }).stdout).toBe('line\n');
  });
});

describeKvm('--trace', () => {
  it('prints a line a call to standard error', () => {
    const { status, stdout, stderr } = ringfence(['run', '--trace', '/bin/echo', 'hello']);
    expect(stdout).toBe('hello\n');
    expect(stderr).toMatch(/^write\(1, "hello\\n", 6\) += 6$/m);
    expect(stderr).toMatch(/exit_group\(0\)/);
    expect(status).toBe(0);
  });

  it('prints to a file where one is named', () => {
    const path = join(folder, 'trace');
    const { stderr } = ringfence(['run', '--trace-file', path, '/bin/true']);
    expect(stderr).toBe('');
    expect(readFileSync(path, 'latin1')).toMatch(/exit_group\(0\)/);
  });
});

describe('options end at the program', () => {
  it('leaves the program its own options', () => {
    // Were --rootless taken for ours, it would be an unknown option and no talk of KVM.
    const { stderr } = ringfence(['run', '/bin/true', '--rootless'], {
      env: { RINGFENCE_KVM_DEVICE: '/nonexistent/kvm' },
    });
    expect(stderr).toMatch(/\/nonexistent\/kvm is not there/);
  });
});
