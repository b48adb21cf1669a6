import { expect, it } from 'vitest';
import { SwitchResult } from '../../src/platform/contract.js';
import { Register } from '../../src/platform/registers.js';
import { describeKvm } from '../kvm.js';
import { Guest } from './guest.js';

/**
 * The doorways, the exception stubs, the IDT, the mailbox (which is the program's) as the hardware class's doorway has
 * it, the first vCPU's descriptors, mailbox and stack, and the second's: ring0/abi.h.
 */
const PAGES = [0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11];
/** The deprivileged class's doorway is the program's to read and to run. */
const READABLE = [0];

describeKvm('the system pages', () => {
  it.each(PAGES)('are nothing that a program can write, nor read: page %i', (page) => {
    using guest = new Guest(
      'testq %rsi, %rsi\n jz 1f\n movq %rdx, (%rdi)\n 1: movq (%rdi), %rdx\n syscall',
    );
    const { registers } = guest;
    for (const write of READABLE.includes(page) ? [1] : [0, 1]) {
      guest.start(registers);
      registers.set(Register.Rdi, 0xffffffff80000000n + BigInt(page) * 4096n);
      registers.setNumber(Register.Rsi, write);
      expect(guest.run()).toBe(SwitchResult.Signal);
    }
  });
});
