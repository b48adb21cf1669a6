import { expect, it } from 'vitest';
import { SwitchResult } from '../../src/platform/contract.js';
import { Register, Registers } from '../../src/platform/registers.js';
import { describeKvm } from '../kvm.js';
import { Guest } from './guest.js';

/** Loads each data segment with what rdi has, if rsi says so; then tells what they hold, in rax, rbx, rdx and r8. */
const PROGRAM = `testq %rsi, %rsi
  jz 1f
  movl %edi, %ds
  movl %edi, %es
  movl %edi, %fs
  movl %edi, %gs
  1: xorl %esi, %esi
  movl %ds, %eax
  movl %es, %ebx
  movl %fs, %edx
  movl %gs, %r8d
  syscall
  jmp 1b`;

describeKvm('the data segments', () => {
  it('are each context`s own, and null where a program begins', () => {
    using guest = new Guest(PROGRAM, { vcpus: 1 });
    // Selectors are the processor's there, and KVM neither tells nor sets them.
    if (guest.platform.hostClass === 'deprivileged') return;
    const threads = [0x2b, 0, 0x33, 0x28, 3].map((selector) => {
      const registers = guest.start(new Registers());
      registers.setNumber(Register.Rdi, selector);
      registers.setNumber(Register.Rsi, selector === 0 ? 0 : 1);
      return { selector, registers, context: guest.platform.newContext() };
    });
    for (let round = 0; round < 3; round++) {
      for (const { selector, registers, context } of threads) {
        expect(guest.run(context, registers)).toBe(SwitchResult.Syscall);
        for (const register of [Register.Rax, Register.Rbx, Register.Rdx, Register.R8])
          expect(registers.getNumber(register)).toBe(selector);
        expect(registers.getNumber(Register.Ds)).toBe(selector);
      }
    }
  });
});
