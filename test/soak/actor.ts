/** One guest thread that does something at random, again and again, and checks it. */
import { interruptContext } from '../../src/host/interrupt-context.js';
import { Access } from '../../src/platform/access.js';
import { MemoryKind, SwitchResult, type Context } from '../../src/platform/contract.js';
import { SegmentationFault } from '../../src/platform/errors.js';
import { Register, Registers, Report } from '../../src/platform/registers.js';
import { Random } from '../contract/random.js';
import {
  Act,
  CODE,
  COUNTERS,
  ENTRY_SIZE,
  NEXT_ENTRY,
  RACES,
  SCRIPTS,
  STORES_AT,
} from './guest-code.js';
import { BASE, check, PAGE, PAGES, type Mapping, type Space } from './model.js';
import { COUNTER_WORDS, type World } from './world.js';

const SIGSEGV = 11;
const MAPERR = 1;
const ACCERR = 2;
const RW = Access.Read | Access.Write;
const LARGE_PAGES = 512;

const KEPT = [Register.Rbx, Register.Rbp, Register.R8, Register.R10, Register.R12, Register.R13];

interface Entry {
  readonly act: number;
  readonly address: number;
  /** Of the model; -1 for what is beside it. */
  readonly page: number;
  readonly mapping: Mapping | undefined;
  readonly value: number;
}

export class Actor {
  readonly #world: World;
  readonly #index: number;
  readonly #random: Random;
  readonly #registers = new Registers();
  readonly #script: DataView;
  #context: Context;
  /** interrupt() was called since the last switch that returned for one. */
  #owed = false;
  /** World.preempts when the last switch returned. */
  #preempts = 0;

  constructor(world: World, index: number) {
    this.#world = world;
    this.#index = index;
    this.#random = new Random(world.random.bits());
    this.#script = world.script(index);
    this.#context = this.#newContext();
  }

  /** One operation. `others`: whom it may interrupt. */
  async act(others: readonly Actor[]): Promise<void> {
    const random = this.#random;
    const choice = random.below(100);
    if (choice < 25) await this.#hold((space) => this.#runScript(space, false));
    else if (choice < 38) await this.#hold((space) => this.#runScript(space, true));
    else if (choice < 46) this.#map();
    else if (choice < 51) this.#unmap();
    else if (choice < 58) this.#copyOut();
    else if (choice < 65) this.#copyIn();
    else if (choice < 69) this.#zeroOut();
    else if (choice < 75) this.#atomic();
    else if (choice < 84) random.pick(others).interrupt(random.chance(0.5));
    else if (choice < 86) await this.#preempt();
    else if (choice < 90) await this.#hold((space) => this.#race(space));
    else if (choice < 93) this.#replaceContext();
    else if (choice < 95) this.#replaceSpace();
    else if (choice < 98) this.#replacePiece();
    else this.#decommit();
  }

  interrupt(byId: boolean): void {
    this.#world.count('interrupt');
    this.#owed = true;
    if (byId) check(interruptContext(this.#context.id), 'a context is not found by its number');
    else this.#context.interrupt();
  }

  dispose(): void {
    this.#context.dispose();
    check(!interruptContext(this.#context.id), 'a context is found that has been disposed of');
  }

  #newContext(): Context {
    const context = this.#world.platform.newContext();
    this.#world.contexts[this.#index] = context.id;
    this.#owed = false;
    return context;
  }

  /** A switch, again and again until it has come to something of the guest's own doing. */
  async #switch(space: Space, sync: boolean): Promise<SwitchResult> {
    const world = this.#world;
    for (;;) {
      const cpu =
        world.platform.detectsCpuPreemption && this.#random.chance(0.3) ? this.#context.cpu : -1;
      const owed = this.#owed;
      world.count(sync ? 'switchSync' : 'switch');
      const result = sync
        ? this.#context.switchSync(space.native, this.#registers, cpu)
        : await this.#context.switch(space.native, this.#registers, cpu);
      const preempts = this.#preempts;
      this.#preempts = world.preempts;
      if (result === SwitchResult.Interrupt) this.#owed = false;
      else if (result === SwitchResult.CpuPreempted) {
        world.count('preempted');
        check(cpu >= 0 || world.preempts > preempts, 'a preemption that nobody asked for');
      } else {
        check(!owed, 'an interruption was lost');
        return result;
      }
      if (sync && result === SwitchResult.Interrupt) return result;
    }
  }

  #plan(space: Space): Entry[] {
    const random = this.#random;
    const entries: Entry[] = [];
    for (let n = 1 + random.below(6); n > 0; n--) {
      const kind = random.below(10);
      if (kind < 2) {
        const word = random.below(COUNTER_WORDS);
        const address = COUNTERS + word * 64;
        entries.push({ act: Act.Count, address, page: -1, mapping: undefined, value: word });
      } else if (kind === 2) {
        const value = 1 + random.below(200_000);
        entries.push({ act: Act.Spin, address: 0, page: -1, mapping: undefined, value });
      } else {
        const page = this.#pageNear(random.below(PAGES));
        const mapping = space.pages[page];
        if (space.locked[page] === 1 || mapping?.piece.locked[mapping.page] === 1) continue;
        space.locked[page] = 1;
        if (mapping !== undefined) mapping.piece.locked[mapping.page] = 1;
        const address = BASE + page * PAGE + random.below(PAGE);
        const act = random.chance(0.5) ? Act.Write : Act.Read;
        entries.push({ act, address, page, mapping, value: random.below(256) });
      }
    }
    return entries;
  }

  /** Often the first ones, which more is mapped at. */
  #pageNear(page: number): number {
    return this.#random.chance(0.7) ? page % 96 : page;
  }

