import { expect, it } from 'vitest';
import { native } from '../../src/host/native.js';
import { createKvmPlatform } from '../../src/kvm/platform.js';
import { SwitchResult } from '../../src/platform/contract.js';
import { Register, Registers } from '../../src/platform/registers.js';
import { Guest as ContractGuest } from '../contract/guest.js';
import { describeKvm } from '../kvm.js';
import { CODE, DATA } from './guest.js';

const MAILBOX = '0xffffffff80004000';
/** Offsets in the mailbox, and states: ring0/abi.h. */
const LISTENING = 0x40;
const SPINS = 0x44;
const REGISTERS = 0x80;
const ANSWERS = 0x400;
const REPLY = 8;
const MADE = 1;
const TAKEN = 2;
const ANSWERED = 4;
/** A number that has no answer, whatever is written there. */
const REFUSED = 1000;

/** A guest whose calls are answered in its doorway. */
const guestOf = (source: string, vcpus = 2): ContractGuest =>
  new ContractGuest((options) => createKvmPlatform({ ...options, exitless: 'on' }), source, {
    vcpus,
  });

const CALL = `leaq 9f(%rip), %rcx\n jmp *${native.constants.doorwayJumpPointer}\n 9: `;

/**
 * Lets a guest that forges do what it likes, from its start again where it has lost its way; then another context on the
 * same vCPUs makes its calls.
 */
function bear(guest: ContractGuest): void {
  const { platform, registers } = guest;
  for (let n = 0; n < 200; n++) {
    const result = guest.context.switchSync(guest.space, registers, -1, 2000);
    expect([SwitchResult.Syscall, SwitchResult.Signal, SwitchResult.Interrupt]).toContain(result);
    if (result === SwitchResult.Signal) guest.start(registers);
  }
  const honest = guest.start(new Registers());
  const space = guest.newSpace('1: movl $7777, %eax\n syscall\n incq %rbx\n jmp 1b');
  const context = platform.newContext();
  for (let n = 0; n < 200; n++) {
    expect(context.switchSync(space, honest, -1)).toBe(SwitchResult.Syscall);
    expect(honest.getNumber(Register.Rax)).toBe(7777);
    expect(honest.getNumber(Register.Rbx)).toBe(n);
  }
}

