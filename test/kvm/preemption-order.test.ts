import { expect, it } from 'vitest';
import { SwitchResult } from '../../src/platform/contract.js';
import { Register, Registers } from '../../src/platform/registers.js';
import { describeKvm } from '../kvm.js';
import { Guest } from './guest.js';

const CALLS = '1: incq %rdi\n syscall\n jmp 1b';

describeKvm('of the known mistakes, not made:', () => {
  it('7. the mark of a preemption is looked at before the vCPU is owned, and another slips in', async () => {
    using guest = new Guest(CALLS, { vcpus: 1 });
    const { context, registers, space } = guest;
    const other = guest.platform.newContext();
    const others = guest.start(new Registers());
    context.switchSync(space, registers, 0);
    for (let round = 0; round < 100; round++) {
      // Twice, so that the vCPU is this context's beyond doubt.
      await context.switch(space, registers, 0);
      expect(await context.switch(space, registers, 0)).toBe(SwitchResult.Syscall);
      const count = registers.getNumber(Register.Rdi);
      const before = other.switch(space, others, -1);
      const pending =
        round % 2 === 0
          ? context.switch(space, registers, 0)
          : Promise.resolve(context.switchSync(space, registers, 0));
      expect(await pending).toBe(SwitchResult.CpuPreempted);
      expect(registers.getNumber(Register.Rdi)).toBe(count);
      expect([SwitchResult.Syscall, SwitchResult.Interrupt]).toContain(await before);
    }
  });
});
