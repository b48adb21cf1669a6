import { describe, expect, it } from 'vitest';
import { Register } from '../../../src/platform/registers.js';
import { Errno } from '../../../src/kernel/abi/errno.js';
import type { Step } from '../fake-platform.js';
import { scripted } from './scripted.js';

const NR = {
  mmap: 9,
  rtSigaction: 13,
  rtSigprocmask: 14,
  rtSigreturn: 15,
  rtSigtimedwait: 128,
  nanosleep: 35,
  alarm: 37,
  getpid: 39,
  getuid: 102,
  setgid: 106,
  setpgid: 109,
  getppid: 110,
  getpgrp: 111,
  getpgid: 121,
  kill: 62,
  pause: 34,
  exitGroup: 231,
  futex: 202,
  archPrctl: 158,
} as const;

const HANDLER = 0x40_1000;
const RESTORER = 0x40_2000;
const SA_RESTORER = 0x04000000;
const SA_RESTART = 0x10000000;

function call(number: number, ...args: (number | bigint)[]): Step {
  return { call: number, args };
}

function mapStep(length: number): Step {
  return call(NR.mmap, 0, length, 3, 0x22, -1, 0);
}

function sigaction(handler: number, flags: number): Uint8Array {
  const bytes = Buffer.alloc(32);
  bytes.writeUInt32LE(handler, 0);
  bytes.writeUInt32LE((flags | SA_RESTORER) >>> 0, 8);
  bytes.writeUInt32LE(RESTORER, 16);
  return bytes;
}

describe('a task', () => {
  it('runs calls and exits with the low byte of its status', async () => {
    const seen: number[] = [];
    const run = scripted(function* () {
      seen.push(yield call(NR.getpid));
      seen.push(yield call(1234));
      yield call(NR.exitGroup, 0x1ff);
    });
    expect(await run.finish()).toEqual({ code: 255 });
    expect(seen).toEqual([1, -Errno.ENOSYS]);
    expect(run.platform.memory.allocated).toBe(0);
    expect(run.context.disposed).toBe(true);
    expect(run.kernel.processes.size).toBe(0);
  });

  it('has its context answer who it is, until that changes', async () => {
    const published: [number, number][][] = [];
    const run = scripted(
      function* (task) {
        const note = (): void => {
          published.push([...run.context.published]);
        };
        yield call(NR.getpid);
        yield call(NR.getuid);
        yield call(NR.getpgid, 0);
        note();
        yield call(NR.setgid, 1000);
        note();
        yield call(NR.getpgrp);
        note();
        yield call(NR.setpgid, 0, 0);
        yield call(NR.getppid);
        note();
        task().process.parent = undefined;
        note();
        yield call(NR.exitGroup, 0);
      },
      { trace: undefined },
    );
    await run.finish();
    expect(published).toEqual([
      [
        [NR.getpid, 1],
        [NR.getuid, 1000],
      ],
      [],
      [[NR.getpgrp, 1]],
      [
        [NR.getpgrp, 1],
        [NR.getppid, 0],
      ],
      [],
    ]);
  });

  it('has its context answer nothing where every call is to be traced', async () => {
    const run = scripted(function* () {
      yield call(NR.getpid);
      yield call(NR.exitGroup, 0);
    });
    await run.finish();
    expect(run.context.published.size).toBe(0);
    expect(run.lines[0]).toMatch(/^getpid\(\) /);
  });

  it('resolves page faults and dies of the others', async () => {
    const run = scripted(function* () {
      const start = yield mapStep(65536);
      yield { touch: start, access: 2 };
      yield { touch: start + 4096, access: 1 };
      yield { touch: 0, access: 1 };
    });
    expect(await run.finish()).toEqual({ signal: 11, coreDumped: false });
    expect(run.lines.slice(-2)).toEqual([
      '--- SIGSEGV {si_signo=SIGSEGV, si_code=SEGV_MAPERR, si_addr=NULL} ---',
      '+++ killed by SIGSEGV +++',
    ]);
  });

  it('turns exceptions into signals', async () => {
    const run = scripted(function* () {
      yield { fault: 8, code: 1, address: 0x401234 };
    });
    expect(await run.finish()).toEqual({ signal: 8, coreDumped: false });
    expect(run.lines[0]).toBe(
      '--- SIGFPE {si_signo=SIGFPE, si_code=FPE_INTDIV, si_addr=0x401234} ---',
    );
  });

  it('survives a handler of ours that fails', async () => {
    const seen: number[] = [];
    const run = scripted(function* (task) {
      Object.defineProperty(task(), 'pid', {
        get: () => {
          throw new Error('a bug');
        },
      });
      seen.push(yield call(NR.getpid));
    });
    expect(await run.finish()).toEqual({ code: 0 });
    expect(seen).toEqual([-Errno.EIO]);
    expect(run.defects).toHaveLength(1);
  });

  it('refuses a base address that is not canonical', async () => {
    const seen: number[] = [];
    const run = scripted(function* (_task, registers) {
      seen.push(yield call(NR.archPrctl, 0x1002, 0x8000_0000_0000_0000n));
      seen.push(yield call(NR.archPrctl, 0x1002, 0x1234_5678_9000));
      seen.push(registers.getNumber(Register.FsBase));
      seen.push(yield call(NR.archPrctl, 0x1003, 8));
    });
    await run.finish();
    expect(seen).toEqual([-Errno.EPERM, 0, 0x1234_5678_9000, -Errno.EFAULT]);
  });

  it('rejects where the platform fails, and gives everything back', async () => {
    // eslint-disable-next-line require-yield
    const run = scripted(function* () {
      throw new Error('the platform failed');
    });
    await expect(run.finish()).rejects.toThrow('the platform failed');
    expect(run.platform.memory.allocated).toBe(0);
    expect(run.context.disposed).toBe(true);
  });
});

