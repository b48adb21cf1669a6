/** A memfd and this process's mapping of it, seen in chunks. */
import { native, type NativeMemoryFile } from '../host/native.js';
import { PlatformError } from '../platform/errors.js';
import type { FileRange } from '../platform/file-range.js';

/** Unit of memory slots. */
export const CHUNK_SIZE = 64 * 1024 * 1024;

/**
 * Unit of views. V8 counts a view as so much memory that collecting garbage may free, and collects the sooner: when it
 * was a whole chunk, every small sandbox made it collect everything.
 */
export const VIEW_SIZE = 8 * 1024 * 1024;

/** Ranges asked of the host at a time. */
const EXTENTS_AT_ONCE = 256;

export class FileMapping {
  readonly native: NativeMemoryFile;
  /** Bytes of the file, whole chunks. */
  readonly size: number;
  readonly #views: (Uint8Array | undefined)[] = [];
  #destroyed = false;

  constructor(leastSize: number) {
    this.size = Math.ceil(leastSize / CHUNK_SIZE) * CHUNK_SIZE;
    this.native = new native.MemoryFile(this.size);
  }

  get destroyed(): boolean {
    return this.#destroyed;
  }

  /** Views that cover `range`, in order. */
  blocks(range: FileRange): Uint8Array[] {
    const first = Math.floor(range.start / VIEW_SIZE);
    if (range.end <= (first + 1) * VIEW_SIZE) return [this.#view(first, range.start, range.end)];
    const blocks: Uint8Array[] = [];
    for (let at = range.start; at < range.end;) {
      const index = Math.floor(at / VIEW_SIZE);
      const end = Math.min(range.end, (index + 1) * VIEW_SIZE);
      blocks.push(this.#view(index, at, end));
      at = end;
    }
    return blocks;
  }

  /** Gives `range` back to the host; it reads as zeroes after. */
  decommit(range: FileRange): void {
    this.checkUsable();
    const status = this.native.decommit(range.start, range.end - range.start);
    if (status < 0) {
      throw new PlatformError(`cannot give memory back to the host: errno ${-status}`);
    }
  }

  /** What the host holds of `range`, in order: pages that have been touched (lseek(2), SEEK_DATA). */
  *committed(range: FileRange): Generator<FileRange> {
    const found = new Float64Array(2 * EXTENTS_AT_ONCE);
    for (let from = range.start; from < range.end;) {
      this.checkUsable();
      const count = this.native.extents(from, range.end, found);
      if (count < 0) throw new PlatformError(`cannot seek in the memory file: errno ${-count}`);
      for (let at = 0; at < count; at += 2) {
        yield { start: found[at] as number, end: found[at + 1] as number };
      }
      if (count < found.length) return;
      from = found[count - 1] as number;
    }
  }

  /** Takes over the contents of a mapping of the same size, and destroys that. */
  moveFrom(other: FileMapping): void {
    this.checkUsable();
    const status = this.native.moveFrom(other.native);
    if (status < 0) throw new PlatformError(`cannot move memory: errno ${-status}`);
    other.destroy();
  }

  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    this.#views.length = 0;
    this.native.destroy();
  }

  /** @throws {PlatformError} where it has been destroyed */
  checkUsable(): void {
    if (this.#destroyed) throw new PlatformError('the memory file has been destroyed');
  }

  #view(index: number, start: number, end: number): Uint8Array {
    const base = index * VIEW_SIZE;
    const whole = (this.#views[index] ??= this.#mapView(base));
    return whole.subarray(start - base, end - base);
  }

  #mapView(base: number): Uint8Array {
    this.checkUsable();
    return new Uint8Array(this.native.view(base, VIEW_SIZE));
  }
}
