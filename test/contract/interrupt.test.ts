import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { SwitchResult, type Context } from '../../src/platform/contract.js';
import { Register, Registers } from '../../src/platform/registers.js';
import { CODE, DATA } from './guest.js';
import { describePlatforms } from './platforms.js';

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

  it('at random moments leaves every switch of eight contexts on two vCPUs accounted for', async () => {
    using guest = platform.guest(CALLS, { vcpus: 2 });
    const drive = async (context: Context): Promise<void> => {
      const registers = guest.start(new Registers());
      let calls = 0;
      for (let i = 0; i < 400; i++) {
        if (Math.random() < 0.1) context.interrupt();
        const result = await context.switch(guest.space, registers, -1);
        if (result === SwitchResult.Syscall) calls++;
        // An interrupt may come between the increment and its call.
        const ahead = registers.getNumber(Register.Rdi) - calls;
        expect(ahead === 0 || (ahead === 1 && result === SwitchResult.Interrupt)).toBe(true);
      }
      context.dispose();
    };
    await Promise.all(Array.from({ length: 8 }, () => drive(guest.platform.newContext())));
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
