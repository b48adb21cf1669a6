/** System calls rewritten, on a platform that is none: what becomes of the pages. test/real/call-sites has the rest. */
import { describe, expect, it } from 'vitest';
import { Access } from '../../../src/platform/access.js';
import type { AddressSpace, CallSites } from '../../../src/platform/contract.js';
import { Register, Registers } from '../../../src/platform/registers.js';
import { madvise } from '../../../src/kernel/mm/advice.js';
import { chooseLayout } from '../../../src/kernel/mm/address-layout.js';
import { forkMemory } from '../../../src/kernel/mm/fork-memory.js';
import { MemoryManager } from '../../../src/kernel/mm/memory-manager.js';
import { mprotect, munmap } from '../../../src/kernel/mm/mmap.js';
import { mremap } from '../../../src/kernel/mm/mremap.js';
import { simpleCredentials, type Credentials } from '../../../src/kernel/task/credentials.js';
import { ResourceLimits } from '../../../src/kernel/task/resource-limits.js';
import { FakeAddressSpace, FakeMemory } from '../fake-platform.js';
import { FakeFile, map } from './mm-fixture.js';

const PAGE = 4096;
const AT = 0x100;
const CODE = [0x90, 0xb8, 110, 0, 0, 0, 0x0f, 0x05, 0x90];
const DISPLACEMENT = 0xd4061606;
const ROOT = simpleCredentials(0, 0, []);
const DONT_NEED = 4;

class JumpingSpace extends FakeAddressSpace {
  added: [number, number][] = [];
  copied: AddressSpace | undefined;
  room = Infinity;
  readonly callSites: CallSites = {
    add: (returnAddress, number) => {
      if (this.added.length >= this.room) return undefined;
      this.added.push([returnAddress, number]);
      return DISPLACEMENT;
    },
    copyFrom: (other) => {
      this.copied = other;
    },
  };
}

function setUp(identity: Credentials = ROOT, memory = new FakeMemory(), shared?: FakeFile) {
  const space = new JumpingSpace(memory);
  const limits = new ResourceLimits();
  const layout = chooseLayout(2 ** 47 - PAGE, 8 * 1024 * 1024);
  const mm = new MemoryManager({ addressSpace: space, memory, layout, limits, identity });
  const file = shared ?? new FakeFile(memory, 4);
  file.contents(1).set(CODE, AT);
  const access = Access.Read | Access.Execute;
  const start = map(mm, { length: 4 * PAGE, access, file: file.mapped, image: true });
  expect(mm.handleFault(start + PAGE, Access.Execute)).toBe(0);
  return { mm, memory, space, file, start, page: start + PAGE, site: start + PAGE + AT + 1 };
}

function call(mm: MemoryManager, site: number, times = 3, identity = ROOT, number = 110): void {
  const registers = new Registers();
  registers.setNumber(Register.Rip, site + 7);
  registers.setNumber(Register.Rax, number);
  for (let time = 0; time < times; time++) mm.callSites?.called(registers, identity);
}

/** What the guest would run. */
function bytesAt(space: FakeAddressSpace, address: number): number[] {
  const bytes = new Uint8Array(7);
  space.tryCopyIn(address, bytes);
  return [...bytes];
}

const JUMP = [0xff, 0x24, 0x25, 0x06, 0x16, 0x06, 0xd4];
const CALL = CODE.slice(1, 8);

