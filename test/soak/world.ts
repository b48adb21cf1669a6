/** A platform with what the actors of the soak share: memory, address spaces, counters. */
import { Access } from '../../src/platform/access.js';
import { MemoryKind, type Platform } from '../../src/platform/contract.js';
import type { FileRange } from '../../src/platform/file-range.js';
import type { PlatformUnderTest } from '../contract/platforms.js';
import { Random } from '../contract/random.js';
import { stubsOf } from '../ptrace/stubs.js';
import { CODE, code, COUNTERS, SCRIPTS } from './guest-code.js';
import { check, PAGE, Piece, Space } from './model.js';

export const ACTORS = 8;
export const COUNTER_WORDS = 4;
const PIECES = 30;
const SPACES = 3;
const RW = Access.Read | Access.Write;

/** Tables of KVM's that a vCPU has for its system pages, from its first switch to the end of the platform. */
const VCPU_TABLES = 3;

export class World {
  readonly platform: Platform;
  readonly random: Random;
  readonly pieces: Piece[] = [];
  readonly spaces: Space[] = [];
  /** Of each kind of operation. */
  readonly counts = new Map<string, number>();
  /** What the guests' counters should come to. */
  readonly counted = new Array<number>(COUNTER_WORDS).fill(0);
  /** preemptAllCpus was called: any switch may say so. */
  preempts = 0;
  /** The contexts' numbers, for the worker that interrupts them. */
  readonly contexts: Float64Array;
  readonly #under: PlatformUnderTest;
  readonly #code: FileRange;
  readonly #counters: FileRange;
  readonly #scripts: FileRange;
  readonly #tables: number;

  constructor(under: PlatformUnderTest, seed: number, contexts: Float64Array) {
    this.#under = under;
    this.random = new Random(seed);
    this.contexts = contexts;
    this.platform = under.create({
      memoryLimit: 512 * 1024 * 1024,
      vcpus: 1 + this.random.below(3),
    });
    this.#tables = under.tables(this.platform);
    const { memory } = this.platform;
    this.#code = memory.allocate(PAGE, MemoryKind.System);
    memory.mapInternal(this.#code, Access.Write)[0]?.set(code);
    this.#counters = memory.allocate(PAGE, MemoryKind.System);
    this.#scripts = memory.allocate(ACTORS * PAGE, MemoryKind.System);
    for (let i = 0; i < PIECES; i++) this.newPiece();
    for (let i = 0; i < SPACES; i++) this.newSpace();
  }

  count(kind: string): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
  }

  newPiece(): void {
    // Some of them hold a large page, or two, or nearly.
    const pages = this.random.chance(0.1)
      ? 500 + this.random.below(600)
      : 1 + this.random.below(16);
    this.pieces.push(new Piece(this.platform, pages));
  }

  newSpace(): void {
    const native = this.platform.newAddressSpace();
    if (native instanceof Promise) throw new Error('no address space at once');
    const { memory } = this.platform;
    memory.mapInto(native, CODE, this.#code, Access.Read | Access.Execute, false);
    memory.mapInto(native, SCRIPTS, this.#scripts, RW, false);
    memory.mapInto(native, COUNTERS, this.#counters, RW, false);
    this.spaces.push(new Space(native));
  }

  /** The host's view of an actor's script. */
  script(actor: number): DataView {
    const start = this.#scripts.start + actor * PAGE;
    const range = { start, end: start + PAGE };
    const [block] = this.platform.memory.mapInternal(range, Access.Write);
    if (block === undefined) throw new Error('no mapping of ours');
    return new DataView(block.buffer, block.byteOffset, block.length);
  }

  /** Compares all there is with the model, with nobody at work. */
  verify(): void {
    for (const piece of this.pieces) piece.verify();
    const [words] = this.platform.memory.mapInternal(this.#counters, Access.Read);
    const view = new DataView((words as Uint8Array).buffer, (words as Uint8Array).byteOffset);
    for (const [word, expected] of this.counted.entries()) {
      const found = view.getUint32(word * 64, true);
      check(found === expected % 2 ** 32, `counter ${word} is ${found}, not ${expected}`);
    }
  }

  /** Gives everything back, and finds nothing left of it. */
  dispose(): void {
    for (const space of this.spaces) space.release();
    for (const piece of this.pieces) {
      check(piece.mapped === 0, 'a piece is still mapped in the model');
      piece.free();
    }
    const { memory } = this.platform;
    for (const range of [this.#code, this.#counters, this.#scripts]) memory.decRef(range);
    check(memory.allocated === 0, `${memory.allocated} bytes are still allocated`);
    const left = this.#under.tables(this.platform) - this.#tables;
    const isOfVcpus = left % VCPU_TABLES === 0 && left <= VCPU_TABLES * this.platform.vcpus;
    const isExpected = this.#under.name === 'ptrace' ? left === 0 : left >= 0 && isOfVcpus;
    check(isExpected, `${left} pages of tables or mappings are left`);
    memory.updateUsage();
    const { system, anonymous, pageCache, tmpfs, free } = memory.usage;
    const used = system + anonymous + pageCache + tmpfs;
    check(used === 0, `${used} bytes are still in use`);
    check(free === memory.totalUsage(), 'usage is not what the host says');
    this.platform.dispose();
    check(stubsOf().length === 0, 'a stub process is left');
  }
}