describeKvm('a mailbox', () => {
  it.each(['syscall', CALL])(
    'answers calls, one after the other, none lost or twice: %s',
    (call) => {
      using guest = guestOf(`xorl %ebx, %ebx\n 1: movq %rbx, %rax\n ${call}
      cmpq %rbx, %rax\n jne 2f\n incq %rbx\n jmp 1b\n 2: ud2`);
      for (let n = 0; n < 500; n++) {
        expect(guest.run()).toBe(SwitchResult.Syscall);
        expect(guest.registers.getNumber(Register.Rax)).toBe(n);
      }
    },
  );

  it('that is forged costs the program its own calls, and nobody else anything', () => {
    using guest = guestOf(
      `movabsq $${MAILBOX}, %r12
       movl $2000, %ebx
       1: movl $${MADE}, (%r12)
       movq $-1, ${REGISTERS + 21 * 8}(%r12)
       movl $${TAKEN}, (%r12)
       movl $4, (%r12)
       movl $8, (%r12)
       movl $0xffffffff, (%r12)
       movl $1, ${LISTENING}(%r12)
       movl $1, ${SPINS}(%r12)
       movl $${MADE}, (%r12)
       decl %ebx
       jnz 1b
       2: movl $7777, %eax\n syscall\n jmp 2b`,
    );
    bear(guest);
  });

  it('takes no register from it that a processor could not hold', () => {
    using guest = guestOf(
      `movabsq $${MAILBOX}, %r12\n movabsq $0x8000000000000000, %rdx
       movl $100000, %ebx
       1: movq %rdx, ${REGISTERS + 11 * 8}(%r12)
       movq %rdx, ${REGISTERS + 21 * 8}(%r12)
       movq %rdx, ${REGISTERS + 22 * 8}(%r12)
       movq $-1, ${REGISTERS + 6 * 8}(%r12)
       movl $${MADE}, (%r12)
       pause
       decl %ebx
       jnz 1b
       2: movl $7777, %eax\n syscall\n jmp 2b`,
    );
    bear(guest);
  });

  it('that keeps the doorway waiting for good is left by an interrupt', async () => {
    using guest = guestOf(
      `movabsq $${MAILBOX}, %r12\n 1: movl $0xffffffff, ${SPINS}(%r12)\n movl $1, ${LISTENING}(%r12)
       movl $39, %eax\n syscall\n jmp 1b`,
    );
    const { context, space, registers } = guest;
    for (let n = 0; n < 50; n++) {
      setTimeout(() => {
        context.interrupt();
      }, 5);
      let result: SwitchResult = SwitchResult.Syscall;
      while (result === SwitchResult.Syscall) {
        result = await context.switch(space, registers, -1);
      }
      expect(result).toBe(SwitchResult.Interrupt);
    }
  });

  it('gives no call the answer of an earlier one, on its way out with nobody listening', () => {
    // Stopped, by the trap flag, at the instruction in front of the doorway's `out`.
    using guest = guestOf(
      `movabsq $${MAILBOX}, %r12
       movl $${ANSWERED}, (%r12)
       movq $7777, ${REPLY}(%r12)
       movl $0, ${LISTENING}(%r12)
       movq $39, ${REGISTERS + 10 * 8}(%r12)
       movq $${native.constants.doorwayJump & ~0xfff}, %rdi
       1: incq %rdi\n cmpw $0xf5e6, (%rdi)\n jne 1b
       subq $7, %rdi
       leaq 9f(%rip), %rcx
       movl $0x202, %r11d
       pushfq\n orl $0x100, (%rsp)\n popfq
       jmp *%rdi
       9: ud2`,
    );
    expect(guest.run()).toBe(SwitchResult.Syscall);
    expect(guest.registers.getNumber(Register.OrigRax)).toBe(39);
  });

  it('shows a context nothing of another', () => {
    using guest = guestOf(
      `testq %rdi, %rdi\n jz 1f\n movabsq $0x5ec2e75ec2e7, %rbx\n movq %rbx, %r13\n 2: syscall\n jmp 2b
       1: movabsq $${MAILBOX}, %rsi\n movl $${DATA}, %edi\n movl $512, %ecx\n rep movsq\n syscall`,
      1,
    );
    const secretive = guest.platform.newContext();
    const registers = guest.start(new Registers());
    registers.setNumber(Register.Rdi, 1);
    for (let n = 0; n < 100; n++) {
      expect(guest.run(secretive, registers)).toBe(SwitchResult.Syscall);
    }
    expect(guest.run()).toBe(SwitchResult.Syscall);
    const seen = new Uint8Array(4096);
    guest.space.copyIn(DATA, seen);
    const secret = Buffer.from([0xe7, 0xc2, 0x5e, 0xe7, 0xc2, 0x5e]);
    expect(Buffer.from(seen).includes(secret)).toBe(false);
    expect(new BigInt64Array(seen.buffer, ANSWERS, 384).every((answer) => answer === -1n)).toBe(
      true,
    );
  });

  it.each(['off', 'on'] as const)(
    'has answers that a program forges for itself alone, exit-less %s',
    (exitless) => {
      using guest = new ContractGuest(
        (options) => createKvmPlatform({ ...options, exitless }),
        `movabsq $${MAILBOX}, %r12
         1: xorl %ecx, %ecx
         2: leaq (, %rcx, 8), %rdx\n movq %rdx, (%r12, %rcx, 8)\n incl %ecx\n cmpl $512, %ecx\n jne 2b
         movl $39, %eax\n syscall\n movq %rax, %rdi
         movl $${REFUSED}, %eax\n syscall\n jmp 1b`,
        { vcpus: 1 },
      );
      const { platform, registers } = guest;
      const space = guest.newSpace(
        `1: movl $39, %eax\n syscall\n movq %rax, %rdi\n movl $${REFUSED}, %eax\n syscall\n jmp 1b`,
      );
      const honest = platform.newContext();
      const own = guest.start(new Registers());
      guest.context.publish(39, 1);
      honest.publish(39, 2);
      const ownCall = (): number => {
        expect(honest.switchSync(space, own, -1)).toBe(SwitchResult.Syscall);
        expect(own.getNumber(Register.Rax)).toBe(REFUSED);
        return own.getNumber(Register.Rdi);
      };
      for (let n = 0; n < 50; n++) {
        expect(guest.run()).toBe(SwitchResult.Syscall);
        expect(registers.getNumber(Register.Rax)).toBe(REFUSED);
        expect(registers.getNumber(Register.Rdi)).toBe(ANSWERS + 39 * 8);
        expect(ownCall()).toBe(2);
      }
      expect(ownCall()).toBe(2);
      honest.publish(39, undefined);
      guest.run();
      expect(honest.switchSync(space, own, -1)).toBe(SwitchResult.Syscall);
      expect(own.getNumber(Register.Rax)).toBe(39);
    },
  );

  it('gives up a call that waits for its answer to whoever needs the vCPU', () => {
    using guest = guestOf(
      '1: movq %rdi, %rax\n syscall\n cmpq $5, %rax\n jne 2f\n jmp 1b\n 2: ud2',
      1,
    );
    const threads = [1, 2, 3].map((n) => {
      const registers = guest.start(new Registers());
      registers.setNumber(Register.Rdi, n);
      return { n, registers, context: guest.platform.newContext() };
    });
    for (let round = 0; round < 50; round++) {
      for (const { n, registers, context } of threads) {
        expect(guest.run(context, registers)).toBe(SwitchResult.Syscall);
        expect(registers.getNumber(Register.Rax)).toBe(n);
        registers.setNumber(Register.Rax, 5);
      }
    }
  });

  it('takes what the caller changes while a call waits', () => {
    using guest = guestOf('1: movq %rbx, %rdi\n syscall\n jmp 1b');
    const { registers } = guest;
    for (let n = 1; n < 200; n++) {
      registers.setNumber(Register.Rbx, n);
      expect(guest.run()).toBe(SwitchResult.Syscall);
      expect(registers.getNumber(Register.Rdi)).toBe(n);
      if (n % 3 === 0) registers.setNumber(Register.Rip, CODE);
    }
  });

  it('does not keep a call from its address space`s end, its context`s, or the platform`s', async () => {
    for (let n = 0; n < 20; n++) {
      const guest = guestOf('1: syscall\n jmp 1b');
      const { platform, context, space, registers } = guest;
      expect(guest.run()).toBe(SwitchResult.Syscall);
      expect(guest.run()).toBe(SwitchResult.Syscall);
      if (n % 4 === 0) context.dispose();
      else if (n % 4 === 1) space.release();
      else if (n % 4 === 2) await platform.preemptAllCpus();
      else expect(context.getExtendedState().length).toBeGreaterThan(0);
      if (n % 4 > 1) expect(context.switchSync(space, registers, -1)).toBe(SwitchResult.Syscall);
      platform.dispose();
    }
  });

  it('loses no interrupt that comes while a call waits', () => {
    using guest = guestOf('1: incq %rdi\n syscall\n jmp 1b');
    const { context, registers } = guest;
    for (let n = 0; n < 300; n++) {
      expect(guest.run()).toBe(SwitchResult.Syscall);
      const count = registers.getNumber(Register.Rdi);
      context.interrupt();
      if (n % 2 === 0) for (let spin = 0; spin < n * 300; spin++);
      expect(guest.run()).toBe(SwitchResult.Interrupt);
      // It came first: the program has not gone on.
      expect(registers.getNumber(Register.Rdi)).toBe(count);
    }
  });
});
