/** One guest thread that does something at random, again and again, and checks it. */
import { interruptContext } from '../../src/host/interrupt-context.js';
import { Access } from '../../src/platform/access.js';
import { MemoryKind, SwitchResult, type Context } from '../../src/platform/contract.js';
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
import { HostOperations, pageNear } from './host-operations.js';
import { BASE, check, PAGE, PAGES, type Mapping, type Space } from './model.js';
import { COUNTER_WORDS, type World } from './world.js';

const SIGSEGV = 11;
const MAPERR = 1;
const ACCERR = 2;
const RW = Access.Read | Access.Write;

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
  readonly #host: HostOperations;
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
    this.#host = new HostOperations(world, this.#random);
    this.#context = this.#newContext();
  }

  /** One operation. `others`: whom it may interrupt. */
  async act(others: readonly Actor[]): Promise<void> {
    const random = this.#random;
    const choice = random.below(100);
    if (choice < 25) await this.#hold((space) => this.#runScript(space, false));
    else if (choice < 38) await this.#hold((space) => this.#runScript(space, true));
    else if (choice < 46) this.#host.map();
    else if (choice < 51) this.#host.unmap();
    else if (choice < 58) this.#host.copyOut();
    else if (choice < 65) this.#host.copyIn();
    else if (choice < 69) this.#host.zeroOut();
    else if (choice < 75) this.#host.atomic();
    else if (choice < 84) random.pick(others).interrupt(random.chance(0.5));
    else if (choice < 86) await this.#preempt();
    else if (choice < 90) await this.#hold((space) => this.#race(space));
    else if (choice < 93) this.#replaceContext();
    else if (choice < 95) this.#host.replaceSpace();
    else if (choice < 98) this.#host.replacePiece();
    else this.#host.decommit();
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
        const page = pageNear(random, random.below(PAGES));
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
}