describe('signals', () => {
  it('end a process that waits', async () => {
    const run = scripted(function* () {
      yield call(NR.pause);
    });
    setTimeout(() => {
      run.kernel.signalForeground(2);
    }, 5);
    expect(await run.finish()).toEqual({ signal: 2, coreDumped: false });
  });

  it('end a process that computes', async () => {
    const run = scripted(function* () {
      for (;;) yield { interrupt: true };
    });
    setTimeout(() => {
      run.kernel.signalForeground(2);
    }, 20);
    run.context.interrupt = () => undefined;
    const turns = setInterval(() => undefined, 1);
    expect(await run.finish()).toEqual({ signal: 2, coreDumped: false });
    clearInterval(turns);
  });

  it('that are ignored or blocked do nothing until they are let through', async () => {
    const seen: number[] = [];
    const run = scripted(function* (task) {
      const page = yield mapStep(4096);
      task().mm.copyOut(page, sigaction(1, 0));
      seen.push(yield call(NR.rtSigaction, 15, page, 0, 8));
      seen.push(yield call(NR.kill, 1, 15));
      task().mm.copyOut(page, Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0));
      seen.push(yield call(NR.rtSigprocmask, 0, page, 0, 8));
      seen.push(yield call(NR.kill, 1, 2));
      seen.push(yield call(NR.getpid));
      yield call(NR.rtSigprocmask, 1, page, 0, 8);
      seen.push(-1);
    });
    expect(await run.finish()).toEqual({ signal: 2, coreDumped: false });
    expect(seen).toEqual([0, 0, 0, 0, 1]);
  });

  it('run their handler, which comes back with every register', async () => {
    const seen: unknown[] = [];
    const run = scripted(function* (task, registers) {
      const stack = yield mapStep(65536);
      task().mm.copyOut(stack, sigaction(HANDLER, 4));
      yield call(NR.rtSigaction, 10, stack, 0, 8);
      registers.setNumber(Register.Rsp, stack + 65536);
      registers.setNumber(Register.Rip, 0x401111);
      registers.set(Register.R15, 0xdead_beef_dead_beefn);
      yield call(NR.kill, 1, 10);
      seen.push(registers.getNumber(Register.Rip), registers.getNumber(Register.Rdi));
      seen.push(registers.getNumber(Register.Rsp) % 16);
      seen.push(task().blocked.has(10));
      const frame = Buffer.alloc(8);
      task().mm.copyIn(registers.getNumber(Register.Rsp), frame);
      seen.push(frame.readUInt32LE(0));
      const info = Buffer.alloc(16);
      task().mm.copyIn(registers.getNumber(Register.Rsi), info);
      seen.push(info.readInt32LE(0));
      registers.set(Register.R15, 0n);
      registers.setNumber(Register.Rsp, registers.getNumber(Register.Rsp) + 8);
      yield call(NR.rtSigreturn);
      seen.push(registers.getNumber(Register.Rip), registers.get(Register.R15));
      seen.push(registers.getNumber(Register.Rsp) === stack + 65536, task().blocked.has(10));
    });
    expect(await run.finish()).toEqual({ code: 0 });
    expect(seen).toEqual([
      HANDLER,
      10,
      8,
      true,
      RESTORER,
      10,
      0x401111,
      0xdead_beef_dead_beefn,
      true,
      false,
    ]);
  });

  it.each([
    ['EINTR', 0, -Errno.EINTR, 0],
    ['a restart', SA_RESTART, NR.futex, 2],
  ])('that cut a wait short give it %s', async (_name, flags, rax, back) => {
    const seen: number[] = [];
    const run = scripted(function* (task, registers) {
      const stack = yield mapStep(65536);
      task().mm.copyOut(stack, sigaction(HANDLER, flags));
      yield call(NR.rtSigaction, 14, stack, 0, 8);
      task().mm.copyOut(stack, new Uint8Array(8));
      registers.setNumber(Register.Rsp, stack + 65536);
      registers.setNumber(Register.Rip, 0x401111);
      setTimeout(() => {
        task().process.sendSignal(14);
      }, 5);
      yield call(NR.futex, stack, 128, 0, 0);
      registers.setNumber(Register.Rsp, registers.getNumber(Register.Rsp) + 8);
      seen.push(yield call(NR.rtSigreturn));
      seen.push(registers.getNumber(Register.Rip));
    });
    expect(await run.finish()).toEqual({ code: 0 });
    expect(seen).toEqual([rax, 0x401111 - back]);
  });

  it('whose handler has no stack to run on end the process', async () => {
    const run = scripted(function* (task, registers) {
      const page = yield mapStep(4096);
      task().mm.copyOut(page, sigaction(HANDLER, 0));
      yield call(NR.rtSigaction, 10, page, 0, 8);
      registers.set(Register.Rsp, 0xffff_ffff_ffff_fff0n);
      yield call(NR.kill, 1, 10);
    });
    expect(await run.finish()).toEqual({ signal: 11, coreDumped: false });
  });

  it('can be awaited though they are blocked and would be ignored', async () => {
    const seen: number[] = [];
    const run = scripted(function* (task) {
      const page = yield mapStep(4096);
      task().mm.copyOut(page, Uint8Array.of(0, 0, 1, 0, 0, 0, 0, 0));
      yield call(NR.rtSigprocmask, 0, page, 0, 8);
      setTimeout(() => {
        task().process.sendSignal(17);
      }, 5);
      seen.push(yield call(NR.rtSigtimedwait, page, 0, 0, 8));
      task().mm.copyOut(page + 64, new Uint8Array(16));
      seen.push(yield call(NR.rtSigtimedwait, page, 0, page + 64, 8));
    });
    expect(await run.finish()).toEqual({ code: 0 });
    expect(seen).toEqual([17, -Errno.EAGAIN]);
  });

  it('come from a timer', async () => {
    const run = scripted(function* (task) {
      yield call(NR.alarm, 1);
      task().process.timers.interval[0].arm(5, 0);
      yield call(NR.pause);
    });
    expect(await run.finish()).toEqual({ signal: 14, coreDumped: false });
  });
});

describe('sleeping', () => {
  it('takes its time, and keeps to the limits of its argument', async () => {
    const seen: number[] = [];
    const begin = performance.now();
    const run = scripted(function* (task) {
      const page = yield mapStep(4096);
      const time = Buffer.alloc(16);
      time.writeUInt32LE(20_000_000, 8);
      task().mm.copyOut(page, time);
      seen.push(yield call(NR.nanosleep, page, 0));
      time.writeUInt32LE(1_000_000_000, 8);
      task().mm.copyOut(page, time);
      seen.push(yield call(NR.nanosleep, page, 0));
      seen.push(yield call(NR.nanosleep, 0, 0));
    });
    await run.finish();
    expect(seen).toEqual([0, -Errno.EINVAL, -Errno.EFAULT]);
    expect(performance.now() - begin).toBeGreaterThanOrEqual(19);
  });
});
