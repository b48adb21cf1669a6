/**
 * The area for host files in guest-physical memory: which parts of it are taken, and the memory slots beneath. Slots
 * know nothing of what lies above them, so that a file comes and goes at the price of an mmap(2); deleting a slot makes
 * KVM drop everything it has derived.
 */
import { constants } from 'node:os';
import { native, type NativeMachine } from '../host/native.js';
import { ExtentSet } from '../memory/extent-set.js';
import type { HostFile } from '../memory/host-file.js';
import { OutOfMemoryError, PlatformError } from '../platform/errors.js';

/** Parts begin and end at multiples of it, in the file too, so that large pages can map them. */
export const AREA_UNIT = 2 * 1024 * 1024;

/** A part is a mapping of this process, which may have vm.max_map_count of them, 65530 by default. */
const MOST_PARTS = 16_384;
/** Slots that are kept though nothing lies above them: KVM holds 160 KiB for each. */
const SPARE_SLOTS = 16;

export interface AreaPart {
  /** Offset in the area. */
  readonly at: number;
  readonly length: number;
}

export class FileArea {
  readonly #machine: NativeMachine;
  /** Undefined until the area is reserved. */
  #free: ExtentSet | undefined;
  #gpa = 0;
  #parts = 0;
  /** Parts above each slot that has any. */
  readonly #users = new Map<number, number>();
  /** Slots that KVM has. */
  readonly #slots = new Set<number>();
  /** Parts that the host could not unmap: nothing else may lie there until it can. */
  #stuck: AreaPart[] = [];

  constructor(machine: NativeMachine) {
    this.#machine = machine;
  }

  get parts(): number {
    return this.#parts;
  }

  get slots(): number {
    return this.#slots.size;
  }

  gpaOf(part: AreaPart): number {
    return this.#gpa + part.at;
  }

  /** Maps the file from `start` on: `length` bytes, or as many of them as find room in a row. */
  place(file: HostFile, start: number, length: number): AreaPart {
    this.#retryStuck();
    const part = this.#take(length);
    try {
      this.#back(part);
      this.#map(file, start, part);
    } catch (error) {
      this.vacate(part);
      throw error;
    }
    return part;
  }

  /** No page table of a guest may refer to the part any more. */
  vacate(part: AreaPart): void {
    if (this.#machine.unmapFile(part.at, part.length) < 0) {
      this.#stuck.push(part);
      return;
    }
    this.#parts--;
    for (const slot of slotsUnder(part)) this.#leave(slot);
    this.#free?.add(part.at, part.at + part.length);
  }

  #take(length: number): AreaPart {
    const free = (this.#free ??= this.#reserve());
    for (let part = length; this.#parts < MOST_PARTS;) {
      const at = free.take(part);
      if (at >= 0) {
        this.#parts++;
        return { at, length: part };
      }
      if (part === AREA_UNIT) break;
      part = Math.ceil(part / 2 / AREA_UNIT) * AREA_UNIT;
    }
    throw new OutOfMemoryError(`no room is left for host files: ${this.#parts} parts are mapped`);
  }

  #reserve(): ExtentSet {
    const size = this.#machine.reserveFileArea();
    if (size < 0) throw new OutOfMemoryError(`there is no room for host files: errno ${-size}`);
    this.#gpa = this.#machine.fileAreaGpa();
    const free = new ExtentSet(AREA_UNIT);
    free.add(0, size);
    return free;
  }

  #back(part: AreaPart): void {
    for (const slot of slotsUnder(part)) this.#users.set(slot, (this.#users.get(slot) ?? 0) + 1);
    for (const slot of slotsUnder(part)) {
      if (this.#slots.has(slot)) continue;
      const status = this.#machine.setFileSlot(slot, true);
      if (status < 0) throw new OutOfMemoryError(`KVM refuses a memory slot: errno ${-status}`);
      this.#slots.add(slot);
    }
  }

  #map(file: HostFile, start: number, { at, length }: AreaPart): void {
    const status = this.#machine.mapFile(at, file.fd, start, length, file.writable);
    if (status >= 0) return;
    if (-status === constants.errno.ENOMEM) {
      throw new OutOfMemoryError("the host gives no more mappings; raise 'vm.max_map_count'");
    }
    throw new PlatformError(`the host cannot map the file: errno ${-status}`);
  }

  #leave(slot: number): void {
    const users = (this.#users.get(slot) ?? 0) - 1;
    if (users > 0) {
      this.#users.set(slot, users);
      return;
    }
    this.#users.delete(slot);
    const spare = this.#slots.size - this.#users.size;
    if (spare > SPARE_SLOTS && this.#machine.setFileSlot(slot, false) >= 0)
      this.#slots.delete(slot);
  }

  #retryStuck(): void {
    if (this.#stuck.length === 0) return;
    for (const part of this.#stuck.splice(0)) this.vacate(part);
  }
}

function* slotsUnder({ at, length }: AreaPart): Generator<number> {
  const { slotSize } = native.constants;
  const end = Math.ceil((at + length) / slotSize);
  for (let slot = Math.floor(at / slotSize); slot < end; slot++) yield slot;
}
