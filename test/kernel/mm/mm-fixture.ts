import { MemoryKind } from '../../../src/platform/contract.js';
import { PAGE_SIZE, type FileRange } from '../../../src/platform/file-range.js';
import { chooseLayout } from '../../../src/kernel/mm/address-layout.js';
import type { Mappable, MappedFile, MappingObserver } from '../../../src/kernel/mm/mappable.js';
import { MemoryManager } from '../../../src/kernel/mm/memory-manager.js';
import { mmap, type MapRequest } from '../../../src/kernel/mm/mmap.js';
import { ResourceLimits } from '../../../src/kernel/task/resource-limits.js';
import { FakeAddressSpace, FakeMemory } from '../fake-platform.js';

export interface MmFixture {
  readonly mm: MemoryManager;
  readonly memory: FakeMemory;
  readonly space: FakeAddressSpace;
}

export function makeMm(memory = new FakeMemory()): MmFixture {
  const space = new FakeAddressSpace(memory);
  const limits = new ResourceLimits();
  const layout = chooseLayout(2 ** 47 - PAGE_SIZE, 8 * 1024 * 1024);
  return { mm: new MemoryManager({ addressSpace: space, memory, layout, limits }), memory, space };
}

export function map(mm: MemoryManager, request: Partial<MapRequest>): number {
  return mmap(mm, {
    address: 0,
    length: PAGE_SIZE,
    access: 3,
    shared: false,
    placement: 'anywhere',
    ...request,
  });
}

/** A file in memory, page n filled with n + 1. */
export class FakeFile implements Mappable {
  readonly #pages: FileRange[] = [];
  readonly observers = new Set<MappingObserver>();

  constructor(
    readonly memory: FakeMemory,
    public pageCount: number,
    /** All of them where it is not said. */
    readonly residentPages?: ReadonlySet<number>,
  ) {
    for (let index = 0; index < pageCount; index++) {
      const frame = memory.allocate(PAGE_SIZE, MemoryKind.PageCache);
      memory.page(frame.start).fill(index + 1);
      this.#pages.push(frame);
    }
  }

  pageAt(offset: number): FileRange | undefined {
    const index = offset / PAGE_SIZE;
    return index < this.pageCount ? this.#pages[index] : undefined;
  }

  isResident(offset: number): boolean {
    return this.residentPages === undefined || this.residentPages.has(offset / PAGE_SIZE);
  }

  attach(observer: MappingObserver): void {
    this.observers.add(observer);
  }

  detach(observer: MappingObserver): void {
    if (!this.observers.delete(observer)) throw new Error('detached and never attached');
  }

  contents(index: number): Uint8Array {
    return this.memory.page((this.#pages[index] as FileRange).start);
  }

  get mapped(): MappedFile {
    return {
      mappable: this,
      name: '/file',
      device: 1,
      inode: 2,
      readable: true,
      writable: true,
      noExecute: false,
    };
  }
}
