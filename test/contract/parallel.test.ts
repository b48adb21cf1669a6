/** Guest threads at the same time, beside one another and beside the host. */
import { expect, it } from 'vitest';
import { SwitchResult, type Context } from '../../src/platform/contract.js';
import { Register, Registers } from '../../src/platform/registers.js';
import { patience, workload } from '../patience.js';
import { DATA, type Guest } from './guest.js';
import { describePlatforms } from './platforms.js';

/** What ends a test that would wait for ever. */
const TOO_LONG_MS = patience(40_000);

interface Thread {
  readonly context: Context;
  readonly registers: Registers;
}

function threads(guest: Guest, count: number): Thread[] {
  return Array.from({ length: count }, () => ({
    context: guest.platform.newContext(),
    registers: guest.start(new Registers()),
  }));
}

/** Switches, on through the pool's own interrupts, until the guest itself leaves. */
async function runOut(guest: Guest, { context, registers }: Thread): Promise<SwitchResult> {
  for (;;) {
    const result = await context.switch(guest.space, registers, -1);
    if (result !== SwitchResult.Interrupt) return result;
  }
}

function word(guest: Guest, address = DATA): number {
  const bytes = new Uint8Array(4);
  guest.space.copyIn(address, bytes);
  return new DataView(bytes.buffer).getUint32(0, true);
}

describePlatforms('two guest threads', (platform) => {
  it('run at the same time: they hand a number to one another 20,000 times without a switch', async () => {
    // rsi: whose turn is one's own, by the lowest bit; rdx: rounds left.
    using guest = platform.guest(
      `1: pause
       movl ${DATA}, %eax
       movl %eax, %ecx
       andl $1, %ecx
       cmpl %esi, %ecx
       jne 1b
       incl %eax
       movl %eax, ${DATA}
       decl %edx
       jnz 1b
       syscall`,
      { vcpus: 2 },
    );
    const pair = threads(guest, 2);
    const given = { up: false };
    const bound = setTimeout(() => {
      given.up = true;
      for (const { context } of pair) context.interrupt();
    }, TOO_LONG_MS);
    const results = await Promise.all(
      pair.map(async ({ context, registers }, index) => {
        registers.setNumber(Register.Rsi, index);
        registers.setNumber(Register.Rdx, 10_000);
        return await context.switch(guest.space, registers, -1);
      }),
    );
    clearTimeout(bound);
    expect(given.up).toBe(false);
    expect(results).toEqual([SwitchResult.Syscall, SwitchResult.Syscall]);
    expect(word(guest)).toBe(20_000);
  });

  it('count without a loss by locked instructions, and with losses by plain ones', async () => {
    const times = workload(10_000_000);
    const lost = async (lock: string): Promise<number> => {
      using guest = platform.guest(
        // Neither begins before the other is there.
        `lock incl ${DATA + 64}
         0: cmpl $2, ${DATA + 64}
         jne 0b
         movl $${times}, %ecx
         1: ${lock} incl ${DATA}
         decl %ecx
         jnz 1b
         syscall`,
        { vcpus: 2 },
      );
      await Promise.all(threads(guest, 2).map((thread) => runOut(guest, thread)));
      return 2 * times - word(guest);
    };
    expect(await lost('lock')).toBe(0);
    // QEMU's emulator, where it runs one processor at a time, changes to another between two instructions alone.
    if (process.env['RINGFENCE_EMULATOR'] === 'tcg') return;
    // A busy host may let one count to its end while the other waits; not each time.
    let losses = 0;
    for (let round = 0; round < 100 && losses === 0; round++) losses = await lost('');
    expect(losses).toBeGreaterThan(0);
  });
});

/** One thread adds by `lock xadd`, the other by a loop of `lock cmpxchg`, r12 times each, r8 apart. */
const ADDERS = `0: movl %r8d, %ebx
  1: decl %ebx
  jnz 1b
  testl %esi, %esi
  jnz 2f
  movl $1, %eax
  lock xaddl %eax, ${DATA}
  jmp 4f
  2: movl ${DATA}, %eax
  3: leal 1(%eax), %edx
  lock cmpxchgl %edx, ${DATA}
  jne 3b
  4: decl %r12d
  jnz 0b
  syscall`;

interface Pace {
  readonly times: number;
  /** Turns of an empty loop between two additions. */
  readonly apart: number;
}

const FAST: Pace = { times: workload(2_000_000), apart: 1 };
/** So that a word is seldom another between a look at it and the exchange. */
const SLOW: Pace = { times: workload(100_000), apart: 4000 };