  /** An operation in an address space that stays meanwhile. */
  async #hold(operate: (space: Space) => Promise<void>): Promise<void> {
    const space = this.#random.pick(this.#world.spaces);
    space.holders++;
    await operate(space);
    space.holders--;
  }

  async #runScript(space: Space, sync: boolean): Promise<void> {
    const entries = this.#plan(space);
    if (entries.length === 0) return;
    for (const [at, { address, act, value }] of entries.entries()) {
      this.#script.setFloat64(at * ENTRY_SIZE, 0);
      this.#script.setBigUint64(at * ENTRY_SIZE, BigInt(address), true);
      this.#script.setBigUint64(at * ENTRY_SIZE + 8, BigInt(act), true);
      this.#script.setBigUint64(at * ENTRY_SIZE + 16, BigInt(value), true);
    }
    const registers = this.#registers;
    for (const register of KEPT) registers.set(register, this.#random.bits64());
    registers.set(Register.FsBase, this.#random.bits64() & 0x7fff_ffff_efffn);
    const given = new Registers();
    given.copyFrom(registers);
    registers.setNumber(Register.Rip, CODE);
    registers.setNumber(Register.Rdi, this.#scriptAddress(0));
    registers.setNumber(Register.Rsi, entries.length);
    for (let done = 0; done < entries.length;) {
      const result = await this.#switch(space, sync);
      for (const register of [...KEPT, Register.FsBase])
        check(registers.get(register) === given.get(register), `register ${register} has changed`);
      if (result === SwitchResult.Interrupt) continue;
      const left = registers.getNumber(Register.Rsi);
      const reached = entries.length - left;
      for (; done < reached; done++) this.#checkDone(space, entries[done] as Entry, done);
      if (result === SwitchResult.Syscall) {
        check(left === 0, 'a system call in the middle of a script');
        check(
          registers.get(Register.R9) === given.get(Register.R12),
          'a vector register has changed',
        );
      } else {
        this.#checkFault(space, entries[done] as Entry, done);
        done++;
        registers.setNumber(Register.Rdi, this.#scriptAddress(done));
        registers.setNumber(Register.Rsi, left - 1);
        registers.setNumber(Register.Rip, NEXT_ENTRY);
      }
    }
    for (const { page, mapping } of entries) {
      if (page >= 0) space.locked[page] = 0;
      if (mapping !== undefined) mapping.piece.locked[mapping.page] = 0;
    }
    this.#world.count('script');
  }

  #scriptAddress(entry: number): number {
    return SCRIPTS + this.#index * PAGE + entry * ENTRY_SIZE;
  }

  #checkDone(space: Space, entry: Entry, at: number): void {
    if (entry.act === Act.Spin) return;
    if (entry.act === Act.Count) {
      this.#world.counted[entry.value] = (this.#world.counted[entry.value] ?? 0) + 1;
      return;
    }
    const access = entry.act === Act.Write ? Access.Write : Access.Read;
    check(space.allows(entry.page, access), `an access to ${entry.address} should have faulted`);
    space.each(entry.address - BASE, 1, (bytes) => {
      if (entry.act === Act.Write) bytes[0] = entry.value;
      else {
        const found = Number(this.#script.getBigUint64(at * ENTRY_SIZE + 16, true));
        check(found === bytes[0], `${found} read at ${entry.address}, not ${bytes[0] ?? 'any'}`);
      }
    });
  }

  #checkFault(space: Space, entry: Entry, at: number): void {
    this.#world.count('fault');
    const registers = this.#registers;
    const access = entry.act === Act.Write ? Access.Write : Access.Read;
    check(
      registers.getNumber(Register.Rdi) === this.#scriptAddress(at),
      'a fault of another entry',
    );
    check(
      entry.page >= 0 && !space.allows(entry.page, access),
      `no fault is due at ${entry.address}`,
    );
    const code = space.pages[entry.page] === undefined ? MAPERR : ACCERR;
    this.#checkSignal(entry.address, code, access);
  }

  #checkSignal(address: number, code: number, access: number): void {
    const found = this.#registers.signalInfo();
    check(
      found.signo === SIGSEGV &&
        found.code === code &&
        found.address === BigInt(address) &&
        found.access === access,
      `signal ${found.signo}, code ${found.code}, at ${found.address}, access ${found.access}; ` +
        `not code ${code} at ${address}, access ${access}; vector ${this.#registers.high32(Report.AccessVector)}`,
    );
  }

  #map(): void {
    const random = this.#random;
    const space = random.pick(this.#world.spaces);
    const piece = random.pick(this.#world.pieces);
    const isLarge = piece.pages >= LARGE_PAGES && random.chance(0.6);
    const first = isLarge ? random.pick([0, LARGE_PAGES, 7]) : this.#pageNear(random.below(PAGES));
    const page = isLarge ? 0 : random.below(piece.pages);
    const most = Math.min(piece.pages - page, PAGES - first);
    const count = isLarge ? Math.min(LARGE_PAGES, most) : 1 + random.below(Math.min(most, 24));
    if (space.isLocked(first, count)) return;
    const access = random.chance(0.6) ? RW : 1 + random.below(7);
    space.map(this.#world.platform, first, count, { piece, page, access });
    this.#world.count('map');
  }

  #unmap(): void {
    const random = this.#random;
    const space = random.pick(this.#world.spaces);
    const first = this.#pageNear(random.below(PAGES));
    const count = Math.min(PAGES - first, random.chance(0.1) ? PAGES : 1 + random.below(16));
    if (space.isLocked(first, count)) return;
    space.unmap(first, count);
    this.#world.count('unmap');
  }

  /** Somewhere, with nobody at it. */
  #place(): { space: Space; at: number; length: number } | undefined {
    const random = this.#random;
    const space = random.pick(this.#world.spaces);
    const at = this.#pageNear(random.below(PAGES)) * PAGE + random.below(PAGE);
    const wanted = random.chance(0.5) ? 1 + random.below(64) : 1 + random.below(3 * PAGE);
    const length = Math.min(wanted, PAGES * PAGE - at);
    const first = Math.floor(at / PAGE);
    const count = Math.ceil((at + length) / PAGE) - first;
    return space.holdsLocked(first, count) ? undefined : { space, at, length };
  }

  #copyOut(): void {
    const place = this.#place();
    if (place === undefined) return;
    const { space, at, length } = place;
    const start = this.#random.below(256);
    const bytes = Uint8Array.from({ length }, (_, i) => (start + i * 3) & 0xff);
    const expected = space.accessible(at, length, Access.Write);
    const done = space.native.tryCopyOut(BASE + at, bytes);
    check(done === expected, `${done} bytes copied out, not ${expected}`);
    space.each(at, done, (model, from) => {
      model.set(bytes.subarray(from, from + model.length));
    });
    this.#world.count('copyOut');
  }

  #copyIn(): void {
    const place = this.#place();
    if (place === undefined) return;
    const { space, at, length } = place;
    const bytes = new Uint8Array(length);
    const expected = space.accessible(at, length, Access.Read);
    const done = space.native.tryCopyIn(BASE + at, bytes);
    check(done === expected, `${done} bytes copied in, not ${expected}`);
    space.each(at, done, (model, from) => {
      const found = bytes.subarray(from, from + model.length);
      check(Buffer.compare(found, model) === 0, `a copy of ${BASE + at + from} is another`);
    });
    this.#world.count('copyIn');
  }

  #zeroOut(): void {
    const place = this.#place();
    if (place === undefined) return;
    const { space, at, length } = place;
    const expected = space.accessible(at, length, Access.Write);
    const done = doneBeforeFault(BASE + at, length, () => {
      space.native.zeroOut(BASE + at, length);
    });
    check(done === expected, `${done} bytes zeroed, not ${expected}`);
    space.each(at, done, (model) => {
      model.fill(0);
    });
    this.#world.count('zeroOut');
  }

  /** Counts where guests count, and swaps a word of the model. */
  #atomic(): void {
    const { spaces, counted } = this.#world;
    const space = this.#random.pick(spaces);
    const word = this.#random.below(COUNTER_WORDS);
    const address = COUNTERS + word * 64;
    const bytes = new Uint8Array(4);
    const view = new DataView(bytes.buffer);
    space.native.copyIn(address, bytes);
    const before = view.getUint32(0, true);
    if (space.native.compareAndSwapUint32(address, before, (before + 1) % 2 ** 32) === before)
      counted[word] = (counted[word] ?? 0) + 1;
    const page = this.#pageNear(this.#random.below(PAGES));
    if (space.holdsLocked(page, 1)) return;
    const at = page * PAGE + this.#random.below(PAGE / 4) * 4;
    const value = this.#random.bits();
    let found = 0;
    const done = doneBeforeFault(BASE + at, 4, () => {
      found = space.native.swapUint32(BASE + at, value);
    });
    check(done === space.accessible(at, 4, Access.Write), 'a swap faulted, or did not');
    space.each(at, done, (model) => {
      const words = new DataView(model.buffer, model.byteOffset, 4);
      check(words.getUint32(0, true) === found, 'a swap gave another value');
      words.setUint32(0, value, true);
    });
    this.#world.count('atomic');
  }

  async #preempt(): Promise<void> {
    if (!this.#world.platform.detectsCpuPreemption) return;
    this.#world.preempts++;
    this.#world.count('preemptAllCpus');
    await this.#world.platform.preemptAllCpus();
  }

  /** Stores in a loop, while the mapping goes: none lands behind that. */
  async #race(space: Space): Promise<void> {
    const random = this.#random;
    const { platform } = this.#world;
    const { memory } = platform;
    const address = RACES + this.#index * PAGE;
    const range = memory.allocate(PAGE, MemoryKind.Anonymous);
    memory.mapInto(space.native, address, range, RW, false);
    const [block] = memory.mapInternal(range, Access.Read);
    const word = new BigUint64Array(
      (block as Uint8Array).buffer,
      (block as Uint8Array).byteOffset,
      1,
    );
    this.#registers.setNumber(Register.Rip, STORES_AT);
    this.#registers.setNumber(Register.Rdi, address);
    this.#registers.setNumber(Register.Rax, 0);
    const pending = this.#switch(space, false);
    while (word[0] === 0n) await new Promise(setImmediate);
    const narrows = random.chance(0.5);
    if (narrows) memory.mapInto(space.native, address, range, Access.Read, false);
    else space.native.unmap(address, PAGE);
    const last = word[0];
    for (let i = 0; i < 5; i++) {
      await new Promise(setImmediate);
      check(word[0] === last, 'a store has landed behind an unmap or a narrowing');
    }
    check((await pending) === SwitchResult.Signal, 'stores went on');
    this.#checkSignal(address, narrows ? ACCERR : MAPERR, Access.Write);
    space.native.unmap(address, PAGE);
    memory.decRef(range);
    this.#world.count('race');
  }

  #replaceContext(): void {
    const state = this.#context.getExtendedState();
    const gone = this.#context;
    this.dispose();
    gone.interrupt();
    this.#context = this.#newContext();
    this.#context.setExtendedState(state);
    this.#world.count('new context');
  }

  #replaceSpace(): void {
    const { spaces } = this.#world;
    const index = this.#random.below(spaces.length);
    const space = spaces[index] as Space;
    if (space.holders > 0) return;
    spaces.splice(index, 1);
    space.release();
    space.native.release();
    this.#world.newSpace();
    this.#world.count('new space');
  }

  #replacePiece(): void {
    const { pieces, spaces } = this.#world;
    const index = this.#random.below(pieces.length);
    const piece = pieces[index];
    if (piece === undefined || piece.isLocked) return;
    for (const space of spaces) {
      for (let page = 0; page < PAGES; page++)
        if (space.pages[page]?.piece === piece) space.unmap(page, 1);
    }
    check(piece.mapped === 0, 'a piece is mapped in no space and somewhere all the same');
    piece.verify();
    pieces.splice(index, 1);
    piece.free();
    this.#world.newPiece();
    this.#world.count('new piece');
  }

  #decommit(): void {
    const piece = this.#random.pick(this.#world.pieces);
    const first = this.#random.below(piece.pages);
    const count = 1 + this.#random.below(piece.pages - first);
    if (piece.locked.subarray(first, first + count).includes(1)) return;
    piece.decommit(first, count);
    this.#world.count('decommit');
  }
}

/** Bytes that `act` has done of `length`, by its `SegmentationFault`, which must name the address. */
function doneBeforeFault(address: number, length: number, act: () => void): number {
  try {
    act();
    return length;
  } catch (error) {
    if (!(error instanceof SegmentationFault)) throw error;
    check(error.address === address + error.done, 'a fault names another address than its count');
    return error.done;
  }
}
