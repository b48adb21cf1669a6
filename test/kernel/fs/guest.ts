/** A task without a processor: system calls are made by calling their handlers. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Registers, Register } from '../../../src/platform/registers.js';
import { Errno, errnoName } from '../../../src/kernel/abi/errno.js';
import { type Bind, createFsContext } from '../../../src/kernel/fs/create-fs-context.js';
import { FdTable } from '../../../src/kernel/fs/fd-table.js';
import { KernelMemory } from '../../../src/kernel/fs/kernel-memory.js';
import type { Kernel } from '../../../src/kernel/kernel.js';
import type { MemoryManager } from '../../../src/kernel/mm/memory-manager.js';
import { Network } from '../../../src/kernel/net/network.js';
import { fileRows } from '../../../src/kernel/syscalls/file-families.js';
import { hostCredentials } from '../../../src/kernel/task/credentials.js';
import { Process } from '../../../src/kernel/task/process.js';
import { Task } from '../../../src/kernel/task/task.js';
import { FakeMemory } from './fake-memory.js';

/** Where the guest's memory lies; everything else faults. */
export const MEMORY_START = 0x100000;
export const MEMORY_SIZE = 0x200000;
const MEMORY_END = MEMORY_START + MEMORY_SIZE;
/** Part of it that strings and structures of a call are put into. */
const SCRATCH_START = MEMORY_START + 0x180000;
/** Nothing is mapped there. */
export const WILD = 0xdead_0000_0000;

class FakeMemoryManager {
  readonly layout = { top: 2 ** 47 - 4096 };
  readonly program = { auxv: new Uint8Array(0), argStart: 0, argEnd: 0, envStart: 0, envEnd: 0 };
  readonly isReleased = false;
  readonly bytes = new Uint8Array(MEMORY_SIZE);

  #within(address: number, length: number): number {
    const inside = address >= MEMORY_START && address < MEMORY_END;
    return inside ? Math.min(length, MEMORY_END - address) : 0;
  }

  copyIn(address: number, dst: Uint8Array): number {
    const count = this.#within(address, dst.length);
    if (count > 0) {
      const start = address - MEMORY_START;
      dst.set(this.bytes.subarray(start, start + count));
    }
    return count;
  }

  copyOut(address: number, src: Uint8Array): number {
    const count = this.#within(address, src.length);
    if (count > 0) {
      this.bytes.set(src.subarray(0, count), address - MEMORY_START);
    }
    return count;
  }

  read(address: number, dst: Uint8Array): boolean {
    return this.copyIn(address, dst) === dst.length;
  }

  write(address: number, src: Uint8Array): number {
    return this.copyOut(address, src) === src.length ? 0 : -Errno.EFAULT;
  }

  readCString(address: number, max: number): string | number {
    let text = '';
    for (let at = address; ; at++) {
      const byte = this.bytes[at - MEMORY_START];
      if (byte === undefined) {
        return -Errno.EFAULT;
      }
      if (byte === 0) {
        return text;
      }
      if (text.length === max) {
        return -Errno.ENAMETOOLONG;
      }
      text += String.fromCharCode(byte);
    }
  }

  *describe(): Generator<never> {
    // Nothing is mapped by mmap here.
  }
}

export interface GuestOptions {
  readonly rootfs: string;
  readonly binds?: readonly Bind[];
  readonly memoryLimit?: number;
}

export type Argument = number | bigint | string | Uint8Array;

export class Guest implements Disposable {
  readonly memory: FakeMemory;
  readonly mm = new FakeMemoryManager();
  readonly task: Task;
  #scratch = SCRATCH_START;

  constructor(options: GuestOptions) {
    this.memory = new FakeMemory(options.memoryLimit);
    const { memory } = this;
    const processes = new Map<number, Process>();
    const tasks = new Map<number, Task>();
    const kernel = {
      memory,
      processes,
      tasks,
      hostname: 'guest',
      cpuCount: 1,
      bootTime: 0,
      runnable: 1,
      network: new Network(KernelMemory.of(memory)),
    } as unknown as Kernel;
    const process = new Process(kernel, 1);
    processes.set(1, process);
    this.task = new Task(1, {
      kernel,
      process,
      context: undefined as never,
      mm: this.mm as unknown as MemoryManager,
      files: new FdTable(),
      fsContext: createFsContext({ binds: [], ...options, memory }),
      credentials: hostCredentials(),
    });
    process.tasks.add(this.task);
    tasks.set(1, this.task);
  }

