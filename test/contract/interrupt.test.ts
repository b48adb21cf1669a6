import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { SwitchResult, type Context } from '../../src/platform/contract.js';
import { Register, Registers } from '../../src/platform/registers.js';
import { CODE, DATA } from './guest.js';
import { describePlatforms } from './platforms.js';
import { Random } from './random.js';

const SPIN = '1: jmp 1b';
const CALLS = '1: incq %rdi\n syscall\n jmp 1b';

describePlatforms('interrupt()', (platform) => {
  it('before a switch makes the next one return at once, once however often it was called', async () => {
    using guest = platform.guest(CALLS);
    for (let i = 0; i < 5; i++) guest.context.interrupt();
    expect(guest.run()).toBe(SwitchResult.Interrupt);
    expect(guest.registers.getNumber(Register.Rdi)).toBe(0);
    expect(guest.run()).toBe(SwitchResult.Syscall);
    guest.context.interrupt();
    expect(await guest.context.switch(guest.space, guest.registers, -1)).toBe(
      SwitchResult.Interrupt,
    );
    expect(guest.run()).toBe(SwitchResult.Syscall);
    expect(guest.registers.getNumber(Register.Rdi)).toBe(2);
  });

  it('ends an endless loop, with the registers of the interrupted instruction', async () => {
    using guest = platform.guest(`movq $77, %rbx\n movq %rbx, ${DATA}\n ${SPIN}`);
    const pending = guest.context.switch(guest.space, guest.registers, -1);
    const word = new Uint8Array(1);
    while (word[0] === 0) {
      await sleep(1);
      guest.space.copyIn(DATA, word);
    }
    guest.context.interrupt();
    expect(await pending).toBe(SwitchResult.Interrupt);
    expect(guest.registers.getNumber(Register.Rbx)).toBe(77);
    expect(guest.registers.getNumber(Register.Rip)).toBe(CODE + 15);
  });

  it('never shows a register state that is not the program`s, and loses nothing', async () => {
    using guest = platform.guest(CALLS);
    let calls = 0;
    let interrupts = 0;
    const timer = setInterval(() => {
      guest.context.interrupt();
    }, 1);
    for (let i = 0; i < 3000; i++) {
      const result = await guest.context.switch(guest.space, guest.registers, -1);
      const rip = guest.registers.getNumber(Register.Rip);
      expect(rip).toBeGreaterThanOrEqual(CODE);
      expect(rip).toBeLessThan(CODE + 16);
      if (result === SwitchResult.Syscall) {
        calls++;
        expect(guest.registers.getNumber(Register.Rdi)).toBe(calls);
      } else {
        expect(result).toBe(SwitchResult.Interrupt);
        interrupts++;
      }
    }
    clearInterval(timer);
    expect(interrupts).toBeGreaterThan(0);
    expect(calls + interrupts).toBe(3000);
  });

  it.each([1, 2, 3])(
    'at random moments, of seed %i, leaves every switch accounted for',
    async (seed) => {
      using guest = platform.guest(CALLS, { vcpus: 2 });
      const drive = async (context: Context, random: Random): Promise<void> => {
        const registers = guest.start(new Registers());
        let calls = 0;
        for (let i = 0; i < 300; i++) {
          // Before, on the way in, and while it runs or waits for a vCPU.
          if (random.chance(0.1)) context.interrupt();
          const pending = context.switch(guest.space, registers, -1);
          const moment = random.below(10);
          const interrupt = (): void => {
            context.interrupt();
          };
          if (moment === 0) interrupt();
          else if (moment === 1) queueMicrotask(interrupt);
          else if (moment === 2) setImmediate(interrupt);
          const result = await pending;
          if (result === SwitchResult.Syscall) calls++;
          else expect(result).toBe(SwitchResult.Interrupt);
          // An interrupt may come between the increment and its call.
          const ahead = registers.getNumber(Register.Rdi) - calls;
          expect(ahead === 0 || (ahead === 1 && result === SwitchResult.Interrupt)).toBe(true);
        }
      };
      await Promise.all(
        Array.from({ length: 8 }, (_, index) =>
          drive(guest.platform.newContext(), new Random(seed * 100 + index)),
        ),
      );
    },
  );

  it('that comes after the last switch is the next one`s, of whatever kind, and of no other context', async () => {
    using guest = platform.guest(CALLS);
    const { context, registers, space } = guest;
    const other = guest.platform.newContext();
    const others = guest.start(new Registers());
    for (let round = 0; round < 20; round++) {
      if (round % 2 === 0) expect(guest.run()).toBe(SwitchResult.Syscall);
      else expect(await context.switch(space, registers, -1)).toBe(SwitchResult.Syscall);
      context.interrupt();
      expect(other.switchSync(space, others, -1)).toBe(SwitchResult.Syscall);
      expect(await other.switch(space, others, -1)).toBe(SwitchResult.Syscall);
      const before = registers.getNumber(Register.Rdi);
      if (round % 4 < 2) expect(guest.run()).toBe(SwitchResult.Interrupt);
      else expect(await context.switch(space, registers, -1)).toBe(SwitchResult.Interrupt);
      expect(registers.getNumber(Register.Rdi)).toBe(before);
    }
  });

  it('called often while a switch is under way ends that one, and the next at most', async () => {
    using guest = platform.guest(SPIN);
    const { context, registers, space } = guest;
    for (let round = 0; round < 20; round++) {
      const pending = context.switch(space, registers, -1);
      for (let i = 0; i < 100; i++) context.interrupt();
      expect(await pending).toBe(SwitchResult.Interrupt);
      const next = context.switch(space, registers, -1);
      const late = { called: false };
      setTimeout(() => {
        late.called = true;
        context.interrupt();
      }, 2);
      expect(await next).toBe(SwitchResult.Interrupt);
      // What is left of the hundred has ended it, or else the late one has and is used up by it.
      while (!late.called) await new Promise(setImmediate);
    }
    context.interrupt();
    expect(await context.switch(space, registers, -1)).toBe(SwitchResult.Interrupt);
  });

  it('is what a switch with a budget returns when it is used up', () => {
    using guest = platform.guest(SPIN);
    for (let i = 0; i < 5; i++) {
      const start = performance.now();
      expect(guest.context.switchSync(guest.space, guest.registers, -1, 1000)).toBe(
        SwitchResult.Interrupt,
      );
      expect(performance.now() - start).toBeGreaterThan(0.9);
    }
  });

  it('comes when a long budget is used up, too', () => {
    using guest = platform.guest(SPIN);
    for (const budget of [60_000, 1000, 60_000]) {
      expect(guest.context.switchSync(guest.space, guest.registers, -1, budget)).toBe(
        SwitchResult.Interrupt,
      );
    }
  });
});