/** Starts both adders, calls `act` until they are done, and gives what it has counted. */
async function besideAdders(guest: Guest, pace: Pace, act: () => number): Promise<number> {
  const state = { running: 2 };
  const adders = threads(guest, 2).map(async (thread, index) => {
    thread.registers.setNumber(Register.Rsi, index);
    thread.registers.setNumber(Register.R8, pace.apart);
    thread.registers.setNumber(Register.R12, pace.times);
    expect(await runOut(guest, thread)).toBe(SwitchResult.Syscall);
    state.running--;
  });
  let sum = 0;
  while (state.running > 0) {
    for (let i = 0; i < 200; i++) sum += act();
    await new Promise(setImmediate);
  }
  await Promise.all(adders);
  return sum;
}

/** Modulo 2^32, as the guest counts. */
const low32 = (value: number): number => value % 2 ** 32;

/** Rounds of which one at least finds all three at work at the same time, on a busy host, too. */
const ROUNDS = 3;

describePlatforms('beside guest threads that add to a word', (platform) => {
  it('compareAndSwapUint32 adds to it, too, and the sum is exact', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      using guest = platform.guest(ADDERS, { vcpus: 2 });
      const { space } = guest;
      const added = await besideAdders(guest, SLOW, () => {
        const before = word(guest);
        return space.compareAndSwapUint32(DATA, before, before + 1) === before ? 1 : 0;
      });
      expect(added).toBeGreaterThan(0);
      expect(word(guest)).toBe(2 * SLOW.times + added);
    }
  });

  it('swapUint32 takes what they have added, and nothing twice', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      using guest = platform.guest(ADDERS, { vcpus: 2 });
      const taken = await besideAdders(guest, FAST, () => guest.space.swapUint32(DATA, 0));
      expect(taken + word(guest)).toBe(2 * FAST.times);
    }
  });

  it('a copy in and a copy out are no such thing, and lose counts', async () => {
    const bytes = new Uint8Array(4);
    const view = new DataView(bytes.buffer);
    const lost = async (): Promise<number> => {
      using guest = platform.guest(ADDERS, { vcpus: 2 });
      const added = await besideAdders(guest, SLOW, () => {
        guest.space.copyIn(DATA, bytes);
        view.setUint32(0, low32(view.getUint32(0, true) + 1), true);
        guest.space.copyOut(DATA, bytes);
        return 1;
      });
      return low32(2 * SLOW.times + added) - word(guest);
    };
    let losses = 0;
    for (let round = 0; round < 100 && losses === 0; round++) losses = await lost();
    expect(losses).not.toBe(0);
  });
});

describePlatforms('more contexts than vCPUs', (platform) => {
  const CALLS =
    '1: incl %ebx\n cmpl %r12d, %ebx\n je 2f\n syscall\n jmp 1b\n 2: movl $1, %edi\n syscall';

  it.each([1, 2, 3])(
    'all get to their end on %i of them, whatever ends their switches',
    async (vcpus) => {
      using guest = platform.guest(CALLS, { vcpus });
      const rounds = workload(300);
      const ends = await Promise.all(
        threads(guest, 12).map(async (thread, index) => {
          thread.registers.setNumber(Register.R12, rounds);
          let calls = 0;
          for (let step = index; thread.registers.getNumber(Register.Rdi) === 0; step++) {
            if (step % 7 === 0) thread.context.interrupt();
            // Some of the switches are of the thread that the others wait on.
            const result =
              step % 11 === 0
                ? thread.context.switchSync(guest.space, thread.registers, -1)
                : await runOut(guest, thread);
            if (result === SwitchResult.Syscall) calls++;
          }
          return calls;
        }),
      );
      expect(ends).toEqual(new Array(12).fill(rounds));
    },
  );

  it('get their turn beside endless loops that would take every vCPU', async () => {
    using guest = platform.guest(`testl %esi, %esi\n jnz 9f\n ${CALLS}\n 9: incq %rdx\n jmp 9b`, {
      vcpus: 2,
    });
    const state = { over: false };
    const spinners = threads(guest, 4);
    const loops = spinners.map(async ({ context, registers }) => {
      registers.setNumber(Register.Rsi, 1);
      while (!state.over)
        expect(await context.switch(guest.space, registers, -1)).toBe(SwitchResult.Interrupt);
      return registers.getNumber(Register.Rdx);
    });
    const callers = threads(guest, 4).map(async (thread) => {
      thread.registers.setNumber(Register.R12, 20);
      while (thread.registers.getNumber(Register.Rdi) === 0)
        expect(await runOut(guest, thread)).toBe(SwitchResult.Syscall);
    });
    await Promise.all(callers);
    state.over = true;
    for (const { context } of spinners) context.interrupt();
    for (const count of await Promise.all(loops)) expect(count).toBeGreaterThan(0);
  });

  it('lose no wake-up when all of them come and go at once', async () => {
    using guest = platform.guest('1: syscall\n jmp 1b', { vcpus: 2 });
    const all = threads(guest, 20);
    for (let round = 0; round < workload(100); round++) {
      const results = await Promise.all(all.map((thread) => runOut(guest, thread)));
      expect(results.every((result) => result === SwitchResult.Syscall)).toBe(true);
    }
  });
});
