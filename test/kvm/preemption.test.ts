import { expect, it } from 'vitest';
import { SwitchResult } from '../../src/platform/contract.js';
import { Register, Registers } from '../../src/platform/registers.js';
import { describeKvm } from '../kvm.js';
import { Guest } from './guest.js';

const SPIN = '1: jmp 1b';
const CALLS = '1: incq %rdi\n syscall\n jmp 1b';

describeKvm('the vCPU pool', () => {
  it('reports a preemption exactly where another context has run on the CPU', () => {
    using guest = new Guest(CALLS, { vcpus: 1 });
    const { context, registers, space } = guest;
    expect(context.switchSync(space, registers, 0)).toBe(SwitchResult.CpuPreempted);
    expect(registers.getNumber(Register.Rdi)).toBe(0);
    expect(context.cpu).toBe(0);
    expect(context.switchSync(space, registers, 0)).toBe(SwitchResult.Syscall);
    expect(context.switchSync(space, registers, 0)).toBe(SwitchResult.Syscall);
    const other = guest.platform.newContext();
    expect(guest.run(other, guest.start(new Registers()))).toBe(SwitchResult.Syscall);
    expect(context.switchSync(space, registers, 0)).toBe(SwitchResult.CpuPreempted);
    expect(context.switchSync(space, registers, 0)).toBe(SwitchResult.Syscall);
    expect(context.switchSync(space, registers, 1)).toBe(SwitchResult.CpuPreempted);
  });

  it('preempts what runs and what runs next', async () => {
    using guest = new Guest(SPIN, { vcpus: 1 });
    const { context, registers, space } = guest;
    expect(context.switchSync(space, registers, 0)).toBe(SwitchResult.CpuPreempted);
    const running = context.switch(space, registers, 0);
    await new Promise((resolve) => setTimeout(resolve, 20));
    await guest.platform.preemptAllCpus();
    expect(await running).toBe(SwitchResult.CpuPreempted);
    expect(context.switchSync(space, registers, 0)).toBe(SwitchResult.CpuPreempted);
  });

  it('tells a preemption that came too late for one context to no other', async () => {
    using guest = new Guest(CALLS, { vcpus: 1 });
    const { context, registers, space } = guest;
    for (let round = 0; round < 400; round++) {
      const pending = context.switch(space, registers, -1);
      // Some of them come just when the context is on its way out.
      const end = performance.now() + (round % 40) * 0.005;
      while (performance.now() < end);
      const preempted = guest.platform.preemptAllCpus();
      await Promise.all([pending, preempted]);
      const fresh = guest.platform.newContext();
      expect(fresh.switchSync(space, guest.start(new Registers()), -1)).toBe(SwitchResult.Syscall);
      fresh.dispose();
    }
  });

  it('ends a loop whose switch has only begun', async () => {
    using guest = new Guest('1: jmp 1b', { vcpus: 2 });
    const { context, registers, space } = guest;
    for (let round = 0; round < 300; round++) {
      const pending = context.switch(space, registers, -1);
      await guest.platform.preemptAllCpus();
      expect(await pending).toBe(SwitchResult.CpuPreempted);
    }
  });

  it('starts who waits when a switch on this thread has taken a vCPU that was kept for it', async () => {
    using guest = new Guest(CALLS, { vcpus: 1 });
    const { context, registers, space } = guest;
    const other = guest.platform.newContext();
    expect(await context.switch(space, registers, 0)).toBe(SwitchResult.CpuPreempted);
    const waits = other.switch(space, guest.start(new Registers()), -1);
    expect(context.switchSync(space, registers, 0)).toBe(SwitchResult.Syscall);
    expect(await waits).toBe(SwitchResult.Syscall);
  });
});
