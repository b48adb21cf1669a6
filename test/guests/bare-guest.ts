/**
 * A guest program on a platform with no kernel at all: its segments in memory, and answers to the three system calls
 * that the simplest programs make. For tests of a platform alone.
 */
import { readFileSync } from 'node:fs';

import { Access } from '../../src/platform/access.js';
import {
  MemoryKind,
  SwitchResult,
  type AddressSpace,
  type Context,
  type Platform,
} from '../../src/platform/contract.js';
import { pageRoundDown, pageRoundUp, type FileRange } from '../../src/platform/file-range.js';
import { Register, Registers } from '../../src/platform/registers.js';
import { SegmentType } from './elf-files.js';

const STACK = 0x7ffff0000000;
const STACK_SIZE = 65536;
const ENOSYS = -38;
const SYS_WRITE = 1;
const SYS_GETPID = 39;
const SYS_EXIT_GROUP = 231;

interface Segment {
  readonly access: number;
  readonly address: number;
  readonly memorySize: number;
  readonly contents: Buffer;
}

/** Flags of a segment: execute 1, write 2, read 4 (elf(5)). */
function accessOf(flags: number): number {
  return (
    (flags & 4 ? Access.Read : 0) |
    (flags & 2 ? Access.Write : 0) |
    (flags & 1 ? Access.Execute : 0)
  );
}

function segmentsOf(file: Buffer): Segment[] {
  const count = file.readUInt16LE(56);
  const headers = Array.from({ length: count }, (_, i) => file.subarray(64 + 56 * i));
  return headers
    .filter((header) => header.readUInt32LE(0) === SegmentType.Load)
    .map((header) => {
      const offset = Number(header.readBigUInt64LE(8));
      return {
        access: accessOf(header.readUInt32LE(4)),
        address: Number(header.readBigUInt64LE(16)),
        memorySize: Number(header.readBigUInt64LE(40)),
        contents: file.subarray(offset, offset + Number(header.readBigUInt64LE(32))),
      };
    });
}

export class BareGuest {
  readonly #space: AddressSpace;
  readonly #context: Context;
  readonly #registers = new Registers();
  readonly #ranges: FileRange[] = [];
  readonly #platform: Platform;
  /** What it has written, to whatever descriptor. */
  output = '';
  status: number | undefined;

  constructor(platform: Platform, program: string, args: readonly string[]) {
    this.#platform = platform;
    const space = platform.newAddressSpace();
    if (space instanceof Promise) throw new Error('no address space is to be had at once');
    this.#space = space;
    this.#context = platform.newContext();
    const file = readFileSync(program);
    for (const segment of segmentsOf(file)) this.#load(segment);
    this.#registers.set(Register.Rip, file.readBigUInt64LE(24));
    this.#registers.setNumber(Register.Rsp, this.#makeStack([program, ...args]));
    this.#registers.setNumber(Register.Rflags, 0x202);
  }

  #map(address: number, length: number, access: number): FileRange {
    const range = this.#platform.memory.allocate(length, MemoryKind.Anonymous);
    this.#ranges.push(range);
    this.#platform.memory.mapInto(this.#space, address, range, access, true);
    return range;
  }

  #load({ access, address, memorySize, contents }: Segment): void {
    const start = pageRoundDown(address);
    const range = this.#map(start, pageRoundUp(address + memorySize) - start, access);
    let at = start - address;
    for (const view of this.#platform.memory.mapInternal(range, Access.Write)) {
      if (at < 0) view.set(contents.subarray(0, view.length + at), -at);
      else view.set(contents.subarray(at, at + view.length));
      at += view.length;
    }
  }

  /** Argument count, pointers to the arguments, and nothing of an environment; gives the stack pointer. */
  #makeStack(args: readonly string[]): number {
    this.#map(STACK, STACK_SIZE, Access.Read | Access.Write);
    const strings = Buffer.from(args.map((argument) => `${argument}\0`).join(''), 'latin1');
    const stringsAt = STACK + STACK_SIZE - pageRoundUp(strings.length);
    this.#space.copyOut(stringsAt, strings);
    let next = stringsAt;
    const pointers = args.map((argument) => {
      const pointer = BigInt(next);
      next += argument.length + 1;
      return pointer;
    });
    const words = new BigUint64Array([BigInt(args.length), ...pointers, 0n, 0n, 0n, 0n]);
    const stackPointer = stringsAt - 512;
    this.#space.copyOut(stackPointer, new Uint8Array(words.buffer));
    return stackPointer;
  }

  #answer(): number {
    const registers = this.#registers;
    switch (registers.lowInt32(Register.Rax)) {
      case SYS_GETPID:
        return 1;
      case SYS_WRITE: {
        const bytes = Buffer.alloc(registers.argument(2));
        this.#space.copyIn(registers.argument(1), bytes);
        this.output += bytes.toString('latin1');
        return bytes.length;
      }
      case SYS_EXIT_GROUP:
        this.status = registers.argumentInt(0);
        return 0;
      default:
        return ENOSYS;
    }
  }

  #take(result: SwitchResult): void {
    if (result === SwitchResult.Interrupt) return;
    if (result !== SwitchResult.Syscall) throw new Error(`the guest left with ${result}`);
    this.#registers.setNumber(Register.Rax, this.#answer());
  }

  /** Runs it up to the next system call and answers that. */
  stepSync(): void {
    this.#take(this.#context.switchSync(this.#space, this.#registers, -1));
  }

  async step(): Promise<void> {
    this.#take(await this.#context.switch(this.#space, this.#registers, -1));
  }

  interrupt(): void {
    this.#context.interrupt();
  }

  dispose(): void {
    this.#context.dispose();
    this.#space.release();
    for (const range of this.#ranges) this.#platform.memory.decRef(range);
  }
}