describePlatforms('the vCPU pool', (platform) => {
  it('gives every one of six endless loops on two vCPUs its turn', async () => {
    using guest = platform.guest('1: incq %rdi\n jmp 1b', { vcpus: 2 });
    const counts = await Promise.all(
      Array.from({ length: 6 }, async () => {
        const context = guest.platform.newContext();
        const registers = guest.start(new Registers());
        for (let i = 0; i < 3; i++) {
          const stop = setTimeout(() => {
            context.interrupt();
          }, 200);
          expect(await context.switch(guest.space, registers, -1)).toBe(SwitchResult.Interrupt);
          clearTimeout(stop);
        }
        return registers.getNumber(Register.Rdi);
      }),
    );
    for (const count of counts) expect(count).toBeGreaterThan(0);
  });

  it('lets a synchronous switch in while every vCPU is busy', async () => {
    using guest = platform.guest(`testq %rsi, %rsi\n jnz 2f\n ${SPIN}\n 2: syscall`, { vcpus: 1 });
    const spinning = guest.context.switch(guest.space, guest.registers, -1);
    const other = guest.platform.newContext();
    const registers = guest.start(new Registers());
    registers.setNumber(Register.Rsi, 1);
    expect(guest.run(other, registers)).toBe(SwitchResult.Syscall);
    guest.context.interrupt();
    expect(await spinning).toBe(SwitchResult.Interrupt);
  });
});
