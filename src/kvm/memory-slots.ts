/**
 * Guest-physical memory: which chunks of the memory file a slot backs. A chunk gets its slot when it is first
 * mapped into an address space, and keeps it: deleting a slot makes KVM drop everything it has derived.
 */
import { native, type NativeMachine } from '../host/native.js';
import type { MemoryFile } from '../memory/memory-file.js';
import { PlatformError } from '../platform/errors.js';
import type { FileRange } from '../platform/file-range.js';

export class MemorySlots {
  readonly #machine: NativeMachine;
  readonly #backed: boolean[] = [];

  constructor(machine: NativeMachine, memory: MemoryFile) {
    this.#machine = machine;
    const status = machine.attachMemory(memory.native);
    if (status < 0) throw new PlatformError(`cannot map the memory file again: errno ${-status}`);
    // Sure to be used, and set at once while no vCPU has run: after that KVM waits for all of them.
    this.#back(0);
  }

  /** The guest-physical address of `range` of the memory file, backed from now on. */
  gpaOf(range: FileRange): number {
    const { slotSize } = native.constants;
    const last = Math.ceil(range.end / slotSize);
    for (let chunk = Math.floor(range.start / slotSize); chunk < last; chunk++) {
      if (!this.#backed[chunk]) this.#back(chunk);
    }
    return native.constants.memoryGpa + range.start;
  }

  #back(chunk: number): void {
    const { firstMemorySlot, slotSize } = native.constants;
    const slot = firstMemorySlot + chunk;
    const status = this.#machine.setMemorySlot(slot, chunk * slotSize, slotSize);
    if (status < 0) throw new PlatformError(`KVM refuses memory slot ${slot}: errno ${-status}`);
    this.#backed[chunk] = true;
  }
}
