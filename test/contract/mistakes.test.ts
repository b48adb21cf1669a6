/** What comparable platforms have got wrong. Of the eight, one is of preemption, and one of the tests themselves. */
import { expect, it } from 'vitest';
import { Access } from '../../src/platform/access.js';
import { SwitchResult } from '../../src/platform/contract.js';
import { PlatformError } from '../../src/platform/errors.js';
import { Register, Registers } from '../../src/platform/registers.js';
import { Accessor } from './accessor.js';
import { CODE, STACK_TOP, type Guest } from './guest.js';
import { describePlatforms } from './platforms.js';

const PAGE = 4096;
const LARGE = 2 * 1024 * 1024;
const RW = Access.Read | Access.Write;
const HOLE = 0x400000;
const SIGSEGV = 11;
const MAPERR = 1;
const NON_CANONICAL = [0x0000_8000_0000_0000n, 0x8000_0000_0000_0000n, 0xffff_7fff_ffff_ffffn];

const switches = [
  ['switchSync', (guest: Guest) => Promise.resolve(guest.run())],
  ['switch', (guest: Guest) => guest.context.switch(guest.space, guest.registers, -1)],
] as const;

describePlatforms('of the known mistakes, not made:', (platform) => {
  it('1. mapping over a large page with memory of another alignment leaves a hole', () => {
    using guest = new Accessor(platform.create);
    const large = guest.allocate(2 * LARGE);
    guest.fill(large.start, 2 * LARGE, (page) => 1000 + page);
    const at = 0x80000000;
    for (const pages of [1, 255, 511]) {
      guest.map(guest.space, at, large, RW);
      expect(guest.read(at + 511 * PAGE)).toBe(1511);
      const start = large.start + pages * PAGE;
      guest.map(guest.space, at, { start, end: start + LARGE }, RW);
      for (let page = 0; page < 512; page++)
        expect(guest.read(at + page * PAGE)).toBe(1000 + pages + page);
      expect(guest.read(at + LARGE)).toBe(1512);
    }
  });

  it('2. unmapping page by page leaks the tables', () => {
    using guest = new Accessor(platform.create);
    const range = guest.allocate(LARGE);
    const before = platform.tables(guest.platform);
    for (let round = 0; round < 4; round++) {
      // Half a table, a whole one by single pages, and the parts of a large page.
      const pages = [256, 512, 512][round % 3] as number;
      if (round % 3 === 2) guest.map(guest.space, 0xc0000000, range, RW);
      else {
        for (let page = pages - 1; page >= 0; page--) {
          const start = range.start + (511 - page) * PAGE;
          guest.map(guest.space, 0xc0000000 + page * PAGE, { start, end: start + PAGE }, RW);
        }
      }
      for (let page = 0; page < pages; page++) guest.space.unmap(0xc0000000 + page * PAGE, PAGE);
      expect(platform.tables(guest.platform)).toBe(before);
    }
  });

  it('3. a `wrfsbase` or `wrgsbase` of the guest is lost at a switch, or comes to the next context', async () => {
    using guest = platform.guest(
      `1: rdfsbase %rdi\n rdgsbase %rsi\n wrfsbase %r8\n wrgsbase %r9\n ud2`,
      { vcpus: 1 },
    );
    const threads = [0, 1, 2].map((n) => ({
      n,
      context: guest.platform.newContext(),
      registers: new Registers(),
    }));
    for (let round = 0; round < 30; round++) {
      for (const { n, context, registers } of threads) {
        const before = round === 0 ? 0n : BigInt(round * 0x10000 + n * 0x100);
        const next = BigInt((round + 1) * 0x10000 + n * 0x100);
        guest.start(registers);
        registers.set(Register.R8, next);
        registers.set(Register.R9, next + 1n);
        const result =
          (round + n) % 2 === 0
            ? context.switchSync(guest.space, registers, -1)
            : await context.switch(guest.space, registers, -1);
        expect(result).toBe(SwitchResult.Signal);
        expect(registers.get(Register.Rdi)).toBe(before);
        expect(registers.get(Register.Rsi)).toBe(round === 0 ? 0n : before + 1n);
        expect(registers.get(Register.FsBase)).toBe(next);
        expect(registers.get(Register.GsBase)).toBe(next + 1n);
      }
    }
  });

  it('4. a write or a fetch of an unmapped page is told for one of permissions', () => {
    const kinds = [
      [`movq ${HOLE}, %rax`, Access.Read],
      [`movq %rax, ${HOLE}`, Access.Write],
      [`movl $${HOLE}, %eax\n jmp *%rax`, Access.Execute],
    ] as const;
    for (const [source, access] of kinds) {
      using guest = platform.guest(source);
      const range = guest.allocate(LARGE);
      const expectUnmapped = (): void => {
        guest.start(guest.registers);
        expect(guest.run()).toBe(SwitchResult.Signal);
        expect(guest.fault()).toEqual({ signo: SIGSEGV, code: MAPERR, address: HOLE, access });
      };
      expectUnmapped();
      // In a table with other pages, where one was before, and in a large page that was split.
      const page = { start: range.start, end: range.start + PAGE };
      guest.map(guest.space, HOLE + PAGE, page, Access.Read);
      expectUnmapped();
      guest.map(guest.space, HOLE, page, Access.Read);
      guest.space.unmap(HOLE, PAGE);
      expectUnmapped();
      guest.map(guest.space, HOLE, range, Access.Read);
      guest.space.unmap(HOLE, PAGE);
      expectUnmapped();
    }
  });

  it('5. the way in or out writes to the stack of the guest, and to its red zone', async () => {
    using guest = platform.guest(
      `1: testl %ebx, %ebx\n jz 2f\n ud2\n 2: syscall\n 3: cmpl $2, %ebx\n je 3b\n jmp 1b`,
    );
    const { registers, context, space } = guest;
    const pattern = Uint8Array.from({ length: PAGE }, (_, i) => (i * 13 + 5) & 0xff);
    space.copyOut(STACK_TOP - PAGE, pattern);
    for (let round = 0; round < 30; round++) {
      guest.start(registers);
      registers.setNumber(Register.Rsp, STACK_TOP - 1024 - (round % 16));
      const kind = round % 3;
      registers.setNumber(Register.Rbx, kind === 1 ? 1 : 0);
      if (kind === 2) {
        expect(guest.run()).toBe(SwitchResult.Syscall);
        registers.setNumber(Register.Rbx, 2);
        expect(context.switchSync(space, registers, -1, 1000)).toBe(SwitchResult.Interrupt);
      } else if (kind === 1) {
        expect(guest.run()).toBe(SwitchResult.Signal);
      } else {
        expect(await context.switch(space, registers, -1)).toBe(SwitchResult.Syscall);
        expect(guest.run()).toBe(SwitchResult.Syscall);
      }
      const after = new Uint8Array(PAGE);
      space.copyIn(STACK_TOP - PAGE, after);
      expect(after).toEqual(pattern);
    }
  });

  it.each(switches)(
    '6. a rip, rsp or base that is not canonical gets unchecked into the processor, by %s',
    async (_name, enter) => {
      using guest = platform.guest('1: syscall\n jmp 1b');
      const { registers } = guest;
      for (const bad of NON_CANONICAL) {
        // As the cheapest way back would take it: rcx and r11 are what `syscall` leaves.
        guest.start(registers);
        expect(await enter(guest)).toBe(SwitchResult.Syscall);
        registers.set(Register.Rip, bad);
        registers.set(Register.Rcx, bad);
        expect(await enter(guest)).toBe(SwitchResult.Signal);
        expect(guest.fault()).toMatchObject({ signo: SIGSEGV });
        expect(registers.get(Register.Rip)).toBe(bad);

        guest.start(registers);
        registers.set(Register.Rsp, bad);
        expect(await enter(guest)).toBe(SwitchResult.Syscall);
        expect(registers.get(Register.Rsp)).toBe(bad);

        for (const base of [Register.FsBase, Register.GsBase]) {
          guest.start(registers);
          registers.set(base, bad);
          await expect((async () => await enter(guest))()).rejects.toThrow(PlatformError);
          registers.set(base, 0n);
        }
        guest.start(registers);
        expect(await enter(guest)).toBe(SwitchResult.Syscall);
        expect(registers.getNumber(Register.Rip)).toBe(CODE + 2);
      }
    },
  );
});
