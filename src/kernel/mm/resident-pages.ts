/** The frames behind the mappings of one address space, as runs, and their translations in the platform. */
import { Access, type AccessType } from '../../platform/access.js';
import { OutOfMemoryError } from '../../platform/errors.js';
import type { FileRange } from '../../platform/file-range.js';
import type { GuestAddressSpace, GuestMemory } from '../guest.js';
import { copyFrames } from './copy-frames.js';
import { IntervalList, type Interval } from './interval-list.js';

/** Contiguous pages backed by contiguous frames, all treated alike. Holds one reference to each frame. */
export interface PageRun extends Interval {
  /** Offset in guest memory of the frame behind `start`. */
  frame: number;
  /** Access of the translations; 0: none are there. */
  access: AccessType;
  /** A write must come to the pager first: to copy the page, or to tell the file. */
  writeProtected: boolean;
  /** The frames belong to the address space, not to a file. */
  readonly owned: boolean;
  /** One page of an image, owned, with system calls rewritten (call-sites.ts): as good as the file's at any time. */
  readonly rewritten: boolean;
  /** Written since a fork left them shared: as likely as not behind the next one too, which copies them at once. */
  hot: boolean;
}

/** How pages are held. */
export interface Holding {
  readonly owned: boolean;
  readonly writeProtected: boolean;
  readonly rewritten?: boolean;
  readonly hot?: boolean;
}

/** Arguments of one call lie on the stack, which is not without end. */
const INSERTED_AT_ONCE = 4096;
/** More runs than these, forked together, are protected together. */
const FRAGMENTS = 64;
/** Bytes that a fork copies at once: less than the two faults cost that they spare, of either side. */
const MOST_COPIED = 512 * 1024;

export class ResidentPages {
  readonly #runs = new IntervalList<PageRun>();
  /** Bytes resident, now and at most. */
  bytes = 0;
  #peakBytes = 0;
  /** Times that rewritten pages have gone. */
  rewrittenLost = 0;

  constructor(
    readonly addressSpace: GuestAddressSpace,
    readonly memory: GuestMemory,
  ) {}

