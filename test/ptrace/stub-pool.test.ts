/** Stub processes that serve one address space after another carry nothing over, and are never many. */
import fc from 'fast-check';
import {
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readdirSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Access } from '../../src/platform/access.js';
import { SwitchResult, type AddressSpace } from '../../src/platform/contract.js';
import { Register, Registers } from '../../src/platform/registers.js';
import { PtraceAddressSpace } from '../../src/ptrace/address-space.js';
import { createPtracePlatform, type PtracePlatform } from '../../src/ptrace/platform.js';
import { MAX_EMPTY, MAX_KEPT } from '../../src/ptrace/stub-pool.js';
import { CODE, Guest, STACK_TOP } from '../contract/guest.js';
import { cacheFolder } from '../guests/build.js';
import { isAlive, stubsOf, templatesOf } from './stubs.js';

const PAGE = 4096;
const RW = Access.Read | Access.Write;
/** Reads what rdi points to. */
const READ = '1: movq (%rdi), %rax\n syscall\n jmp 1b';

const guestOf = (source: string): Guest<PtracePlatform> => new Guest(createPtracePlatform, source);

function processOf(space: AddressSpace): number {
  if (!(space instanceof PtraceAddressSpace)) throw new Error('an address space of ptrace');
  return space.native.process;
}

/** A guest whose code is mapped in another space, too. */
function mapCode(guest: Guest<PtracePlatform>, space: AddressSpace): void {
  const range = guest.allocate(PAGE);
  const code = new Uint8Array(PAGE);
  guest.space.copyIn(CODE, code);
  guest.platform.memory.mapInternal(range, Access.Write)[0]?.set(code);
  guest.map(space, CODE, range, Access.Read | Access.Execute);
  guest.map(space, STACK_TOP - PAGE, guest.allocate(PAGE), RW);
}

