/** onSyscall: what hooks see, change and answer; and that nothing they do ends more than their sandbox. */
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { RunOptions, RunResult, SandboxOptions, Syscall } from '../../src/index.js';
import { run, Sandbox, SyscallHookError } from '../../src/index.js';
import { guest } from '../guests/build.js';
import { describeKvm } from '../kvm.js';

function describeHooks(platform: 'kvm' | 'ptrace'): void {
  const sandboxed = (
    command: string,
    args: readonly string[],
    options: SandboxOptions & RunOptions,
  ): Promise<RunResult> => run(command, args, { platform, memory: 256 * 1024 ** 2, ...options });
  const shell = (script: string, options: SandboxOptions): Promise<RunResult> =>
    sandboxed('/bin/sh', ['-c', script], options);

  it('shows every call that a trace shows', async () => {
    const seen: string[] = [];
    const traced: string[] = [];
    await shell('ls / | wc -l', {
      onSyscall: (call) => void seen.push(call.name),
      trace: (line) => {
        const name = /^(?:\[pid +\d+\] )?(\w+)\(/.exec(line)?.[1];
        if (name !== undefined) traced.push(name);
      },
    });
    // The program itself is traced as started by execve.
    expect(['execve', ...seen].sort()).toEqual(traced.sort());
    expect(seen.length).toBeGreaterThan(50);
  });

  it('lets a program run as it would without', async () => {
    const script = 'for i in 1 2 3; do (echo $i; exit $i) | cat; done; sleep 0.01 & wait; exit 9';
    const plain = await shell(script, {});
    const looked = await shell(script, { onSyscall: () => undefined });
    const waited = await shell(script, { onSyscall: async () => delay(0, undefined) });
    const made = await shell(script, { onSyscall: (call) => call.proceed() });
    expect([looked, waited, made]).toEqual([plain, plain, plain]);
  });

  it('changes, refuses and answers calls, and leaves the registers alone', async () => {
    const { stdout, stderr } = await sandboxed(guest('hooked'), [], {
      onSyscall: {
        write: (call) => {
          if (call.args[0] === 2) call.args[2] = 3;
        },
        mkdir: (call) => {
          expect([call.string(call.args[0]), call.args[1]]).toEqual(['/tmp/hooked', 0o700]);
          return call.refuse('ENOSPC');
        },
        open: (call) => void call.string(call.args[0]),
        pwrite64: (call) => void call.copyIn(call.args[1], call.args[2]),
        clock_gettime: (call) => {
          const time = Buffer.alloc(16);
          time.writeBigInt64LE(1_000_000_000n);
          call.copyOut(call.args[1], time);
          return 0;
        },
        getppid: async (call) => (await call.proceed()) + 77,
      },
    });
    expect(stderr).toBe('abc');
    expect(stdout).toBe(
      [
        'write: 3',
        'mkdir: -1 No space left on device',
        'open: -1 14',
        'too long: -1 14',
        'time: 1000000000',
        'getppid: 77',
        'no such call: -1\n',
      ].join('\n'),
    );
  });

  it.each(['off', 'on'] as const)(
    'sees every call of one made often, exitless %s',
    async (exitless) => {
      let seen = 0;
      const onSyscall = {
        getpid: () => {
          seen++;
        },
      };
      const options = { onSyscall, exitless, rewriteCalls: true };
      expect(await sandboxed(guest('getpid_loop'), ['5', '1000'], options)).toMatchObject({
        exitCode: 0,
      });
      expect(seen).toBe(5000);
    },
  );

  it('gives arguments as they are in the registers', async () => {
    const calls: unknown[] = [];
    await sandboxed(guest('hooked'), [], {
      onSyscall: (call) => {
        if (call.number === 511) calls.push([call.name, call.args[1], call.arg64(1), call.pid]);
      },
    });
    expect(calls).toEqual([['syscall_0x1ff', -1, 2n ** 64n - 1n, expect.any(Number)]]);
  });

  it('lets signals interrupt a call that a hook has made', async () => {
    const sandbox = await Sandbox.create({
      platform,
      onSyscall: { read: (call) => call.proceed() },
    });
    const child = sandbox.spawn('/bin/sh', [
      '-c',
      'trap "echo caught; exit 3" TERM; echo up; read x',
    ]);
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    const caught = once(child.stdout as NodeJS.ReadableStream, 'data');
    const exited = once(child, 'exit');
    child.kill('SIGTERM');
    expect(String((await caught)[0])).toBe('caught\n');
    expect(await exited).toEqual([3, null]);
    await sandbox.dispose();
  });

  it('ends a program whose hook never answers', async () => {
    const sandbox = await Sandbox.create({
      platform,
      onSyscall: { getppid: () => new Promise<number>(() => undefined) },
    });
    const first = await sandbox.start(guest('hooked'));
    const second = await sandbox.start(guest('hooked'));
    first.kill('SIGKILL');
    expect(await first.ended).toMatchObject({ signal: 'SIGKILL' });
    await sandbox.dispose();
    expect(await second.ended).toMatchObject({ signal: 'SIGKILL' });
  });

  const mistakes = {
    'throws at once': () => {
      throw new Error('a mistake');
    },
    'throws later': async () => {
      await delay(1);
      throw new Error('a mistake');
    },
    'throws after the call': async (call: Syscall) => {
      await call.proceed();
      throw new Error('a mistake');
    },
    'gives what is no answer': () => 'a mistake' as unknown as number,
    'gives it later': () => Promise.resolve('a mistake' as unknown as number),
    'names an error that there is none of': (call: Syscall) => call.refuse('a mistake' as 'EPERM'),
    'makes a call twice': async (call: Syscall) => {
      await call.proceed();
      return call.proceed().then(() => Promise.reject(new Error('a mistake')));
    },
  };
  it.each(Object.entries(mistakes))('ends the sandbox where a hook %s', async (_, hook) => {
    const sandbox = await Sandbox.create({ platform, onSyscall: { getppid: hook } });
    const failing = await sandbox.start(guest('hooked'));
    const beside = sandbox.spawn('/bin/sleep', ['1000']);
    const toldBeside = once(beside, 'error').catch((error: unknown) => [error]);
    const error: unknown = await failing.ended.catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(SyscallHookError);
    expect(String(error)).toMatch(/the hook of getppid failed: .*(a mistake|made already)/);
    expect((await toldBeside)[0]).toBe(error);
    await expect(sandbox.start('/bin/true')).rejects.toBe(error);
    await sandbox.dispose();
  });

  it('shuts a call off for a hook that comes too late', async () => {
    let late: Promise<unknown> | undefined;
    const sandbox = await Sandbox.create({
      platform,
      onSyscall: {
        getppid: (call) => {
          late = delay(1).then(() => call.copyIn(call.args[0], 1));
          late.catch(() => undefined);
          return 5;
        },
      },
    });
    await (
      await sandbox.start(guest('hooked'))
    ).ended;
    await expect(late).rejects.toThrow('is over');
    await sandbox.dispose();
  });

  it('refuses hooks for calls that there are none of', async () => {
    await expect(Sandbox.create({ platform, onSyscall: { opne: () => 0 } })).rejects.toThrow(
      'no system call opne',
    );
  });
}

describeKvm('system call hooks [kvm]', () => describeHooks('kvm'));
describe('system call hooks [ptrace]', () => describeHooks('ptrace'));
