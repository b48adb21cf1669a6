import { describe, expect, it } from 'vitest';
import { native } from '../../src/host/native.js';
import { SwitchResult } from '../../src/platform/contract.js';
import { Register } from '../../src/platform/registers.js';
import { KEPT } from '../contract/guest.js';
import { describeKvm } from '../kvm.js';
import { workload } from '../patience.js';
import { CODE, DATA, Guest, STACK_TOP } from './guest.js';

describeKvm('the doorway', () => {
  it('rewinds a port access of the program`s own to the instruction', () => {
    using guest = new Guest('nop\n outb %al, $0xf5\n syscall');
    expect(guest.run()).toBe(SwitchResult.Signal);
    expect(guest.registers.getNumber(Register.Rip)).toBe(CODE + 1);
  });

  it('takes a jump to where `syscall` arrives for the system call it amounts to', () => {
    using guest = new Guest(
      `leaq 1f(%rip), %rcx\n pushfq\n popq %r11
       movabsq $0xffffffff80000000, %rdx\n movl $39, %eax\n jmp *%rdx\n 1: nop`,
    );
    expect(guest.run()).toBe(SwitchResult.Syscall);
    expect(guest.registers.getNumber(Register.Rip)).toBe(guest.registers.getNumber(Register.Rcx));
    expect(guest.registers.getNumber(Register.Rax)).toBe(39);
  });

  describe('entered by a jump', () => {
    const { doorwayJump, doorwayJumpPointer } = native.constants;
    /** What a rewritten `syscall` does. */
    const call = (number: number, jump: string): string =>
      `movl $${number}, %eax\n leaq 9f(%rip), %rcx\n ${jump}\n 9: `;
    const JUMPS = {
      'by its address': `movq $${doorwayJump}, %r11\n jmp *%r11`,
      'by the pointer to it': `jmp *${doorwayJumpPointer}`,
    };

    it.each(Object.entries(JUMPS))('keeps every register but rcx and r11, %s', (_, jump) => {
      using guest = new Guest(`stc\n std\n${call(39, jump)}\n pushfq\n popq %rbp\n syscall`);
      const { registers } = guest;
      for (const [n, register] of KEPT.entries())
        registers.set(register, 0x1234567890abcn * BigInt(n));
      const pattern = Uint8Array.from({ length: 4096 }, (__, i) => (i * 7) & 0xff);
      guest.space.copyOut(STACK_TOP - 4096, pattern);
      registers.setNumber(Register.Rsp, STACK_TOP - 2048);
      expect(guest.run()).toBe(SwitchResult.Syscall);
      for (const [n, register] of KEPT.entries()) {
        expect(registers.get(register)).toBe(0x1234567890abcn * BigInt(n));
      }
      expect(registers.getNumber(Register.Rax)).toBe(39);
      expect(registers.getNumber(Register.OrigRax)).toBe(39);
      expect(registers.getNumber(Register.Rsp)).toBe(STACK_TOP - 2048);
      expect(registers.getNumber(Register.Rip)).toBe(registers.getNumber(Register.Rcx));
      expect(registers.get(Register.Rflags) & 0xcd5n).toBe(0x401n);
      expect(registers.get(Register.R11)).toBe(registers.get(Register.Rflags));
      const after = new Uint8Array(4096);
      guest.space.copyIn(STACK_TOP - 4096, after);
      expect(after).toEqual(pattern);
      registers.setNumber(Register.Rax, 7);
      expect(guest.run()).toBe(SwitchResult.Syscall);
      expect(registers.getNumber(Register.Rbp) & 0xcd5).toBe(0x401);
    });

    it.each(Object.entries(JUMPS))(
      'gives a published answer, and keeps all else, %s',
      (_, jump) => {
        using guest = new Guest(
          `pushfq\n orl $0x40401, (%rsp)\n popfq\n ${call(39, jump)}
         movq %rax, ${DATA}\n movq %rcx, ${DATA + 8}\n pushfq\n popq ${DATA + 16}\n movq %r11, ${DATA + 24}
         leaq 9b(%rip), %rax\n movq %rax, ${DATA + 32}\n movl $300, %eax\n syscall`,
        );
        const { context, registers } = guest;
        for (const [n, register] of KEPT.entries())
          registers.set(register, 0x1234567890abcn * BigInt(n));
        const pattern = Uint8Array.from({ length: 2040 }, (__, i) => (i * 7) & 0xff);
        guest.space.copyOut(STACK_TOP - 4096, pattern);
        registers.setNumber(Register.Rsp, STACK_TOP - 2048);
        expect(context.publish(39, 0x123456789a)).toBe(true);
        expect(guest.run()).toBe(SwitchResult.Syscall);
        expect(registers.getNumber(Register.Rax)).toBe(300);
        for (const [n, register] of KEPT.entries()) {
          expect(registers.get(register)).toBe(0x1234567890abcn * BigInt(n));
        }
        expect(registers.getNumber(Register.Rsp)).toBe(STACK_TOP - 2048);
        const seen = new BigUint64Array(5);
        guest.space.copyIn(DATA, new Uint8Array(seen.buffer));
        const [rax, rcx, flags = 0n, r11, returnAddress] = seen;
        expect(rax).toBe(0x123456789an);
        expect(rcx).toBe(returnAddress);
        expect(flags & 0x244dd5n).toBe(0x40401n);
        expect(r11).toBe(flags);
        const after = new Uint8Array(2040);
        guest.space.copyIn(STACK_TOP - 4096, after);
        expect(after).toEqual(pattern);
      },
    );

    it('gives a published answer whenever it is interrupted', () => {
      const jump = JUMPS['by the pointer to it'];
      using guest = new Guest(
        `1: ${call(39, jump)} cmpq $77, %rax\n jne 2f\n incq %rbx\n jmp 1b\n 2: ud2`,
      );
      const { context, space, registers } = guest;
      context.publish(39, 77);
      let interrupts = 0;
      for (let n = 0; n < workload(300); n++) {
        const before = registers.getNumber(Register.Rbx);
        const result = context.switchSync(space, registers, -1, 100 + n);
        const rip = registers.getNumber(Register.Rip);
        expect(rip).toBeGreaterThanOrEqual(CODE);
        expect(rip).toBeLessThan(CODE + 64);
        expect(registers.getNumber(Register.Rsp)).toBe(STACK_TOP);
        expect(registers.getNumber(Register.Rbx)).toBeGreaterThanOrEqual(before);
        if (result === SwitchResult.Interrupt) {
          interrupts++;
          continue;
        }
        expect(result).toBe(SwitchResult.Syscall);
        expect(registers.getNumber(Register.Rax)).toBe(39);
        registers.setNumber(Register.Rax, 77);
      }
      expect(interrupts).toBeGreaterThan(0);
    });

    it('makes one call of it where the program single-steps', () => {
      using guest = new Guest(
        `pushfq\n orl $0x100, (%rsp)\n popfq\n ${call(39, `jmp *${doorwayJumpPointer}`)}\n nop\n nop`,
      );
      const { registers } = guest;
      const calls: number[] = [];
      for (let step = 0; step < 8; step++) {
        const result = guest.run();
        const rip = registers.getNumber(Register.Rip);
        if (result === SwitchResult.Syscall) calls.push(rip);
        else expect(result).toBe(SwitchResult.Signal);
        expect(rip).toBeLessThan(CODE + 4096);
        if (calls.length > 0 && result === SwitchResult.Signal) break;
      }
      expect(calls).toEqual([registers.getNumber(Register.Rcx)]);
    });
  });
});
