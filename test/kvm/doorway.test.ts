import { expect, it } from 'vitest';
import { SwitchResult } from '../../src/platform/contract.js';
import { Register } from '../../src/platform/registers.js';
import { describeKvm } from '../kvm.js';
import { CODE, Guest } from './guest.js';

describeKvm('the doorway', () => {
  it('rewinds a port access of the program`s own to the instruction', () => {
    using guest = new Guest('nop\n outb %al, $0xf5\n syscall');
    expect(guest.run()).toBe(SwitchResult.Signal);
    expect(guest.registers.getNumber(Register.Rip)).toBe(CODE + 1);
  });

  it('takes a jump into the doorway for the system call it amounts to', () => {
    using guest = new Guest(
      `leaq 1f(%rip), %rcx\n pushfq\n popq %r11
       movabsq $0xffffffff80000000, %rax\n jmp *%rax\n 1: nop`,
    );
    const result = guest.run();
    if (guest.platform.hostClass === 'deprivileged') {
      expect(result).toBe(SwitchResult.Syscall);
      expect(guest.registers.getNumber(Register.Rip)).toBe(guest.registers.getNumber(Register.Rcx));
    } else {
      expect(result).toBe(SwitchResult.Signal);
    }
  });
});