  get peakBytes(): number {
    return (this.#peakBytes = Math.max(this.#peakBytes, this.bytes));
  }

  get runCount(): number {
    return this.#runs.length;
  }

  find(address: number): PageRun | undefined {
    return this.#runs.find(address);
  }

  overlapping(start: number, end: number): PageRun[] {
    return this.#runs.overlapping(start, end);
  }

  /** The widest hole around `address` inside [low, high). `address` is not resident. */
  holeAround(address: number, low: number, high: number): Interval {
    const index = this.#runs.indexFrom(address);
    const before = index > 0 ? this.#runs.at(index - 1) : undefined;
    const after = this.#runs.at(index);
    return {
      start: Math.max(low, before?.end ?? 0),
      end: Math.min(high, after?.start ?? high),
    };
  }

  /** Puts frames, whose reference is handed over, behind pages that have none. */
  add(start: number, frames: FileRange, access: AccessType, how: Holding): void {
    const run: PageRun = {
      start,
      end: start + (frames.end - frames.start),
      frame: frames.start,
      access: effectiveAccess(access, how.writeProtected),
      writeProtected: how.writeProtected,
      owned: how.owned,
      rewritten: how.rewritten === true,
      hot: how.hot === true,
    };
    this.#translate(run, this.addressSpace.prefersPrecommit);
    this.bytes += run.end - run.start;
    const index = this.#runs.insert(run);
    this.#mergeAround(index);
  }

  /** Puts other frames behind pages that are all resident; the old frames are given back. */
  replace(start: number, frames: FileRange, access: AccessType, how: Holding): void {
    const old = this.#cut(start, start + (frames.end - frames.start));
    try {
      this.add(start, frames, access, how);
    } catch (error) {
      this.#restore(old);
      throw error;
    }
    for (const run of old) this.#release(run);
  }

  /** Gives back every page of [start, end); with `onlyFile` those that belong to a file. */
  drop(start: number, end: number, onlyFile = false): void {
    if (!this.#runs.occupied(start, end)) return;
    const runs = this.#cut(start, end);
    const gone = onlyFile ? runs.filter((run) => !run.owned || run.rewritten) : runs;
    if (gone.length < runs.length) {
      this.#restore(runs.filter((run) => run.owned && !run.rewritten));
      this.#untranslate(gone);
    } else {
      this.#untranslateAll(gone);
    }
    for (const run of gone) this.#release(run);
  }

  /** Gives back pages of [start, end), those of at most `most` runs: gives where the rest begins. */
  dropSome(start: number, end: number, most: number): number {
    const next = this.#runs.at(this.#runs.indexFrom(start) + most)?.start ?? Infinity;
    const stop = Math.min(next, end);
    this.drop(start, stop);
    return stop;
  }

  /** Gives the translations of [start, end) the access of their mapping. */
  protect(start: number, end: number, access: AccessType): void {
    if (!this.#runs.occupied(start, end)) return;
    const runs = this.#withoutRewritten(this.#cut(start, end));
    const changed = runs.filter(
      (run) => run.access !== effectiveAccess(access, run.writeProtected),
    );
    try {
      if (access === 0) this.#untranslate(changed);
      for (const run of changed) {
        run.access = effectiveAccess(access, run.writeProtected);
        this.#translate(run);
      }
    } finally {
      this.#restore(runs);
    }
  }

  /** Takes [from, from + length) to `to`, where nothing is resident. The ranges do not overlap. */
  move(from: number, length: number, to: number): void {
    const runs = this.#withoutRewritten(this.#cut(from, from + length));
    this.#untranslateAll(runs);
    for (const run of runs) {
      run.end += to - from;
      run.start += to - from;
    }
    this.#restore(runs);
    try {
      for (const run of runs) this.#translate(run);
    } catch (error) {
      // What cannot be translated now is when it is touched.
      if (!(error instanceof OutOfMemoryError)) throw error;
    }
  }

  /**
   * Puts the same frames behind the same pages of `child`, where nothing is resident, for `most` runs from `from` on:
   * gives where the next begins, or `Infinity`. Pages of this address space's own are write-protected on both sides,
   * so that whoever writes first gets a copy; where nobody writes meanwhile, `isQuiet`, hot ones are copied now.
   */
  forkInto(child: ResidentPages, from: number, most: number, isQuiet: boolean): number {
    const end = this.#runs.at(this.#runs.indexFrom(from) + most)?.start ?? Infinity;
    const runs = this.#cut(from, end);
    try {
      // Where nothing is mapped a translation is cheap; each change of one is paid for by a flush.
      const isFragmented = runs.length > FRAGMENTS && runs.some(isWritable);
      if (isFragmented) this.#untranslateAll(runs);
      let left = isQuiet ? MOST_COPIED : 0;
      for (const run of runs) {
        const isCopied = run.hot && isWritable(run) && sizeOf(run) <= left && child.#adoptCopy(run);
        if (isFragmented && (isCopied || !isWritable(run))) this.#translate(run);
        if (isCopied) {
          left -= sizeOf(run);
          continue;
        }
        this.#protectForFork(run);
        child.#adopt(run);
      }
    } finally {
      this.#restore(runs);
    }
    return end;
  }

  #protectForFork(run: PageRun): void {
    if (!run.owned || run.writeProtected) return;
    const access = effectiveAccess(run.access, true);
    // Recorded only once it is so: a page that can still be written must not be shared.
    if (access !== run.access) this.#translate({ ...run, access });
    run.access = access;
    run.writeProtected = true;
  }

  /** Takes over a copy of another's run, with references of its own. It lies behind all that are here. */
  #adopt(run: PageRun): void {
    const copy = { ...run };
    const frames = { start: run.frame, end: run.frame + (run.end - run.start) };
    this.#translate(copy);
    this.memory.incRef(frames);
    this.bytes += run.end - run.start;
    this.#runs.insertAt(this.#runs.length, copy);
  }

  /** The same with a copy of the frames. False where there is no memory for it. */
  #adoptCopy(run: PageRun): boolean {
    let frames: FileRange;
    try {
      frames = copyFrames(this.memory, { start: run.frame, end: run.frame + sizeOf(run) });
    } catch (error) {
      if (error instanceof OutOfMemoryError) return false;
      throw error;
    }
    const copy = { ...run, frame: frames.start };
    try {
      this.#translate(copy, this.addressSpace.prefersPrecommit);
    } catch (error) {
      this.memory.decRef(frames);
      throw error;
    }
    this.bytes += sizeOf(run);
    this.#runs.insertAt(this.#runs.length, copy);
    return true;
  }

  /** Lets pages be written that a fork had protected, where nobody else holds their frames any more. */
  unprotect(start: number, end: number, access: AccessType): void {
    const runs = this.#cut(start, end);
    for (const run of runs) {
      run.writeProtected = false;
      run.hot = true;
      run.access = access;
      this.#translate(run);
    }
    this.#restore(runs);
  }

  /** Writes a page's translation again, where a fault says that it is not as recorded. */
  retranslate(address: number, length: number): void {
    const run = this.#runs.find(address);
    if (run === undefined || run.access === 0) return;
    const frame = run.frame + (address - run.start);
    const range = { start: frame, end: frame + length };
    this.memory.mapInto(this.addressSpace, address, range, run.access, false);
  }

