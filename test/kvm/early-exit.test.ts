/** System calls that leave the guest at the instruction itself, and what else makes KVM come out there. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { native } from '../../src/host/native.js';
import { createKvmPlatform } from '../../src/kvm/platform.js';
import { SwitchResult } from '../../src/platform/contract.js';
import { Register } from '../../src/platform/registers.js';
import { Guest as ContractGuest, KEPT } from '../contract/guest.js';
import { describeKvm } from '../kvm.js';
import { workload } from '../patience.js';
import { Guest } from './guest.js';

/** Calls in a row that leave KVM in no doubt: it is asked to come out at the next as well. */
const STREAK = 20;

function expectCalls(guest: Guest, number: number, count: number): void {
  for (let n = 0; n < count; n++) {
    expect(guest.run()).toBe(SwitchResult.Syscall);
    expect(guest.registers.getNumber(Register.OrigRax)).toBe(number);
  }
}

describeKvm('a system call in a row of them', () => {
  it('is reported with every register as `syscall` leaves it', () => {
    using guest = new Guest('stc\n std\n 1: incl %eax\n syscall\n 2: jmp 1b');
    const { registers } = guest;
    for (const [n, register] of KEPT.entries())
      registers.set(register, 0x1234567890abcn * BigInt(n));
    for (let n = 1; n < workload(200); n++) {
      expect(guest.run()).toBe(SwitchResult.Syscall);
      expect(registers.getNumber(Register.Rax)).toBe(n);
      expect(registers.getNumber(Register.OrigRax)).toBe(n);
      expect(registers.getNumber(Register.Rip)).toBe(registers.getNumber(Register.Rcx));
      expect(registers.get(Register.Rflags) & 0xcd5n & ~0x54n).toBe(0x401n & ~0x54n);
      expect(registers.get(Register.R11)).toBe(registers.get(Register.Rflags));
      for (const [index, register] of KEPT.entries())
        expect(registers.get(register)).toBe(0x1234567890abcn * BigInt(index));
    }
  });

  it('is not seen where the program computes for long, and the host is busy meanwhile', () => {
    using guest = new Guest(
      `1: syscall\n cmpl $0, %ebx\n je 1b
       movl %ebx, %edi\n 2: decl %edi\n jnz 2b\n incq %r12\n movl $300, %eax\n jmp 1b`,
    );
    guest.registers.setNumber(Register.Rax, 39);
    for (let round = 1; round <= workload(20); round++) {
      guest.registers.setNumber(Register.Rbx, 0);
      for (let n = 0; n < STREAK; n++) {
        expect(guest.run()).toBe(SwitchResult.Syscall);
        expect(guest.registers.getNumber(Register.R12)).toBe(round - 1);
      }
      guest.registers.setNumber(Register.Rbx, workload(30_000_000));
      expect(guest.run()).toBe(SwitchResult.Syscall);
      expect(guest.registers.getNumber(Register.OrigRax)).toBe(300);
      expect(guest.registers.getNumber(Register.Rdi)).toBe(0);
      expect(guest.registers.getNumber(Register.R12)).toBe(round);
    }
  });

  it('is answered in the guest where its answer is published', () => {
    using guest = new Guest(
      `1: movl $300, %eax\n syscall\n cmpl $0, %ebx\n je 1b
       2: movl $39, %eax\n syscall\n addq %rax, %r12\n decl %ebx\n jnz 2b\n jmp 1b`,
    );
    guest.context.publish(39, 5);
    for (let round = 1; round <= 10; round++) {
      guest.registers.setNumber(Register.Rbx, 0);
      expectCalls(guest, 300, STREAK);
      guest.registers.setNumber(Register.Rbx, 100);
      expectCalls(guest, 300, 1);
      expect(guest.registers.getNumber(Register.R12)).toBe(round * 500);
    }
  });

  it('is made once where the program single-steps over it', () => {
    using guest = new Guest(
      `1: movl $300, %eax\n syscall\n cmpl $0, %ebx\n je 1b
       pushfq\n orl $0x100, (%rsp)\n popfq\n movl $301, %eax\n syscall\n incl %r12d\n ud2`,
    );
    expectCalls(guest, 300, STREAK);
    guest.registers.setNumber(Register.Rbx, 1);
    const calls: number[] = [];
    while (guest.registers.getNumber(Register.R12) === 0 && calls.length < 10) {
      const result = guest.run();
      const isCall = result === SwitchResult.Syscall;
      if (isCall) calls.push(guest.registers.getNumber(Register.OrigRax));
      else expect(result).toBe(SwitchResult.Signal);
    }
    expect(calls).toEqual([301]);
  });

  it('is told from a page fault behind one', () => {
    using guest = new Guest(
      `1: movl $300, %eax\n syscall\n cmpl $0, %ebx\n je 1b\n movl (%rbx), %edi\n jmp 1b`,
    );
    for (let round = 1; round <= 10; round++) {
      guest.registers.setNumber(Register.Rbx, 0);
      expectCalls(guest, 300, STREAK);
      guest.registers.setNumber(Register.Rbx, 0x5000_0000 + round * 4096);
      expect(guest.run()).toBe(SwitchResult.Signal);
      guest.registers.setNumber(Register.Rip, guest.registers.getNumber(Register.Rcx));
    }
  });
});

/** The signal of a kick to each thread of a process, time and again; nobody has asked for one. */
const KICKS = `
import ctypes, os, sys
pid, times = map(int, sys.argv[1:])
libc = ctypes.CDLL(None)
for _ in range(times):
    for thread in os.listdir(f'/proc/{pid}/task'):
        libc.syscall(234, pid, int(thread), 16)  # tgkill, SIGSTKFLT
`;

describeKvm('a kick that comes late', () => {
  describe.each(['off', 'on'] as const)(
    'where calls are answered in the doorway: %s',
    (exitless) => {
      it('makes no call twice, and loses none', { timeout: 60_000 }, async () => {
        using guest = new ContractGuest(
          (options) => createKvmPlatform({ ...options, exitless }),
          `1: incq %rbx\n movl $300, %eax\n leaq 1b(%rip), %rcx\n jmp *${native.constants.doorwayJumpPointer}`,
        );
        const kicker = spawn('python3', ['-c', KICKS, `${process.pid}`, `${workload(3000)}`], {
          stdio: 'inherit',
        });
        const over = once(kicker, 'exit');
        let calls = 0;
        while (kicker.exitCode === null) {
          for (let n = 0; n < 1000; n++) {
            const result = guest.context.switchSync(guest.space, guest.registers, -1);
            expect(result).toBe(SwitchResult.Syscall);
            expect(guest.registers.getNumber(Register.Rbx)).toBe(++calls);
          }
          await new Promise((resolve) => setImmediate(resolve));
        }
        expect((await over)[0]).toBe(0);
      });
    },
  );
});
