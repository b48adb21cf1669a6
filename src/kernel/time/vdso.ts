/** The vDSO (vdso(7)) of every process: the page that tells the time, and behind it the code that reads it. */
import { hostTrustsCounter, startGuestClock, vdsoImage, type GuestClock } from '../../host/vdso.js';
import { Access } from '../../platform/access.js';
import { MemoryKind } from '../../platform/contract.js';
import { OutOfMemoryError } from '../../platform/errors.js';
import { PAGE_SIZE, pageRoundUp, type FileRange } from '../../platform/file-range.js';
import { Errno } from '../abi/errno.js';
import type { GuestMemory, GuestPlatform } from '../guest.js';
import type { Mappable, MappedFile } from '../mm/mappable.js';
import type { MemoryManager } from '../mm/memory-manager.js';
import { findFree } from '../mm/mmap.js';

/** Milliseconds between two looks at the host's clock, sooner at first: the counter's rate is not known well yet. */
const FIRST_LOOKS = [20, 100, 300];
const USUAL_LOOK = 1000;

/** One for a kernel; it holds memory and a timer only while a process maps it. */
export class Vdso implements Mappable {
  readonly #memory: GuestMemory;
  readonly #image: Buffer;
  #frames: FileRange | undefined;
  #mappings = 0;
  #clock: GuestClock | undefined;
  #timer: NodeJS.Timeout | undefined;
  #looks = 0;

  private constructor(memory: GuestMemory) {
    this.#memory = memory;
    this.#image = vdsoImage();
  }

  /** `undefined` where the guest's counter does not tell the host's time: programs ask by system calls then. */
  static create(platform: GuestPlatform): Vdso | undefined {
    const isUsable = platform.hasHostCounter && hostTrustsCounter();
    return isUsable ? new Vdso(platform.memory) : undefined;
  }

  get length(): number {
    return PAGE_SIZE + pageRoundUp(this.#image.length);
  }

  /** Maps it where there is room; gives the address of the image, for AT_SYSINFO_EHDR, or -errno. */
  mapInto(mm: MemoryManager): number {
    const start = findFree(mm, this.length);
    if (start < 0) return start;
    const code = start + PAGE_SIZE;
    this.#insert(mm, start, code, Access.Read, '[vvar]', 0);
    this.#insert(mm, code, start + this.length, Access.Read | Access.Execute, '[vdso]', PAGE_SIZE);
    return code;
  }

  pageAt(offset: number, maxLength: number): FileRange | undefined | number {
    if (offset >= this.length) return undefined;
    try {
      this.#frames ??= this.#fill();
    } catch (error) {
      if (error instanceof OutOfMemoryError) return -Errno.ENOMEM;
      throw error;
    }
    const start = this.#frames.start + offset;
    return { start, end: Math.min(start + maxLength, this.#frames.end) };
  }

  attach(): void {
    this.#mappings++;
  }

  detach(): void {
    if (--this.#mappings > 0) return;
    clearTimeout(this.#timer);
    this.#clock = undefined;
    if (this.#frames !== undefined) this.#memory.decRef(this.#frames);
    this.#frames = undefined;
  }

  #insert(
    mm: MemoryManager,
    start: number,
    end: number,
    access: number,
    name: string,
    offset: number,
  ): void {
    const file: MappedFile = {
      mappable: this,
      name,
      device: 0,
      inode: 0,
      readable: true,
      writable: false,
      noExecute: false,
    };
    const attributes = {
      access,
      maxAccess: Access.Read | Access.Execute,
      shared: false,
      growsDown: false,
      noReserve: false,
      image: false,
      file,
    };
    mm.insertVma(start, end, attributes, offset);
  }

  #fill(): FileRange {
    const frames = this.#memory.allocate(this.length, MemoryKind.System);
    let at = -PAGE_SIZE;
    for (const block of this.#memory.mapInternal(frames, Access.Write)) {
      const from = Math.max(at, 0);
      const part = this.#image.subarray(from, at + block.length);
      block.set(part, from - at);
      if (at < 0) this.#start(block.subarray(0, PAGE_SIZE));
      at += block.length;
    }
    return frames;
  }

  #start(page: Uint8Array): void {
    this.#clock = startGuestClock(page);
    this.#looks = 0;
    this.#lookAgain();
  }

  #lookAgain(): void {
    this.#timer = setTimeout(() => {
      this.#clock?.refresh();
      this.#lookAgain();
    }, FIRST_LOOKS[this.#looks++] ?? USUAL_LOOK);
    this.#timer.unref();
  }
}
