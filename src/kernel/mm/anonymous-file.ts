/** The file behind shared anonymous memory: pages that exist from the first touch to the last unmapping. */
import { PAGE_SIZE, type FileRange } from '../../platform/file-range.js';
import { MemoryKind } from '../../platform/contract.js';
import { OutOfMemoryError } from '../../platform/errors.js';
import { Errno } from '../abi/errno.js';
import type { GuestMemory } from '../guest.js';
import type { Mappable, MappedFile, MappingObserver } from './mappable.js';

const CHUNK = 64 * 1024;
let lastInode = 0;

export class AnonymousFile implements Mappable {
  /** Frames by file offset of their chunk. */
  readonly #chunks = new Map<number, FileRange>();
  #mappings = 0;

  private constructor(
    readonly memory: GuestMemory,
    readonly length: number,
  ) {}

  /** A file of `length` bytes, a multiple of the page size, as mmap(2) with MAP_SHARED|MAP_ANONYMOUS maps it. */
  static create(memory: GuestMemory, length: number): MappedFile {
    return {
      mappable: new AnonymousFile(memory, length),
      name: '/dev/zero (deleted)',
      device: 1,
      inode: ++lastInode,
      readable: true,
      writable: true,
      noExecute: false,
    };
  }

  pageAt(offset: number, maxLength: number): FileRange | undefined | number {
    if (offset >= this.length) return undefined;
    const start = offset - (offset % CHUNK);
    const chunk = this.#chunks.get(start) ?? this.#allocate(start);
    if (typeof chunk === 'number') return chunk;
    const frame = chunk.start + (offset - start);
    return { start: frame, end: Math.min(frame + Math.max(maxLength, PAGE_SIZE), chunk.end) };
  }

  removePages(start: number, end: number): number {
    for (let at = start; at < end;) {
      const first = at - (at % CHUNK);
      const stop = Math.min(first + CHUNK, end, this.length);
      const chunk = this.#chunks.get(first);
      if (stop <= at) break;
      if (chunk !== undefined) {
        const frame = chunk.start - first;
        this.memory.decommit({ start: frame + at, end: frame + stop });
      }
      at = stop;
    }
    return 0;
  }

  attach(_observer: MappingObserver): void {
    this.#mappings++;
  }

  detach(_observer: MappingObserver): void {
    if (--this.#mappings > 0) return;
    for (const chunk of this.#chunks.values()) this.memory.decRef(chunk);
    this.#chunks.clear();
  }

  #allocate(start: number): FileRange | number {
    try {
      const length = Math.min(CHUNK, this.length - start);
      const chunk = this.memory.allocate(length, MemoryKind.Tmpfs);
      this.#chunks.set(start, chunk);
      return chunk;
    } catch (error) {
      if (error instanceof OutOfMemoryError) return -Errno.ENOMEM;
      throw error;
    }
  }
}
