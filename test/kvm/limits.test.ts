/** What the host may refuse us: the limits of getrlimit(2), lowered for a moment. */
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { SwitchResult } from '../../src/platform/contract.js';
import { Register, Registers } from '../../src/platform/registers.js';
import { describeKvm } from '../kvm.js';
import { Guest } from './guest.js';

const SPIN = '1: jmp 1b';

/** Runs `act` with a soft limit of this process lowered; prlimit(1) has its name. */
async function withLimit(limit: string, value: number, act: () => Promise<void>): Promise<void> {
  const prlimit = (...args: string[]): string =>
    execFileSync('prlimit', ['--pid', String(process.pid), ...args]).toString();
  const before = prlimit(`--${limit}`, '--raw', '--noheadings', '--output=SOFT').trim();
  prlimit(`--${limit}=${value}:`);
  try {
    await act();
  } finally {
    prlimit(`--${limit}=${before}:`);
  }
}

/** Runs `act` while no descriptor can be opened. */
async function withoutDescriptors(act: () => Promise<void>): Promise<void> {
  const lowestFree = openSync('/dev/null', 'r');
  const all = [lowestFree];
  await withLimit('nofile', lowestFree + 64, async () => {
    try {
      for (;;) all.push(openSync('/dev/null', 'r'));
    } catch {
      await act();
    } finally {
      for (const fd of all) closeSync(fd);
    }
  });
}

/** Switches until the guest makes a system call. */
async function finish(run: () => Promise<SwitchResult>): Promise<void> {
  let result: SwitchResult;
  do result = await run();
  while (result === SwitchResult.Interrupt);
  expect(result).toBe(SwitchResult.Syscall);
}

/** Bytes of address space in use. */
function addressSpaceSize(): number {
  return Number(readFileSync('/proc/self/statm', 'latin1').split(' ')[0]) * 4096;
}

// First in its file: later there are stacks of ended threads to be had again.
describeKvm('where the host gives no more threads', () => {
  it('switches that need one fail and say why, and others go on', async () => {
    using guest = new Guest('1: syscall\n jmp 1b');
    const { context, space, registers } = guest;
    // Less than a stack, so that no thread can be made; root has no limit on their number.
    await withLimit('as', addressSpaceSize() + 4 * 1024 * 1024, async () => {
      await expect(context.switch(space, registers, -1)).rejects.toThrow(/no more threads/);
      expect(() => context.switchSync(space, registers, -1, 1000)).toThrow(/no more threads/);
      expect(context.switchSync(space, registers, -1)).toBe(SwitchResult.Syscall);
    });
    expect(await context.switch(space, registers, -1)).toBe(SwitchResult.Syscall);
    expect(context.switchSync(space, registers, -1, 1_000_000)).toBe(SwitchResult.Syscall);
  });
});

describeKvm('where no signal can be queued', () => {
  it('a context can still be interrupted', async () => {
    using guest = new Guest(SPIN);
    const { context, space, registers } = guest;
    await withLimit('sigpending', 0, async () => {
      const pending = context.switch(space, registers, -1);
      setTimeout(() => {
        context.interrupt();
      }, 20);
      expect(await pending).toBe(SwitchResult.Interrupt);
      expect(context.switchSync(space, registers, -1, 1000)).toBe(SwitchResult.Interrupt);
    });
  });
});

describeKvm('where KVM gives no second vCPU', () => {
  it('contexts share the first, on the calling thread and off it, until there is one', async () => {
    using guest = new Guest('1: incq %rbx\n cmpq $20000000, %rbx\n jb 1b\n syscall', { vcpus: 2 });
    const { context, space, registers } = guest;
    const others = [1, 2].map(() => ({
      context: guest.platform.newContext(),
      registers: guest.start(new Registers()),
    }));
    await context.switch(space, registers, -1);
    guest.start(registers).setNumber(Register.Rbx, 0);
    await withoutDescriptors(async () => {
      const switches = [{ context, registers }, ...others].map((each) =>
        finish(() => each.context.switch(space, each.registers, -1)),
      );
      const inline = guest.platform.newContext();
      expect(inline.switchSync(space, guest.start(new Registers()), -1)).toBe(SwitchResult.Syscall);
      await Promise.all(switches);
      for (const each of others) expect(each.context.cpu).toBe(0);
    });
    const switches = others.map((each) => {
      guest.start(each.registers).setNumber(Register.Rbx, 0);
      return finish(() => each.context.switch(space, each.registers, -1));
    });
    await Promise.all(switches);
    expect(others.map((each) => each.context.cpu).sort()).toEqual([0, 1]);
  });
});
