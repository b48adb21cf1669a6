/** A guest that reads and writes where it is told. */
import { SwitchResult, type Platform } from '../../src/platform/contract.js';
import { Register } from '../../src/platform/registers.js';
import { Guest, type GuestOptions } from './guest.js';

const PAGE = 4096;

/** rdi: an address; rsi: 0 to read it into rax, 1 to write rdx to it. */
const ACCESS = `1: testq %rsi, %rsi
  jnz 2f
  movq (%rdi), %rax
  jmp 3f
  2: movq %rdx, (%rdi)
  3: syscall
  jmp 1b`;

export class Accessor<P extends Platform = Platform> extends Guest<P> {
  constructor(create: (options: GuestOptions) => P) {
    super(create, ACCESS);
  }

  /** What the guest reads at `address`, or undefined where it faults. */
  read(address: number): number | undefined {
    return this.#access(address, 0) ? this.registers.getNumber(Register.Rax) : undefined;
  }

  write(address: number, value: number): boolean {
    this.registers.setNumber(Register.Rdx, value);
    return this.#access(address, 1);
  }

  fill(start: number, length: number, value: (page: number) => number): void {
    let page = 0;
    for (const block of this.platform.memory.mapInternal({ start, end: start + length }, 2)) {
      const words = new Float64Array(block.buffer, block.byteOffset, block.length / 8);
      const bits = new BigUint64Array(block.buffer, block.byteOffset, block.length / 8);
      for (let at = 0; at < words.length; at += PAGE / 8) bits[at] = BigInt(value(page++));
    }
  }

  #access(address: number, write: number): boolean {
    this.start(this.registers);
    this.registers.setNumber(Register.Rdi, address);
    this.registers.setNumber(Register.Rsi, write);
    return this.run() === SwitchResult.Syscall;
  }
}
