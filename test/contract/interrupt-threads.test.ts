/** `interruptContext`, on threads that do not own the context. */
import { expect, it } from 'vitest';
import { interruptContext } from '../../src/index.js';
import { SwitchResult, type Context } from '../../src/platform/contract.js';
import { Register, Registers } from '../../src/platform/registers.js';
import { patience, workload } from '../patience.js';
import { Count, interruptFromWorker, newCounts } from './interrupter.js';
import type { Guest } from './guest.js';
import { describePlatforms } from './platforms.js';

const SPIN = '1: incq %rbx\n jmp 1b';
const CALLS = '1: incq %rdi\n syscall\n jmp 1b';
/** What ends a switch whose interruption was lost, so that the test fails and does not hang. */
const LOST_US = patience(25_000_000);

/** Until the context is gone. */
const FOR_EVER = 50_000_000;

/** Tells the workers of an `Interrupt`. */
function tell(counts: Int32Array): void {
  Atomics.add(counts, Count.Seen, 1);
  Atomics.notify(counts, Count.Seen);
}

/** Switches on this thread until `times` interrupts were seen, or one was lost. Gives the system calls made. */
function driveSync(guest: Guest, context: Context, counts: Int32Array, times: number): number {
  const registers = guest.start(new Registers());
  let calls = 0;
  while (Atomics.load(counts, Count.Seen) < times && Atomics.load(counts, Count.Lost) === 0) {
    if (context.switchSync(guest.space, registers, -1, LOST_US) === SwitchResult.Interrupt)
      tell(counts);
    else calls++;
  }
  expect(registers.getNumber(Register.Rdi) - calls).toBeLessThanOrEqual(1);
  return calls;
}

/** Switches until the worker is done, which the pool's own interrupts do not tell. */
async function drive(
  guest: Guest,
  context: Context,
  counts: Int32Array,
  worker: Promise<void>,
): Promise<void> {
  const registers = guest.start(new Registers());
  const state = { over: false };
  void worker.then(() => {
    state.over = true;
    context.interrupt();
  });
  while (!state.over) {
    if ((await context.switch(guest.space, registers, -1)) === SwitchResult.Interrupt) tell(counts);
  }
}

describePlatforms('interruptContext() on another thread', (platform) => {
  it('ends an endless loop of switchSync, which blocks its own, 2,000 times, and none is lost', async () => {
    using guest = platform.guest(SPIN);
    const counts = newCounts();
    const times = workload(2000);
    const worker = interruptFromWorker({
      counts,
      context: guest.context.id,
      times,
      awaitEach: true,
    });
    // Let the worker come up; from then on this thread is blocked.
    while (Atomics.load(counts, Count.Made) === 0) await new Promise(setImmediate);
    driveSync(guest, guest.context, counts, times);
    await worker;
    expect(counts[Count.Lost]).toBe(0);
    expect(counts[Count.Missing]).toBe(0);
    expect(counts[Count.Seen]).toBe(times);
  });

  it('meets contexts on their way in and out of system calls, and none is lost', async () => {
    using guest = platform.guest(CALLS);
    const counts = newCounts();
    const times = workload(2000);
    const worker = interruptFromWorker({
      counts,
      context: guest.context.id,
      times,
      awaitEach: true,
      pause: 300,
    });
    while (Atomics.load(counts, Count.Made) === 0) await new Promise(setImmediate);
    const calls = driveSync(guest, guest.context, counts, times);
    await worker;
    expect(counts[Count.Lost]).toBe(0);
    expect(counts[Count.Seen]).toBe(times);
    expect(calls).toBeGreaterThan(0);
  });

  it('from two threads at once, thousands of times, on switch: the last of them is seen, too', async () => {
    using guest = platform.guest(SPIN);
    const counts = newCounts();
    const task = { counts, context: guest.context.id, times: workload(5000), awaitEach: false };
    const workers = [interruptFromWorker(task), interruptFromWorker(task)];
    const registers = guest.start(new Registers());
    let lastSeen = false;
    while (!lastSeen) {
      // Read before the switch: an interruption made after it must be seen by this switch or a later one.
      const all = Atomics.load(counts, Count.Made) === 2 * task.times;
      const pending = guest.context.switch(guest.space, registers, -1);
      if (all) guest.context.interrupt();
      const result = await pending;
      expect(result).toBe(SwitchResult.Interrupt);
      lastSeen = all;
    }
    await Promise.all(workers);
    expect(counts[Count.Missing]).toBe(0);
    // The guest stood in its loop each time, with nothing of ours in its registers.
    expect(registers.getNumber(Register.Rbx)).toBeGreaterThan(0);
    guest.context.interrupt();
    expect(guest.run()).toBe(SwitchResult.Interrupt);
  });

  it('interrupts two contexts from a thread each, one of them waiting for a vCPU at times', async () => {
    using guest = platform.guest(SPIN, { vcpus: 1 });
    const times = workload(300);
    await Promise.all(
      [guest.context, guest.platform.newContext()].map(async (context) => {
        const counts = newCounts();
        const worker = interruptFromWorker({ counts, context: context.id, times, awaitEach: true });
        await drive(guest, context, counts, worker);
        expect(counts[Count.Lost]).toBe(0);
      }),
    );
  });

  it('is false for a context that is disposed of, meanwhile too, and harms no other', async () => {
    using guest = platform.guest(CALLS);
    const other = guest.platform.newContext();
    const counts = newCounts();
    const worker = interruptFromWorker({
      counts,
      context: other.id,
      times: FOR_EVER,
      awaitEach: false,
    });
    const registers = guest.start(new Registers());
    while (Atomics.load(counts, Count.Made) < 100) await other.switch(guest.space, registers, -1);
    other.dispose();
    expect(interruptContext(other.id)).toBe(false);
    // A new one in its memory, perhaps; never with its number.
    const successor = guest.platform.newContext();
    expect(successor.id).toBeGreaterThan(other.id);
    for (let i = 0; i < 200; i++) {
      expect(successor.switchSync(guest.space, guest.registers, -1)).toBe(SwitchResult.Syscall);
    }
    await worker;
    expect(counts[Count.Missing]).toBe(1);
  });

  it('may come while the platform is disposed of', async () => {
    for (let round = 0; round < workload(5); round++) {
      const guest = platform.guest(CALLS);
      const counts = newCounts();
      const worker = interruptFromWorker({
        counts,
        context: guest.context.id,
        times: FOR_EVER,
        awaitEach: false,
      });
      while (Atomics.load(counts, Count.Made) < 100)
        await guest.context.switch(guest.space, guest.registers, -1);
      guest.platform.dispose();
      guest.context.dispose();
      await worker;
      expect(counts[Count.Missing]).toBe(1);
    }
  });

  it('knows no number that is none of a context`s', () => {
    using guest = platform.guest(CALLS);
    for (const id of [0, -1, 1.5, NaN, Infinity, 2 ** 53, 2 ** 64, guest.context.id + 1_000_000])
      expect(interruptContext(id)).toBe(false);
    expect(guest.run()).toBe(SwitchResult.Syscall);
    expect(interruptContext(guest.context.id)).toBe(true);
    expect(guest.run()).toBe(SwitchResult.Interrupt);
    expect(guest.run()).toBe(SwitchResult.Syscall);
  });
});
