import { expect, it } from 'vitest';
import { SwitchResult } from '../../src/platform/contract.js';
import { describeKvm } from '../kvm.js';
import { Guest } from './guest.js';

const ROUNDS = 400;

function wait(microseconds: number): void {
  const end = process.hrtime.bigint() + BigInt(microseconds) * 1000n;
  while (process.hrtime.bigint() < end);
}

describeKvm('an interrupt', () => {
  it('is not lost on the way back from a system call', async () => {
    using guest = new Guest('syscall\n 1: jmp 1b', { vcpus: 1 });
    const { context, registers, space } = guest;
    for (let round = 0; round < ROUNDS; round++) {
      guest.start(registers);
      expect(context.switchSync(space, registers, -1)).toBe(SwitchResult.Syscall);
      const pending = context.switch(space, registers, -1);
      wait(round);
      context.interrupt();
      expect(await pending).toBe(SwitchResult.Interrupt);
    }
  });
});
