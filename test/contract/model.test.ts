/**
 * Random changes of mappings and memory, and the same on arrays. After each, what the host copies and what the guest
 * itself reads, writes and executes is what the arrays say.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Access } from '../../src/platform/access.js';
import { SwitchResult } from '../../src/platform/contract.js';
import { SegmentationFault } from '../../src/platform/errors.js';
import { Register } from '../../src/platform/registers.js';
import { patience, workload } from '../patience.js';
import { CODE, Guest, type GuestOptions } from './guest.js';
import { describePlatforms, type PlatformUnderTest } from './platforms.js';

const PAGE = 4096;
const LARGE_PAGES = 512;
/** Across a border of 1 GiB, one large page before and two behind it. */
const BASE = 0x2040000000 - LARGE_PAGES * PAGE;
const PAGES = 3 * LARGE_PAGES;
const FILE_PAGES = 3 * LARGE_PAGES;

const SIGSEGV = 11;
const MAPERR = 1;
const ACCERR = 2;

/** rsi: 0 reads a byte at rdi, 1 writes dl there, 2 jumps there; either comes to a system call. */
const PROGRAM = `1: cmpl $1, %esi
  je 2f
  ja 3f
  movzbl (%rdi), %edx
  syscall
  jmp 1b
  2: movb %dl, (%rdi)
  syscall
  jmp 1b
  3: jmp *%rdi`;
/** syscall; jmp *%rbx */
const LANDING = Uint8Array.from([0x0f, 0x05, 0xff, 0xe3]);

interface ModelPage {
  readonly file: number;
  readonly access: number;
}

class Modelled extends Guest {
  readonly #memory: Uint8Array;
  readonly #first: number;
  readonly #file = new Uint8Array(FILE_PAGES * PAGE);
  #pages = new Array<ModelPage | undefined>(PAGES).fill(undefined);