  [Symbol.dispose](): void {
    this.task.files.closeAll();
    this.task.fsContext.namespace.dispose();
  }

  /** Puts bytes into guest memory; a string gets a NUL. */
  put(value: string | Uint8Array): number {
    const bytes = typeof value === 'string' ? Buffer.from(`${value}\0`, 'latin1') : value;
    if (this.#scratch + bytes.length > MEMORY_END) {
      this.#scratch = SCRATCH_START;
    }
    const address = this.#scratch;
    this.mm.copyOut(address, bytes);
    this.#scratch += Math.ceil((bytes.length + 1) / 16) * 16;
    return address;
  }

  /** Bytes of guest memory. */
  get(address: number, length: number): Buffer {
    const bytes = Buffer.alloc(length);
    this.mm.copyIn(address, bytes);
    return bytes;
  }

  /** Makes a call that may wait. */
  async(name: string, ...args: readonly Argument[]): number | Promise<number> {
    const row = fileRows.find((candidate) => candidate.name === name);
    if (row === undefined) {
      throw new Error(`no call ${name}`);
    }
    const registers = new Registers();
    const order = [
      Register.Rdi,
      Register.Rsi,
      Register.Rdx,
      Register.R10,
      Register.R8,
      Register.R9,
    ];
    for (const [at, arg] of args.entries()) {
      const register = order[at] ?? 0;
      if (typeof arg === 'bigint') {
        registers.set(register, arg);
      } else {
        registers.setNumber(register, typeof arg === 'number' ? arg : this.put(arg));
      }
    }
    return row.handler(this.task, registers);
  }

  /** Makes a call that answers at once: a result, or the name of the errno. */
  call(name: string, ...args: readonly Argument[]): number | string {
    const result = this.async(name, ...args);
    if (typeof result !== 'number') {
      throw new Error(`${name} waits`);
    }
    return result < 0 ? (errnoName.get(-result) ?? `errno ${String(-result)}`) : result;
  }

  /** As `call`, for what must succeed. */
  ok(name: string, ...args: readonly Argument[]): number {
    const result = this.call(name, ...args);
    if (typeof result === 'string') {
      throw new Error(`${name}(${args.map(String).join(', ')}): ${result}`);
    }
    return result;
  }

  /** All that a file of the guest holds. */
  readFile(path: string): string {
    const fd = this.ok('open', path, 0, 0);
    let text = '';
    for (;;) {
      const count = this.ok('read', fd, MEMORY_START, 0x10000);
      if (count === 0) {
        break;
      }
      text += this.get(MEMORY_START, count).toString('latin1');
    }
    this.ok('close', fd);
    return text;
  }

  /** Makes or replaces a file. */
  writeFile(path: string, text: string): void {
    const fd = this.ok('open', path, 0o1101, 0o644);
    const bytes = Buffer.from(text, 'latin1');
    this.mm.copyOut(MEMORY_START, bytes);
    if (this.ok('write', fd, MEMORY_START, bytes.length) !== bytes.length) {
      throw new Error('short write');
    }
    this.ok('close', fd);
  }

  /** Names in a directory, in the order the guest sees. */
  list(path: string): string[] {
    const fd = this.ok('open', path, 0o200000, 0);
    const names: string[] = [];
    for (;;) {
      const count = this.ok('getdents64', fd, MEMORY_START, 4096);
      if (count === 0) {
        break;
      }
      const bytes = this.get(MEMORY_START, count);
      for (let at = 0; at < count; at += bytes.readUInt16LE(at + 16)) {
        names.push(bytes.toString('latin1', at + 19, bytes.indexOf(0, at + 19)));
      }
    }
    this.ok('close', fd);
    return names;
  }

  readLink(path: string): string {
    const length = this.ok('readlink', path, MEMORY_START, 4096);
    return this.get(MEMORY_START, length).toString('latin1');
  }

  cwd(): string {
    const length = this.ok('getcwd', MEMORY_START, 4096);
    return this.get(MEMORY_START, length - 1).toString('latin1');
  }
}

/** A host directory for one test. */
export class HostTree implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'ringfence-fs-'));

  at(...parts: readonly string[]): string {
    return join(this.path, ...parts);
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