  /** Gives everything back. The address space is about to go or has gone: translations are left alone. */
  releaseAll(): void {
    for (const run of this.#runs) this.#release(run);
    this.#runs.clear();
  }

  /** Gives up, of runs that have been cut out, those that are rewritten: the file's pages will do. */
  #withoutRewritten(runs: PageRun[]): PageRun[] {
    const rewritten = runs.filter((run) => run.rewritten);
    if (rewritten.length === 0) return runs;
    this.#untranslate(rewritten);
    for (const run of rewritten) this.#release(run);
    return runs.filter((run) => !run.rewritten);
  }

  #translate(run: PageRun, precommit = false): void {
    if (run.access === 0) return;
    const range = { start: run.frame, end: run.frame + (run.end - run.start) };
    this.memory.mapInto(this.addressSpace, run.start, range, run.access, precommit);
  }

  /** In one call, where between the runs nothing is resident. */
  #untranslateAll(runs: readonly PageRun[]): void {
    const [first, last] = [runs[0], runs[runs.length - 1]];
    if (first === undefined || last === undefined) return;
    this.addressSpace.unmap(first.start, last.end - first.start);
  }

  /** One call for runs that lie side by side: unmapping costs by the call. */
  #untranslate(runs: readonly PageRun[]): void {
    let start = 0;
    let end = -1;
    for (const run of runs) {
      if (run.access === 0) continue;
      if (run.start !== end) {
        if (end > start) this.addressSpace.unmap(start, end - start);
        start = run.start;
      }
      end = run.end;
    }
    if (end > start) this.addressSpace.unmap(start, end - start);
  }

  #release(run: PageRun): void {
    if (run.rewritten) this.rewrittenLost++;
    if (this.bytes > this.#peakBytes) this.#peakBytes = this.bytes;
    this.bytes -= run.end - run.start;
    this.memory.decRef({ start: run.frame, end: run.frame + (run.end - run.start) });
  }

  /** Takes [start, end) out of the record, splitting runs that reach across; their frames stay referenced. */
  #cut(start: number, end: number): PageRun[] {
    const index = this.#runs.indexFrom(start);
    const runs = this.#runs.overlapping(start, end);
    const first = runs[0];
    const last = runs[runs.length - 1];
    if (first === undefined || last === undefined) return runs;
    const before = first.start < start ? part(first, first.start, start) : undefined;
    const after = last.end > end ? part(last, end, last.end) : undefined;
    this.#runs.removeAt(index, runs.length);
    if (after !== undefined) this.#runs.insertAt(index, after);
    if (before !== undefined) this.#runs.insertAt(index, before);
    return runs.map((run) => part(run, Math.max(run.start, start), Math.min(run.end, end)));
  }

  /** Puts neighbouring runs back into the record, in one piece: there may be very many. */
  #restore(runs: readonly PageRun[]): void {
    const first = runs[0];
    if (first === undefined) return;
    let index = this.#runs.indexFrom(first.start);
    const merged = mergeRuns(runs);
    for (let at = 0; at < merged.length; at += INSERTED_AT_ONCE) {
      const part = merged.slice(at, at + INSERTED_AT_ONCE);
      this.#runs.insertAt(index + at, ...part);
    }
    index += merged.length - 1;
    this.#mergeAround(index);
    if (merged.length > 1) this.#mergeAround(this.#runs.indexFrom(first.start));
  }

  #mergeAround(index: number): void {
    const run = this.#runs.at(index) as PageRun;
    const next = this.#runs.at(index + 1);
    if (next !== undefined && continues(run, next)) {
      run.end = next.end;
      this.#runs.removeAt(index + 1);
    }
    const previous = this.#runs.at(index - 1);
    if (previous !== undefined && continues(previous, run)) {
      previous.end = run.end;
      this.#runs.removeAt(index);
    }
  }
}

function effectiveAccess(access: AccessType, writeProtected: boolean): AccessType {
  return writeProtected ? access & ~Access.Write : access;
}

function sizeOf(run: PageRun): number {
  return run.end - run.start;
}

/** A fork has to protect it. */
function isWritable(run: PageRun): boolean {
  return run.owned && (run.access & Access.Write) !== 0;
}

function mergeRuns(runs: readonly PageRun[]): PageRun[] {
  const merged: PageRun[] = [];
  for (const run of runs) {
    const last = merged[merged.length - 1];
    if (last !== undefined && continues(last, run)) last.end = run.end;
    else merged.push(run);
  }
  return merged;
}

function part(run: PageRun, start: number, end: number): PageRun {
  return { ...run, start, end, frame: run.frame + (start - run.start) };
}

function continues(run: PageRun, next: PageRun): boolean {
  return (
    run.end === next.start &&
    run.frame + (run.end - run.start) === next.frame &&
    run.access === next.access &&
    run.writeProtected === next.writeProtected &&
    run.owned === next.owned &&
    run.rewritten === next.rewritten &&
    run.hot === next.hot
  );
}