  constructor(platform: PlatformUnderTest, options: GuestOptions = {}) {
    super(platform.create, PROGRAM, options);
    const range = this.allocate(FILE_PAGES * PAGE);
    this.#first = range.start;
    const [block] = this.platform.memory.mapInternal(range, Access.Write);
    if (block?.length !== this.#file.length) throw new Error('the memory is in several blocks');
    this.#memory = block;
  }

  reset(): void {
    this.space.unmap(BASE, PAGES * PAGE);
    this.#pages = new Array<ModelPage | undefined>(PAGES).fill(undefined);
    this.#memory.fill(0);
    this.#file.fill(0);
  }

  change(page: number, count: number, file: number, access: number): void {
    const start = this.#first + file * PAGE;
    const range = { start, end: start + count * PAGE };
    this.map(this.space, BASE + page * PAGE, range, access);
    for (let i = 0; i < count; i++) this.#pages[page + i] = { file: file + i, access };
  }

  unmap(page: number, count: number): void {
    this.space.unmap(BASE + page * PAGE, count * PAGE);
    for (let i = 0; i < count; i++) this.#pages[page + i] = undefined;
  }

  copyOut(at: number, length: number, value: number): void {
    const bytes = Uint8Array.from({ length }, (_, i) => (value + i) & 0xff);
    const expected = this.#accessible(at, length, Access.Write);
    const done = this.space.tryCopyOut(BASE + at, bytes);
    expect(done).toBe(expected);
    for (let i = 0; i < done; i++) this.#file[this.#fileOffset(at + i)] = bytes[i] as number;
  }

  zeroOut(at: number, length: number): void {
    const done = this.#accessible(at, length, Access.Write);
    const act = (): void => {
      this.space.zeroOut(BASE + at, length);
    };
    if (done === length) act();
    else expect(act).toThrow(expect.objectContaining({ address: BASE + at + done, done }));
    for (let i = 0; i < done; i++) this.#file[this.#fileOffset(at + i)] = 0;
  }

  copyIn(at: number, length: number): void {
    const bytes = new Uint8Array(length);
    const expected = this.#accessible(at, length, Access.Read);
    expect(this.space.tryCopyIn(BASE + at, bytes)).toBe(expected);
    for (let i = 0; i < expected; i++) {
      if (bytes[i] !== this.#file[this.#fileOffset(at + i)])
        throw new Error(`byte ${i} of a copy from ${at} is ${bytes[i] ?? 'none'}`);
    }
    if (expected === length) return;
    expect(() => {
      this.space.copyIn(BASE + at, bytes);
    }).toThrow(SegmentationFault);
  }

  guestRead(at: number): void {
    const done = this.#guestAccess(at, Access.Read, 0, 0);
    if (!done) return;
    expect(this.registers.getNumber(Register.Rdx)).toBe(this.#file[this.#fileOffset(at)]);
  }

  guestWrite(at: number, value: number): void {
    if (this.#guestAccess(at, Access.Write, 1, value)) this.#file[this.#fileOffset(at)] = value;
  }

  guestFetch(page: number): void {
    const at = page * PAGE + 0x800;
    const mapped = this.#pages[page];
    if (mapped !== undefined) {
      this.#memory.set(LANDING, mapped.file * PAGE + 0x800);
      this.#file.set(LANDING, mapped.file * PAGE + 0x800);
    }
    this.#guestAccess(at, Access.Execute, 2, 0);
  }

  /** The memory is what the arrays say, as the host's mapping shows it. */
  checkMemory(): void {
    expect(Buffer.compare(this.#memory, this.#file)).toBe(0);
  }

  /** What is mapped can be read (SDM volume 3, section 4.6). */
  #allows(page: number, access: number): boolean {
    const mapped = this.#pages[page];
    return mapped !== undefined && ((mapped.access | Access.Read) & access) !== 0;
  }

  #accessible(at: number, length: number, access: number): number {
    for (let page = Math.floor(at / PAGE); page * PAGE < at + length; page++)
      if (!this.#allows(page, access)) return Math.max(0, page * PAGE - at);
    return length;
  }

  #fileOffset(at: number): number {
    return (this.#pages[Math.floor(at / PAGE)] as ModelPage).file * PAGE + (at % PAGE);
  }

  #guestAccess(at: number, access: number, how: number, value: number): boolean {
    this.start(this.registers);
    this.registers.setNumber(Register.Rdi, BASE + at);
    this.registers.setNumber(Register.Rsi, how);
    this.registers.setNumber(Register.Rdx, value);
    this.registers.setNumber(Register.Rbx, CODE);
    const page = Math.floor(at / PAGE);
    const result = this.run();
    if (this.#allows(page, access)) {
      expect(result).toBe(SwitchResult.Syscall);
      return true;
    }
    expect(result).toBe(SwitchResult.Signal);
    const code = this.#pages[page] === undefined ? MAPERR : ACCERR;
    expect(this.fault()).toEqual({ signo: SIGSEGV, code, address: BASE + at, access });
    return false;
  }
}

const page = fc.oneof(
  fc.nat(PAGES - 1),
  fc.constantFrom(0, LARGE_PAGES, 2 * LARGE_PAGES),
  fc.integer({ min: LARGE_PAGES - 3, max: LARGE_PAGES + 3 }),
);
const count = fc.oneof(
  fc.integer({ min: 1, max: 40 }),
  fc.constantFrom(LARGE_PAGES, 2 * LARGE_PAGES, PAGES),
);
const at = fc.oneof(
  fc.nat(PAGES * PAGE - 1),
  page.map((number) => number * PAGE),
  page.map((number) => Math.max(0, number * PAGE - 1)),
);
const length = fc.oneof(fc.integer({ min: 1, max: 64 }), fc.integer({ min: 1, max: 5 * PAGE }));
const file = fc.oneof(fc.nat(FILE_PAGES - 1), fc.constantFrom(0, LARGE_PAGES, 2 * LARGE_PAGES));

const step = fc.oneof(
  fc.record({
    act: fc.constant('change' as const),
    page,
    count,
    file,
    access: fc.integer({ min: 1, max: 7 }),
  }),
  fc.record({ act: fc.constant('unmap' as const), page, count }),
  fc.record({ act: fc.constant('copyOut' as const), at, length, value: fc.nat(255) }),
  fc.record({ act: fc.constant('copyIn' as const), at, length }),
  fc.record({ act: fc.constant('zeroOut' as const), at, length }),
  fc.record({ act: fc.constant('guestRead' as const), at }),
  fc.record({ act: fc.constant('guestWrite' as const), at, value: fc.nat(255) }),
  fc.record({ act: fc.constant('guestFetch' as const), page }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function take(guest: Modelled, taken: Step): void {
  switch (taken.act) {
    case 'change': {
      const pages = Math.min(taken.count, PAGES - taken.page, FILE_PAGES - taken.file);
      guest.change(taken.page, pages, taken.file, taken.access);
      return;
    }
    case 'unmap':
      guest.unmap(taken.page, Math.min(taken.count, PAGES - taken.page));
      return;
    case 'copyOut':
      guest.copyOut(taken.at, Math.min(taken.length, PAGES * PAGE - taken.at), taken.value);
      return;
    case 'copyIn':
    case 'zeroOut':
      guest[taken.act](taken.at, Math.min(taken.length, PAGES * PAGE - taken.at));
      return;
    case 'guestRead':
      guest.guestRead(taken.at);
      return;
    case 'guestWrite':
      guest.guestWrite(taken.at, taken.value);
      return;
    case 'guestFetch':
      guest.guestFetch(taken.page);
  }
}

describePlatforms('an address space', (platform) => {
  it(
    'does what arrays do under any changes of mappings, access and memory',
    () => {
      using guest = new Modelled(platform);
      fc.assert(
        fc.property(fc.array(step, { minLength: 10, maxLength: 60 }), (steps) => {
          guest.reset();
          for (const taken of steps) take(guest, taken);
          guest.checkMemory();
        }),
        { numRuns: workload(150) },
      );
    },
    patience(120_000),
  );
});
