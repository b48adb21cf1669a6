/** What the command says to bad input: one clear line, the right status, no stack trace. No KVM needed. */
import { describe, expect, it } from 'vitest';
import { ringfence } from './command.js';

const NO_DEVICE = { RINGFENCE_KVM_DEVICE: '/nonexistent/kvm' };

function expectFailure(args: readonly string[], message: RegExp, env = {}): void {
  const { status, stdout, stderr } = ringfence(args, { env });
  expect(stderr).toMatch(message);
  expect(stderr.startsWith('ringfence: ')).toBe(true);
  expect(stderr).not.toMatch(/^\s+at /m);
  expect(stdout).toBe('');
  expect(status).toBe(125);
}

describe('usage', () => {
  it.each<[string, string[], RegExp]>([
    ['an unknown option', ['run', '--rootless', '/bin/true'], /unknown option '--rootless'/],
    ['an unknown command', ['walk'], /unknown command 'walk'/],
    ['no program', ['run'], /missing required argument 'program'/],
    ['no program behind the dashes', ['run', '--'], /missing required argument 'program'/],
    ['an option without its value', ['run', '--rootfs'], /argument missing/],
    ['a size that is none', ['run', '--memory', 'lots', '/bin/true'], /number and a unit/],
    ['a memory limit too small', ['run', '--memory', '64k', '/bin/true'], /at least 4m/],
    ['a platform that is none', ['run', '--platform', 'qemu', '/bin/true'], /auto, kvm or ptrace/],
    ['a bind without a guest path', ['run', '--bind', '/etc', '/bin/true'], /HOST:GUEST/],
    ['too many arguments for doctor', ['doctor', 'x'], /too many arguments/],
  ])('%s', (_name, args, message) => {
    expectFailure(args, message);
  });

  it('points to the help', () => {
    expect(ringfence(['run', '--rootless']).stderr).toMatch(/Try 'ringfence --help'/);
  });
});

describe('paths on the host', () => {
  it.each<[string, string[], RegExp]>([
    ['a missing root', ['--rootfs', '/nonexistent'], /--rootfs: \/nonexistent is not there/],
    ['a root that is a file', ['--rootfs', '/etc/passwd'], /not a directory/],
    ['a missing bind', ['--bind', '/nonexistent:/x'], /--bind: \/nonexistent is not there/],
    ['a trace file nobody can make', ['--trace-file', '/nonexistent/t'], /--trace-file: ENOENT/],
  ])('%s', (_name, args, message) => {
    expectFailure(['run', ...args, '--', '/bin/true'], message);
  });
});

describe('a missing /dev/kvm', () => {
  it('is named, with where to ask', () => {
    const command = ['run', '--platform', 'kvm', '/bin/true'];
    expectFailure(command, /\/nonexistent\/kvm is not there/, NO_DEVICE);
    expectFailure(command, /ringfence doctor/, NO_DEVICE);
  });

  it('makes auto take ptrace, and say so in one line', () => {
    const { status, stdout, stderr } = ringfence(['run', '/bin/echo', 'hello'], { env: NO_DEVICE });
    expect(stdout).toBe('hello\n');
    expect(stderr).toMatch(
      /^ringfence: \/nonexistent\/kvm is not there.*guests run by ptrace instead\n$/,
    );
    expect(status).toBe(0);
  });

  it('that opens and is none makes auto take ptrace, too, and fails where KVM was asked for', () => {
    const env = { RINGFENCE_KVM_DEVICE: '/dev/null' };
    const { status, stdout, stderr } = ringfence(['run', '/bin/echo', 'hello'], { env });
    expect(stdout).toBe('hello\n');
    expect(stderr).toMatch(
      /^ringfence: \/dev\/null cannot run guests: .*guests run by ptrace instead\n$/,
    );
    expect(status).toBe(0);
    expectFailure(['run', '--platform', 'kvm', '/bin/true'], /\/dev\/null cannot run guests/, env);
  });

  it('shows its stack trace only where asked', () => {
    const { stderr } = ringfence(['run', '--platform', 'kvm', '/bin/true'], {
      env: { ...NO_DEVICE, RINGFENCE_DEBUG: '1' },
    });
    expect(stderr).toMatch(/^\s+at /m);
  });
});

describe('--help and --version', () => {
  it.each([[['--help']], [['run', '--help']], [['doctor', '--help']]])('%j', (args) => {
    const { status, stdout, stderr } = ringfence(args);
    expect(stdout).toMatch(/^Usage: ringfence/);
    expect(stderr).toBe('');
    expect(status).toBe(0);
  });

  it('names every option of run', () => {
    const { stdout } = ringfence(['run', '--help']);
    const options = ['rootfs', 'bind', 'env', 'cwd', 'memory', 'vcpus', 'platform', 'trace'];
    for (const option of options) expect(stdout).toContain(`--${option}`);
  });

  it('prints the version', () => {
    const { status, stdout } = ringfence(['--version']);
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(status).toBe(0);
  });
});
