import { expect, it } from 'vitest';
import { SwitchResult } from '../../src/platform/contract.js';
import { Register, Registers } from '../../src/platform/registers.js';
import { workload } from '../patience.js';
import { DATA, type Guest } from './guest.js';
import { describePlatforms } from './platforms.js';

/**
 * Reads the counter rcx times, each time after the last value that any thread has seen, and takes it over: ebx
 * counts those that were lower. Then a system call, with the last value in rdx.
 */
const PROGRAM = `0: movq ${DATA}, %rsi
  lfence
  rdtsc
  lfence
  shlq $32, %rdx
  orq %rax, %rdx
  cmpq %rsi, %rdx
  jae 1f
  incl %ebx
  1: movq %rsi, %rax
  cmpq %rax, %rdx
  jbe 2f
  lock cmpxchgq %rdx, ${DATA}
  je 2f
  movq %rax, %rsi
  jmp 1b
  2: decl %ecx
  jnz 0b
  syscall
  jmp 0b`;

function newThread(guest: Guest, reads: number): Registers {
  const registers = guest.start(new Registers());
  registers.setNumber(Register.Rcx, reads);
  return registers;
}

describePlatforms('the time-stamp counter', (platform) => {
  it('never goes back within a switch', () => {
    using guest = platform.guest(PROGRAM);
    const registers = newThread(guest, workload(500_000));
    expect(guest.run(guest.context, registers)).toBe(SwitchResult.Syscall);
    expect(registers.getNumber(Register.Rbx)).toBe(0);
  });

  it('never goes back from one switch to the next, on this thread and on vCPUs', async () => {
    using guest = platform.guest(PROGRAM, { vcpus: 2 });
    const contexts = [guest.context, guest.platform.newContext(), guest.platform.newContext()];
    const registers = contexts.map(() => newThread(guest, 1));
    let last = 0n;
    for (let i = 0; i < workload(300); i++) {
      const at = i % 3;
      const [context, own] = [contexts[at], registers[at]];
      if (context === undefined || own === undefined) throw new Error('no context');
      own.setNumber(Register.Rcx, 1);
      const result =
        i % 2 === 0
          ? context.switchSync(guest.space, own, -1)
          : await context.switch(guest.space, own, -1);
      expect(result).toBe(SwitchResult.Syscall);
      expect(own.getNumber(Register.Rbx)).toBe(0);
      expect(own.get(Register.Rdx)).toBeGreaterThan(last);
      last = own.get(Register.Rdx);
    }
  });

  it('never goes back from one vCPU to another that runs at the same time', async () => {
    using guest = platform.guest(PROGRAM, { vcpus: 2 });
    await Promise.all(
      [1, 2, 3].map(async () => {
        const registers = newThread(guest, workload(300_000));
        const context = guest.platform.newContext();
        while ((await context.switch(guest.space, registers, -1)) === SwitchResult.Interrupt);
        expect(registers.getNumber(Register.Rbx)).toBe(0);
      }),
    );
  });
});
