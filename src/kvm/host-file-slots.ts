/**
 * Which parts of which host files lie in guest-physical memory. A window is a run of a file's bytes; all address
 * spaces share it, and it goes with the last mapping of one of its pages, as the file does with its last window.
 */
import type { NativeMachine } from '../host/native.js';
import { HostFile, identifyFile } from '../memory/host-file.js';
import type { AccessType } from '../platform/access.js';
import { PAGE_SIZE, type FileRange } from '../platform/file-range.js';
import { AREA_UNIT, FileArea, type AreaPart } from './file-area.js';

interface Window {
  /** Offsets in the file. */
  readonly start: number;
  readonly end: number;
  readonly part: AreaPart;
  /** Pages of it that are mapped, each counted for every mapping. */
  pages: number;
}

/** A run of a file in guest-physical memory. */
export interface Piece {
  readonly gpa: number;
  readonly length: number;
}

export class MappedFile {
  /** Sorted. */
  readonly windows: Window[] = [];

  constructor(readonly host: HostFile) {}

  /** Index of the first window that ends behind `offset`. */
  indexOf(offset: number): number {
    let low = 0;
    let high = this.windows.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.windows[middle] as Window).end <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  windowAt(offset: number): Window | undefined {
    const window = this.windows[this.indexOf(offset)];
    return window !== undefined && window.start <= offset ? window : undefined;
  }
}

export class HostFileSlots {
  readonly #area: FileArea;
  readonly #files = new Map<string, MappedFile>();

  constructor(machine: NativeMachine) {
    this.#area = new FileArea(machine);
  }

  /** What it holds of the host: for tests of leaks. */
  get holdings(): { files: number; windows: number; slots: number } {
    return { files: this.#files.size, windows: this.#area.parts, slots: this.#area.slots };
  }

  /** The file behind `fd`, which the caller may close; `range` of it has a place from now on. */
  open(fd: number, range: FileRange, access: AccessType): MappedFile {
    const identity = identifyFile(fd, access);
    const file = this.#files.get(identity.key) ?? new MappedFile(new HostFile(fd, identity));
    this.#files.set(identity.key, file);
    this.#retain(file, range);
    return file;
  }

  /** Undoes `open` for `range`, in any division. No page table may refer to it for that `open` any more. */
  release(file: MappedFile, range: FileRange): void {
    for (const { window, start, end } of windowsOf(file, range)) {
      window.pages -= (end - start) / PAGE_SIZE;
      if (window.pages > 0) continue;
      file.windows.splice(file.indexOf(window.start), 1);
      this.#area.vacate(window.part);
    }
    this.#closeUnused(file);
  }

  /** Where `range` lies, which is open. */
  *pieces(file: MappedFile, range: FileRange): Generator<Piece> {
    for (const { window, start, end } of windowsOf(file, range)) {
      yield { gpa: this.#area.gpaOf(window.part) + start - window.start, length: end - start };
    }
  }

  #retain(file: MappedFile, range: FileRange): void {
    let from = range.start;
    try {
      while (from < range.end) {
        const window = file.windowAt(from) ?? this.#openWindow(file, from, range.end);
        const end = Math.min(range.end, window.end);
        window.pages += (end - from) / PAGE_SIZE;
        from = end;
      }
    } catch (error) {
      this.release(file, { start: range.start, end: from });
      throw error;
    }
  }

  /** A new window that holds `from`, and reaches to the next one or to `end` if there is room. */
  #openWindow(file: MappedFile, from: number, end: number): Window {
    const index = file.indexOf(from);
    const start = from - (from % AREA_UNIT);
    const next = file.windows[index]?.start ?? Infinity;
    const length = Math.min(next, Math.ceil(end / AREA_UNIT) * AREA_UNIT) - start;
    const part = this.#area.place(file.host, start, length);
    const window = { start, end: start + part.length, part, pages: 0 };
    file.windows.splice(index, 0, window);
    return window;
  }

  #closeUnused(file: MappedFile): void {
    if (file.windows.length > 0) return;
    this.#files.delete(file.host.key);
    file.host.close();
  }
}

/** The windows that hold `range`, each with the part of it that it holds. */
function* windowsOf(
  file: MappedFile,
  range: FileRange,
): Generator<{ window: Window; start: number; end: number }> {
  for (let start = range.start; start < range.end;) {
    const window = file.windowAt(start) as Window;
    const end = Math.min(range.end, window.end);
    yield { window, start, end };
    start = end;
  }
}