describe('a page with rewritten calls', () => {
  it('has them from the third call on, and neither the file nor what the kernel reads does', () => {
    const { mm, space, file, site } = setUp();
    call(mm, site, 2);
    expect(bytesAt(space, site)).toEqual(CALL);
    call(mm, site, 1);
    expect(bytesAt(space, site)).toEqual(JUMP);
    expect(space.added).toEqual([[site + 7, 110]]);
    expect([...file.contents(1).subarray(AT + 1, AT + 8)]).toEqual(CALL);
    const part = new Uint8Array(4);
    expect(mm.copyIn(site + 5, part)).toBe(4);
    expect([...part]).toEqual([0x0f, 0x05, 0x90, 2]);
  });

  it.each([
    ['mprotect(2)', (mm: MemoryManager, page: number) => mprotect(mm, page, PAGE, 1)],
    ['madvise(2)', (mm: MemoryManager, page: number) => madvise(mm, page, PAGE, DONT_NEED)],
    ['munmap(2)', (mm: MemoryManager, page: number) => munmap(mm, page, PAGE)],
  ])('is gone with %s, and its frame with it', (_, act) => {
    const { mm, memory, space, page, site } = setUp();
    const before = memory.allocated;
    call(mm, site);
    expect(memory.allocated).toBe(before + PAGE);
    expect(act(mm, page)).toBe(0);
    expect(memory.allocated).toBe(before);
    expect(space.accessAt(page)).toBe(0);
  });

  it('goes where it is moved, and after a change of the file', () => {
    const { mm, space, file, page, site } = setUp();
    call(mm, site);
    const moved = mremap(mm, page, PAGE, PAGE, 3, map(mm, { length: PAGE, access: 0 }));
    expect(moved).toBeGreaterThan(0);
    expect(mm.handleFault(moved, Access.Execute)).toBe(0);
    // With a jump of its own, which leads back to where it is now.
    expect(space.added).toEqual([
      [site + 7, 110],
      [moved + AT + 8, 110],
    ]);
    for (const observer of file.observers) observer.invalidate(0, 4 * PAGE, false);
    expect(mm.handleFault(moved, Access.Execute)).toBe(0);
    expect(bytesAt(space, moved + AT + 1)).toEqual(CALL);
    call(mm, moved + AT + 1, 1);
    expect(bytesAt(space, moved + AT + 1)).toEqual(JUMP);
  });

  it('is the child`s, too, with the places that its jumps lead to', async () => {
    const { mm, memory, space, site } = setUp();
    call(mm, site);
    const childSpace = new JumpingSpace(memory);
    const child = await forkMemory(mm, childSpace, mm.limits);
    expect(childSpace.copied).toBe(space);
    expect(bytesAt(childSpace, site)).toEqual(JUMP);
    const read = new Uint8Array(7);
    expect(child.read(site, read)).toBe(true);
    expect([...read]).toEqual(CALL);
    child.release();
    mm.release();
  });

  it('tells what an undefined opcode in it is', () => {
    const { mm, space, page, site } = setUp();
    call(mm, site);
    const registers = new Registers();
    const at = (offset: number) => {
      registers.setNumber(Register.Rip, site + offset);
      registers.setNumber(Register.Rax, 39);
      return mm.callSites?.undefinedOpcode(registers);
    };
    expect(at(20)).toBe('signal');
    expect(at(5)).toBe('call');
    expect(registers.getNumber(Register.Rip)).toBe(site + 7);
    expect(registers.getNumber(Register.Rcx)).toBe(site + 7);
    expect(registers.getNumber(Register.OrigRax)).toBe(39);
    expect(at(4)).toBe('repeat');
    expect(mm.handleFault(page, Access.Execute)).toBe(0);
    expect(bytesAt(space, site)).toEqual(CALL);
    call(mm, site, 5);
    expect(bytesAt(space, site)).toEqual(CALL);
  });

  it('is not made of what is no such call, nor where there is no room or no memory', () => {
    const { mm, memory, space, file, start, site } = setUp();
    call(mm, site, 5, ROOT, 39);
    call(mm, site + 1, 5);
    file.contents(1).set(CODE.slice(0, 4), PAGE - 4);
    file.contents(2).set(CODE.slice(4));
    call(mm, start + 2 * PAGE - 3, 5);
    space.room = 0;
    call(mm, site, 5);
    expect(bytesAt(space, site)).toEqual(CALL);
    expect(memory.allocated).toBe(4 * PAGE);
  });

  it('is made as its segment is mapped, where that is in memory and needs no fault', () => {
    const { mm, memory, file, site } = setUp();
    call(mm, site);
    const space = new JumpingSpace(memory);
    space.prefersPrecommit = true;
    const limits = new ResourceLimits();
    const layout = chooseLayout(2 ** 47 - PAGE, 8 * 1024 * 1024);
    const next = new MemoryManager({
      addressSpace: space,
      memory,
      layout,
      limits,
      identity: ROOT,
    });
    const address = 0x40_0000;
    const access = Access.Read | Access.Execute;
    const segment = { address, length: 4 * PAGE, access, image: true, file: file.mapped };
    map(next, { ...segment, placement: 'fixed' });
    expect(bytesAt(space, address + PAGE + AT + 1)).toEqual(JUMP);
    next.release();
  });

  it('is made at once where processes of the same identity have used it often, and of no other', () => {
    const first = setUp();
    call(first.mm, first.site);
    const second = setUp(ROOT, first.memory, first.file);
    expect(bytesAt(second.space, second.site)).toEqual(JUMP);
    const other = setUp(simpleCredentials(0, 0, []), first.memory, first.file);
    expect(bytesAt(other.space, other.site)).toEqual(CALL);
    call(other.mm, other.site, 2, ROOT);
    expect(bytesAt(other.space, other.site)).toEqual(CALL);
  });
});
