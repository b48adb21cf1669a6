import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { SwitchResult, type Context } from '../../src/platform/contract.js';
import { Register, Registers } from '../../src/platform/registers.js';
import { workload } from '../patience.js';
import { CODE, DATA, KEPT, STACK_TOP, type Guest } from './guest.js';
import { describePlatforms } from './platforms.js';
import { Random } from './random.js';

const PUBLISHED = 39;
/** A call that nobody publishes. */
const OTHER = 300;
const CARRY_DIRECTION_ALIGNMENT = 0x40401;
const CALL = `movl $${PUBLISHED}, %eax\n syscall\n`;

/** Runs to the next system call but the published one, which is answered here where the platform does not. */
function runOn(
  guest: Guest,
  answer: number,
  context = guest.context,
  registers = guest.registers,
): SwitchResult {
  for (;;) {
    const result = guest.run(context, registers);
    if (result !== SwitchResult.Syscall || registers.getNumber(Register.Rax) !== PUBLISHED) {
      return result;
    }
    registers.setNumber(Register.Rax, answer);
  }
}

describePlatforms('a published call', (platform) => {
  const isPublished = platform.name !== 'ptrace';

  it('comes to no switch where the platform says that it is, and to each elsewhere', () => {
    using guest = platform.guest(
      `1: ${CALL} movq %rax, %rdi\n movl $${OTHER}, %eax\n syscall\n jmp 1b`,
    );
    const { context, registers } = guest;
    expect(context.publish(PUBLISHED, 4711)).toBe(isPublished);
    const reported = isPublished ? [OTHER, OTHER] : [PUBLISHED, OTHER, PUBLISHED, OTHER];
    for (const call of reported) {
      expect(guest.run()).toBe(SwitchResult.Syscall);
      expect(registers.getNumber(Register.Rax)).toBe(call);
      if (call === OTHER) expect(registers.getNumber(Register.Rdi)).toBe(4711);
      registers.setNumber(Register.Rax, 4711);
    }
  });

  it('keeps flags, stack and every register but rax, rcx and r11', () => {
    using guest = platform.guest(
      `pushfq\n orl $${CARRY_DIRECTION_ALIGNMENT}, (%rsp)\n popfq
       ${CALL}
       movq %rax, ${DATA}\n movq %rcx, ${DATA + 8}\n movq %r11, ${DATA + 16}
       pushfq\n popq ${DATA + 24}\n movl $${OTHER}, %eax\n syscall`,
    );
    const { context, registers } = guest;
    for (const [n, register] of KEPT.entries())
      registers.set(register, 0x1234567890abcn * BigInt(n + 1));
    const pattern = Uint8Array.from({ length: 2048 }, (_, i) => (i * 7) & 0xff);
    registers.setNumber(Register.Rsp, STACK_TOP - 2048);
    context.publish(PUBLISHED, 4711);
    guest.space.copyOut(STACK_TOP - 4096, pattern);
    expect(runOn(guest, 4711)).toBe(SwitchResult.Syscall);
    expect(registers.getNumber(Register.Rax)).toBe(OTHER);
    for (const [n, register] of KEPT.entries())
      expect(registers.get(register)).toBe(0x1234567890abcn * BigInt(n + 1));
    expect(registers.getNumber(Register.Rsp)).toBe(STACK_TOP - 2048);
    const seen = new BigUint64Array(4);
    guest.space.copyIn(DATA, new Uint8Array(seen.buffer));
    const [rax, rcx, r11, flags = 0n] = seen;
    expect(rax).toBe(4711n);
    expect(rcx).toBe(BigInt(CODE + 16));
    expect(flags & 0x244dd5n).toBe(BigInt(CARRY_DIRECTION_ALIGNMENT));
    expect(r11).toBe(flags);
    const stack = new Uint8Array(2048);
    guest.space.copyIn(STACK_TOP - 4096, stack);
    // The flags were pushed and popped at the top.
    expect(stack.subarray(0, 2040)).toEqual(pattern.subarray(0, 2040));
  });

  it.each([0, 1, 2 ** 32 - 1, 2 ** 40, -14, -2])('gives %d as it is', (answer) => {
    using guest = platform.guest(`${CALL} movq %rax, %rdi\n movl $${OTHER}, %eax\n syscall`);
    guest.context.publish(PUBLISHED, answer);
    expect(runOn(guest, answer)).toBe(SwitchResult.Syscall);
    expect(guest.registers.get(Register.Rdi)).toBe(BigInt.asUintN(64, BigInt(answer)));
  });

  it('is none with the result -1, with a number beyond those, or once its context has ended', () => {
    using guest = platform.guest('1: movq %rdi, %rax\n syscall\n jmp 1b');
    const { context, registers } = guest;
    context.publish(PUBLISHED, 7);
    expect(context.publish(PUBLISHED, -1)).toBe(false);
    for (const number of [384, -1, 2 ** 32, 2 ** 32 + PUBLISHED + 1, 2 ** 53 - 1]) {
      expect(context.publish(number, 7)).toBe(false);
    }
    const high = 2 ** 32 + PUBLISHED;
    for (const number of [PUBLISHED, 384, -1, PUBLISHED + 1, high]) {
      registers.set(Register.Rdi, BigInt.asUintN(64, BigInt(number)));
      expect(guest.run()).toBe(SwitchResult.Syscall);
      expect(registers.get(Register.Rax)).toBe(registers.get(Register.Rdi));
    }
    context.dispose();
    expect(context.publish(PUBLISHED, 7)).toBe(false);
  });

  it('comes to switches again once it is withdrawn, and changes while its context sleeps', () => {
    using guest = platform.guest(
      `1: ${CALL} movq %rax, %rdi\n movl $${OTHER}, %eax\n syscall\n jmp 1b`,
    );
    const { context, registers } = guest;
    for (let n = 0; n < 50; n++) {
      context.publish(PUBLISHED, n);
      expect(runOn(guest, n)).toBe(SwitchResult.Syscall);
      expect(registers.getNumber(Register.Rdi)).toBe(n);
      expect(context.publish(PUBLISHED, undefined)).toBe(false);
      expect(guest.run()).toBe(SwitchResult.Syscall);
      expect(registers.getNumber(Register.Rax)).toBe(PUBLISHED);
      registers.setNumber(Register.Rax, 1000);
      expect(guest.run()).toBe(SwitchResult.Syscall);
      expect(registers.getNumber(Register.Rdi)).toBe(1000);
    }
  });

  it.each([1, 2])('is each context`s own, with %d vCPUs', (vcpus) => {
    using guest = platform.guest(
      `1: ${CALL} movq %rax, %rdi\n movl $${OTHER}, %eax\n syscall\n jmp 1b`,
      {
        vcpus,
      },
    );
    const threads = [1, 2, 3].map((n) => {
      const context = guest.platform.newContext();
      context.publish(PUBLISHED, n);
      return { n, context, registers: guest.start(new Registers()) };
    });
    const plain = { context: guest.platform.newContext(), registers: guest.start(new Registers()) };
    for (let round = 0; round < 20; round++) {
      for (const { n, context, registers } of threads) {
        expect(runOn(guest, n, context, registers)).toBe(SwitchResult.Syscall);
        expect(registers.getNumber(Register.Rdi)).toBe(n);
      }
      expect(guest.run(plain.context, plain.registers)).toBe(SwitchResult.Syscall);
      expect(plain.registers.getNumber(Register.Rax)).toBe(PUBLISHED);
      plain.registers.setNumber(Register.Rax, 9);
      expect(guest.run(plain.context, plain.registers)).toBe(SwitchResult.Syscall);
      expect(plain.registers.getNumber(Register.Rdi)).toBe(9);
    }
  });

  it('stays where its context goes on another vCPU, with extended state of its own', () => {
    using guest = platform.guest(
      `1: ${CALL} movq %rax, %rdi\n movl $${OTHER}, %eax\n syscall\n jmp 1b`,
    );
    const { context, registers } = guest;
    context.publish(PUBLISHED, 5);
    for (let n = 0; n < 10; n++) {
      expect(runOn(guest, 5)).toBe(SwitchResult.Syscall);
      expect(registers.getNumber(Register.Rdi)).toBe(5);
      context.setExtendedState(context.getExtendedState());
    }
  });

  it('changes while the guest runs', async () => {
    using guest = platform.guest(
      `1: ${CALL} cmpq $1, %rax\n je 1b\n movq %rax, %rdi\n movl $${OTHER}, %eax\n syscall`,
    );
    const { context, space, registers } = guest;
    if (!context.publish(PUBLISHED, 1)) {
      expect(isPublished).toBe(false);
      return;
    }
    const running = context.switch(space, registers, -1);
    await sleep(20);
    context.publish(PUBLISHED, 2);
    expect(await running).toBe(SwitchResult.Syscall);
    expect(registers.getNumber(Register.Rdi)).toBe(2);
    guest.start(registers);
    context.publish(PUBLISHED, 1);
    const again = context.switch(space, registers, -1);
    await sleep(20);
    context.publish(PUBLISHED, undefined);
    expect(await again).toBe(SwitchResult.Syscall);
    expect(registers.getNumber(Register.Rax)).toBe(PUBLISHED);
  });

  it('is interrupted at every instruction of it, and loses nothing', async () => {
    using guest = platform.guest(
      `1: ${CALL} cmpq $77, %rax\n jne 2f\n incq %rbx\n incq ${DATA}\n jmp 1b\n 2: ud2`,
    );
    const { context, registers } = guest;
    context.publish(PUBLISHED, 77);
    const random = new Random(3);
    let interrupts = 0;
    let before = 0;
    const timer = setInterval(() => {
      context.interrupt();
    }, 1);
    for (let n = 0; n < workload(400); n++) {
      const result = await goOn(guest, context, random);
      const rip = registers.getNumber(Register.Rip) - CODE;
      expect([SwitchResult.Syscall, SwitchResult.Interrupt]).toContain(result);
      if (result === SwitchResult.Syscall) {
        expect(rip).toBe(7);
        expect(registers.getNumber(Register.Rax)).toBe(PUBLISHED);
        registers.setNumber(Register.Rax, 77);
        continue;
      }
      interrupts++;
      expect(rip).toBeGreaterThanOrEqual(0);
      expect(rip).toBeLessThan(29);
      expect(registers.getNumber(Register.Rsp)).toBe(STACK_TOP);
      const counted = new BigUint64Array(1);
      guest.space.copyIn(DATA, new Uint8Array(counted.buffer));
      const rbx = registers.getNumber(Register.Rbx);
      const answered = rbx + rip > 0 ? 77 : 0;
      expect(registers.getNumber(Register.Rax)).toBe(rip === 5 ? PUBLISHED : answered);
      expect([rbx, rbx - 1]).toContain(Number(counted[0]));
      expect(rbx).toBeGreaterThanOrEqual(before);
      before = rbx;
    }
    clearInterval(timer);
    expect(interrupts).toBeGreaterThan(0);
  });

  it('ends by a budget and by preemptAllCpus', async () => {
    using guest = platform.guest(`1: ${CALL} incq ${DATA}\n jmp 1b`);
    const { context, space, registers } = guest;
    if (!context.publish(PUBLISHED, 1)) {
      expect(isPublished).toBe(false);
      return;
    }
    const count = new BigUint64Array(1);
    // Caught on its way to its answer it is reported as any call.
    const ends = [SwitchResult.Syscall, SwitchResult.Interrupt];
    expect(ends).toContain(context.switchSync(space, registers, -1, 20_000));
    guest.space.copyOut(DATA, new Uint8Array(count.buffer));
    const running = context.switch(space, guest.start(registers), -1);
    while (count[0] === 0n) {
      await sleep(1);
      guest.space.copyIn(DATA, new Uint8Array(count.buffer));
    }
    await guest.platform.preemptAllCpus();
    expect([SwitchResult.CpuPreempted, SwitchResult.Syscall]).toContain(await running);
  });

  it('is stepped over as any call', () => {
    const steps = (publish: boolean): number[] => {
      using guest = platform.guest(
        `pushfq\n orl $0x100, (%rsp)\n popfq\n nop\n ${CALL} nop\n nop\n nop\n pushfq\n andl $~0x100, (%rsp)\n popfq
         movl $${OTHER}, %eax\n syscall`,
      );
      const { context, registers } = guest;
      if (publish) context.publish(PUBLISHED, 8);
      const seen: number[] = [];
      for (let n = 0; n < 30; n++) {
        const result = runOn(guest, 8);
        if (result === SwitchResult.Syscall) return seen;
        seen.push(registers.getNumber(Register.Rip) - CODE, registers.getNumber(Register.Rax));
      }
      throw new Error('it never ends');
    };
    const usual = steps(false);
    expect(usual.length).toBeGreaterThan(8);
    expect(steps(true)).toEqual(usual);
  });
});

/** By `switchSync` with a short budget, or by `switch` and an interrupt of the timer. */
function goOn(
  guest: Guest,
  context: Context,
  random: Random,
): SwitchResult | Promise<SwitchResult> {
  const { space, registers } = guest;
  return random.below(4) === 0
    ? context.switch(space, registers, -1)
    : context.switchSync(space, registers, -1, 50 + random.below(200));
}
