import { expect, it } from 'vitest';
import { SwitchResult, type Context } from '../../src/platform/contract.js';
import { Register, Registers } from '../../src/platform/registers.js';
import { describeKvm } from '../kvm.js';
import { patience, workload } from '../patience.js';
import { assemble } from './assemble.js';
import { CODE, DATA, Guest } from './guest.js';

const CONTEXTS = 8;
const INCREMENTS = workload(10_000_000);
/** Counter n lies n cache lines behind it. */
const COUNTERS = DATA;
/** CPU number of context n, as the kernel writes it. */
const CPU_NUMBERS = DATA + 2048;

/** rdi: the context's CPU number; rsi: the counters. The last instruction commits. */
const SEQUENCE = `movslq (%rdi), %rax
  shlq $6, %rax
  movq (%rsi, %rax), %rdx
  movl $300, %r8d
  1: decl %r8d
  jnz 1b
  incq %rdx
  movq %rdx, (%rsi, %rax)`;

const PROGRAM = `0: ${SEQUENCE}\n decq %rcx\n jnz 0b\n syscall`;
const END = CODE + assemble(`${SEQUENCE}\n`).length;

interface Tally {
  preemptions: number;
  aborts: number;
}

/** Plays the kernel's part for one thread: CPU number before entry, abort where the sequence was disturbed. */
async function drive(guest: Guest, index: number, detect: boolean, tally: Tally): Promise<void> {
  const context = guest.platform.newContext();
  const registers = guest.start(new Registers());
  const cpuNumber = new Int32Array(1);
  const writeCpuNumber = (): void => {
    cpuNumber[0] = Math.max(0, context.cpu);
    guest.space.copyOut(CPU_NUMBERS + index * 4, new Uint8Array(cpuNumber.buffer));
  };
  registers.setNumber(Register.Rdi, CPU_NUMBERS + index * 4);
  registers.setNumber(Register.Rsi, COUNTERS);
  registers.setNumber(Register.Rcx, INCREMENTS / CONTEXTS);
  writeCpuNumber();
  const stop = disturb(context);
  for (;;) {
    const cpu = detect ? (cpuNumber[0] as number) : -1;
    const result = await context.switch(guest.space, registers, cpu);
    if (result === SwitchResult.Syscall) break;
    if (result === SwitchResult.CpuPreempted) tally.preemptions++;
    else expect(result).toBe(SwitchResult.Interrupt);
    if (!detect) continue;
    const rip = registers.getNumber(Register.Rip);
    if (rip > CODE && rip < END) {
      registers.setNumber(Register.Rip, CODE);
      tally.aborts++;
    }
    writeCpuNumber();
  }
  stop();
  context.dispose();
}

function disturb(context: Context): () => void {
  const timer = setInterval(
    () => {
      context.interrupt();
    },
    patience(1 + Math.random() * 3),
  );
  return () => {
    clearInterval(timer);
  };
}

async function count(detect: boolean): Promise<{ total: number; tally: Tally }> {
  using guest = new Guest(PROGRAM, { vcpus: 2 });
  const tally = { preemptions: 0, aborts: 0 };
  const preempt = setInterval(() => void guest.platform.preemptAllCpus(), patience(7));
  await Promise.all(
    Array.from({ length: CONTEXTS }, (_, index) => drive(guest, index, detect, tally)),
  );
  clearInterval(preempt);
  const counters = new Uint8Array(2 * 64);
  guest.space.copyIn(COUNTERS, counters);
  const view = new DataView(counters.buffer);
  return { total: Number(view.getBigUint64(0, true) + view.getBigUint64(64, true)), tally };
}

describeKvm('per-CPU counters by a restartable sequence', () => {
  it(
    'are exact with the detection of preemption',
    async () => {
      const { total, tally } = await count(true);
      expect(tally.preemptions).toBeGreaterThan(10);
      expect(tally.aborts).toBeGreaterThan(10);
      expect(total).toBe(INCREMENTS);
    },
    patience(120_000),
  );

  it(
    'lose counts without it',
    async () => {
      const { total } = await count(false);
      expect(total).toBeLessThan(INCREMENTS);
    },
    patience(120_000),
  );
});