describe('released stub processes', () => {
  it('are not many, of 200 address spaces in turn, at once, and by ids', () => {
    using guest = guestOf(READ);
    const { platform } = guest;
    for (let i = 0; i < 200; i++) platform.newAddressSpace().release();
    expect(stubsOf().length).toBe(2);
    const spaces = Array.from({ length: 30 }, () => platform.newAddressSpace());
    expect(stubsOf().length).toBe(31);
    for (const space of spaces) space.release();
    expect(stubsOf().length).toBe(1 + MAX_EMPTY);
    for (let i = 0; i < 200; i++) platform.newAddressSpace({}).release();
    expect(stubsOf().length).toBeLessThanOrEqual(1 + MAX_EMPTY + MAX_KEPT);
    expect(templatesOf()).toHaveLength(1);
  });

  it('are given back with their mappings by the id they had, and by no other', () => {
    using guest = guestOf(READ);
    const [id, other] = [{}, {}];
    const first = guest.platform.newAddressSpace(id);
    const range = guest.allocate(PAGE);
    guest.map(first, 0x40000000, range, RW);
    first.copyOut(0x40000000, Uint8Array.of(7));
    const stub = processOf(first);
    first.release();
    const another = guest.platform.newAddressSpace(other);
    expect(processOf(another)).not.toBe(stub);
    expect(another.tryCopyIn(0x40000000, new Uint8Array(1))).toBe(0);
    const again = guest.platform.newAddressSpace(id);
    expect(processOf(again)).toBe(stub);
    mapCode(guest, again);
    guest.registers.setNumber(Register.Rdi, 0x40000000);
    expect(guest.context.switchSync(again, guest.registers, -1)).toBe(SwitchResult.Syscall);
    expect(guest.registers.getNumber(Register.Rax)).toBe(7);
    // While it lives, the same id gives another.
    expect(processOf(guest.platform.newAddressSpace(id))).not.toBe(stub);
  });

  it('have nothing mapped, whatever was', () => {
    using guest = guestOf(READ);
    const range = guest.allocate(64 * PAGE);
    const mapping = fc.record({
      page: fc.oneof(fc.nat(2 ** 34), fc.constantFrom(0x20, 0x21, 2 ** 35 - 3)),
      offset: fc.nat(60),
      pages: fc.integer({ min: 1, max: 4 }),
      access: fc.integer({ min: 1, max: 7 }),
    });
    fc.assert(
      fc.property(fc.array(mapping, { minLength: 1, maxLength: 12 }), (mappings) => {
        const before = guest.platform.newAddressSpace();
        const used: number[] = [];
        for (const { page, offset, pages, access } of mappings) {
          const at = Math.min(page * PAGE + 0x20000, guest.platform.maxUserAddress - pages * PAGE);
          const start = range.start + offset * PAGE;
          guest.map(before, at, { start, end: start + pages * PAGE }, access);
          used.push(at);
        }
        const stub = processOf(before);
        before.release();
        const after = guest.platform.newAddressSpace();
        expect(processOf(after)).toBe(stub);
        expect(readFileSync(`/proc/${stub}/maps`, 'utf8').split('\n')[0]).toMatch(/^7fffffffe000-/);
        mapCode(guest, after);
        for (const at of used) {
          if (at === CODE || at === STACK_TOP - PAGE) continue;
          guest.start(guest.registers);
          guest.registers.setNumber(Register.Rdi, at);
          expect(guest.context.switchSync(after, guest.registers, -1)).toBe(SwitchResult.Signal);
          expect(after.tryCopyIn(at, new Uint8Array(1))).toBe(0);
        }
        after.release();
      }),
      { numRuns: 40 },
    );
  });

  it('have nothing of a context`s registers, bases and vectors left for the next one', async () => {
    const fill = `movq $0x1234567, %rax\n wrfsbase %rax\n wrgsbase %rax\n vpcmpeqd %ymm7, %ymm7, %ymm7
      movl $0x2b, %eax\n movl %eax, %es\n fld1\n movq $-1, %rbx\n movq $-1, %r15\n stc\n syscall`;
    const show = `rdfsbase %rdi\n rdgsbase %rsi\n vextracti128 $1, %ymm7, %xmm1\n movq %xmm1, %rdx
      movl %es, %r8d\n fnstsw %ax\n movzwl %ax, %r9d\n syscall`;
    using guest = guestOf(fill);
    for (const inPool of [false, true]) {
      const before = guest.newSpace(fill);
      const run = (space: AddressSpace, registers: Registers): Promise<SwitchResult> => {
        const context = guest.platform.newContext();
        guest.start(registers);
        return inPool
          ? context.switch(space, registers, -1)
          : Promise.resolve(context.switchSync(space, registers, -1));
      };
      expect(await run(before, new Registers())).toBe(SwitchResult.Syscall);
      const stub = processOf(before);
      before.release();
      const after = guest.newSpace(show);
      expect(processOf(after)).toBe(stub);
      const registers = new Registers();
      expect(await run(after, registers)).toBe(SwitchResult.Syscall);
      const { Rdi, Rsi, Rdx, R8, R9, Rbx, R15 } = Register;
      expect([Rdi, Rsi, Rdx, R8, R9, Rbx, R15].map((register) => registers.get(register))).toEqual(
        new Array(7).fill(0n),
      );
      expect(registers.get(Register.Rflags) & 1n).toBe(0n);
      after.release();
    }
  });

  it('that have died are not given out', async () => {
    using guest = guestOf(READ);
    const space = guest.platform.newAddressSpace();
    const stub = processOf(space);
    process.kill(stub, 'SIGKILL');
    while (isAlive(stub)) await sleep(2);
    space.release();
    expect(processOf(guest.platform.newAddressSpace())).not.toBe(stub);
  });

  it('are made again where the template has been killed', async () => {
    using guest = guestOf(READ);
    const template = templatesOf()[0]?.pid ?? 0;
    process.kill(template, 'SIGKILL');
    while (isAlive(template)) await sleep(2);
    const space = guest.newSpace(READ);
    guest.registers.setNumber(Register.Rdi, CODE);
    expect(guest.context.switchSync(space, guest.registers, -1)).toBe(SwitchResult.Syscall);
    expect(guest.run()).toBe(SwitchResult.Syscall);
    expect(templatesOf()).toHaveLength(1);
  });
});

describe('host files', () => {
  it('leave no descriptor in the stubs when they are mapped', () => {
    using guest = guestOf(READ);
    const path = join(mkdtempSync(join(cacheFolder('scratch'), 'stub-')), 'file');
    writeFileSync(path, Buffer.alloc(PAGE, 5));
    for (let i = 0; i < 50; i++) {
      const fd = openSync(path, 'r+');
      guest.space.mapFile(0x40000000, fd, { start: 0, end: PAGE }, RW, false);
      closeSync(fd);
    }
    guest.registers.setNumber(Register.Rdi, 0x40000000);
    expect(guest.run()).toBe(SwitchResult.Syscall);
    expect(guest.registers.get(Register.Rax)).toBe(0x0505050505050505n);
    expect(readdirSync(`/proc/${processOf(guest.space)}/fd`)).toEqual(['0', '1']);
  });
});
