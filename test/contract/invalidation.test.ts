/** What other vCPUs may do with a mapping once it is gone or narrowed: nothing. */
import { expect, it } from 'vitest';
import { Access } from '../../src/platform/access.js';
import { SwitchResult } from '../../src/platform/contract.js';
import type { FileRange } from '../../src/platform/file-range.js';
import { Register, Registers } from '../../src/platform/registers.js';
import { workload } from '../patience.js';
import type { Fault, Guest } from './guest.js';
import { describePlatforms } from './platforms.js';

const PAGE = 4096;
const LARGE = 2 * 1024 * 1024;
const RW = Access.Read | Access.Write;
const SIGSEGV = 11;
const MAPERR = 1;
const ACCERR = 2;
/** On a border of large pages. */
const AT = 0x40000000;

/** Stores ever greater numbers at rdi. */
const STORE = '1: incq %rbx\n movq %rbx, (%rdi)\n jmp 1b';

/** A word of the memory as the host sees it. */
function watch(guest: Guest, offset: number): () => bigint {
  const range = { start: offset, end: offset + 8 };
  const [block] = guest.platform.memory.mapInternal(range, Access.Read);
  if (block === undefined) throw new Error('no mapping of ours');
  const word = new BigUint64Array(block.buffer, block.byteOffset, 1);
  return () => word[0] as bigint;
}

async function untilItMoves(read: () => bigint): Promise<void> {
  for (const before = read(); read() === before;) await new Promise(setImmediate);
}

/** Time enough for a store that is on its way, or for millions from a loop that goes on. */
async function expectStill(read: () => bigint): Promise<void> {
  const before = read();
  for (let i = 0; i < 30; i++) {
    await new Promise(setImmediate);
    for (let j = 0; j < 2000; j++) if (read() !== before) break;
    expect(read()).toBe(before);
  }
}

interface Change {
  readonly name: string;
  readonly change: (guest: Guest, range: FileRange, page: FileRange) => void;
  /** How those that store are told; undefined where they go on, to other memory. */
  readonly code: number | undefined;
}

const CHANGES: readonly Change[] = [
  {
    name: 'is unmapped',
    change: (guest, { start, end }) => {
      guest.space.unmap(AT, end - start);
    },
    code: MAPERR,
  },
  {
    name: 'may only be read any more',
    change: (guest, range) => {
      guest.map(guest.space, AT, range, Access.Read);
    },
    code: ACCERR,
  },
  {
    name: 'may only be executed any more',
    change: (guest, range) => {
      guest.map(guest.space, AT, range, Access.Execute);
    },
    code: ACCERR,
  },
  {
    name: 'is replaced by another page',
    change: (guest, _range, page) => {
      guest.map(guest.space, AT, page, RW);
    },
    code: undefined,
  },
];

describePlatforms('no store lands, by contexts on two other vCPUs, once memory', (platform) => {
  for (const [size, length] of [
    ['4 KiB', PAGE],
    ['2 MiB', LARGE],
  ] as const) {
    it.each(CHANGES)(`of ${size} $name`, async ({ change, code }) => {
      using guest = platform.guest(STORE, { vcpus: 2 });
      const range = guest.allocate(length);
      const other = guest.allocate(PAGE);
      const reads = [0, 8].map((offset) => watch(guest, range.start + offset));
      const contexts = reads.map(() => guest.platform.newContext());
      for (let round = 0; round < workload(15); round++) {
        guest.map(guest.space, AT, range, RW);
        const pending = contexts.map(async (context, index) => {
          const registers = guest.start(new Registers());
          registers.setNumber(Register.Rdi, AT + index * 8);
          const result = await context.switch(guest.space, registers, -1);
          return { result, fault: guest.fault(registers) };
        });
        for (const read of reads) await untilItMoves(read);
        change(guest, range, other);
        for (const read of reads) await expectStill(read);
        if (code === undefined) for (const context of contexts) context.interrupt();
        for (const [index, { result, fault }] of (await Promise.all(pending)).entries()) {
          if (code === undefined) {
            expect(result).toBe(SwitchResult.Interrupt);
            continue;
          }
          expect(result).toBe(SwitchResult.Signal);
          const address = AT + index * 8;
          const expected: Fault = { signo: SIGSEGV, code, address, access: Access.Write };
          expect(fault).toEqual(expected);
        }
      }
    });
  }

  it('is freed and given to another', async () => {
    using guest = platform.guest(STORE, { vcpus: 1 });
    const { memory } = guest.platform;
    const { context, registers, space } = guest;
    for (let round = 0; round < workload(20); round++) {
      const range = guest.allocate(PAGE);
      guest.map(space, AT, range, RW);
      guest.start(registers);
      registers.setNumber(Register.Rdi, AT);
      const pending = context.switch(space, registers, -1);
      await untilItMoves(watch(guest, range.start));
      space.unmap(AT, PAGE);
      memory.decRef(range);
      const next = guest.allocate(PAGE);
      expect(next.start).toBe(range.start);
      await expectStill(watch(guest, next.start));
      expect(watch(guest, next.start)()).toBe(0n);
      expect(await pending).toBe(SwitchResult.Signal);
      memory.decRef(next);
    }
  });
});
