/** What the host does to address spaces and memory, at random and beside the model. */
import { Access } from '../../src/platform/access.js';
import { SegmentationFault } from '../../src/platform/errors.js';
import type { Random } from '../contract/random.js';
import { COUNTERS } from './guest-code.js';
import { BASE, check, PAGE, PAGES, type Space } from './model.js';
import { COUNTER_WORDS, type World } from './world.js';

const RW = Access.Read | Access.Write;
const LARGE_PAGES = 512;

/** Often the first ones, which more is mapped at. */
export function pageNear(random: Random, page: number): number {
  return random.chance(0.7) ? page % 96 : page;
}

export class HostOperations {
  readonly #world: World;
  readonly #random: Random;

  constructor(world: World, random: Random) {
    this.#world = world;
    this.#random = random;
  }

  map(): void {
    const random = this.#random;
    const space = random.pick(this.#world.spaces);
    const piece = random.pick(this.#world.pieces);
    const isLarge = piece.pages >= LARGE_PAGES && random.chance(0.6);
    const first = isLarge
      ? random.pick([0, LARGE_PAGES, 7])
      : pageNear(random, random.below(PAGES));
    const page = isLarge ? 0 : random.below(piece.pages);
    const most = Math.min(piece.pages - page, PAGES - first);
    const count = isLarge ? Math.min(LARGE_PAGES, most) : 1 + random.below(Math.min(most, 24));
    if (space.isLocked(first, count)) return;
    const access = random.chance(0.6) ? RW : 1 + random.below(7);
    space.map(this.#world.platform, first, count, { piece, page, access });
    this.#world.count('map');
  }

  unmap(): void {
    const random = this.#random;
    const space = random.pick(this.#world.spaces);
    const first = pageNear(random, random.below(PAGES));
    const count = Math.min(PAGES - first, random.chance(0.1) ? PAGES : 1 + random.below(16));
    if (space.isLocked(first, count)) return;
    space.unmap(first, count);
    this.#world.count('unmap');
  }

  /** Somewhere, with nobody at it. */
  #place(): { space: Space; at: number; length: number } | undefined {
    const random = this.#random;
    const space = random.pick(this.#world.spaces);
    const at = pageNear(random, random.below(PAGES)) * PAGE + random.below(PAGE);
    const wanted = random.chance(0.5) ? 1 + random.below(64) : 1 + random.below(3 * PAGE);
    const length = Math.min(wanted, PAGES * PAGE - at);
    const first = Math.floor(at / PAGE);
    const count = Math.ceil((at + length) / PAGE) - first;
    return space.holdsLocked(first, count) ? undefined : { space, at, length };
  }

  copyOut(): void {
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

  copyIn(): void {
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

  zeroOut(): void {
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
  atomic(): void {
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
    const page = pageNear(this.#random, this.#random.below(PAGES));
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

  replaceSpace(): void {
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

  replacePiece(): void {
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

  decommit(): void {
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
