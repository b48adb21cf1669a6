/** A platform with one address space and code in it, for tests that drive contexts by hand. */
import { Access } from '../../src/platform/access.js';
import {
  MemoryKind,
  type AddressSpace,
  type Context,
  type Platform,
  type SwitchResult,
} from '../../src/platform/contract.js';
import { pageRoundUp, type FileRange } from '../../src/platform/file-range.js';
import { Register, Registers, Report } from '../../src/platform/registers.js';
import { assemble } from '../kvm/assemble.js';

export const CODE = 0x10000;
export const DATA = 0x200000;
export const STACK_TOP = 0x300000;

/** What `syscall` leaves alone: all but rax, rcx and r11. */
export const KEPT = [
  Register.Rbx,
  Register.Rdx,
  Register.Rsi,
  Register.Rdi,
  Register.Rbp,
  Register.R8,
  Register.R9,
  Register.R10,
  Register.R12,
  Register.R13,
  Register.R14,
  Register.R15,
];

const MIB = 1024 * 1024;

export interface Fault {
  readonly signo: number;
  readonly code: number;
  readonly address: number;
  readonly access: number;
}

export interface GuestOptions {
  readonly vcpus?: number;
  readonly memoryLimit?: number;
}

export class Guest<P extends Platform = Platform> implements Disposable {
  readonly platform: P;
  readonly space: AddressSpace;
  readonly registers = new Registers();
  readonly context: Context;

  /** Code at `CODE`, a writable page at `DATA`, a stack of a page below `STACK_TOP`. */
  constructor(create: (options: GuestOptions) => P, source: string, options: GuestOptions = {}) {
    this.platform = create({ memoryLimit: 256 * MIB, ...options });
    this.space = this.newSpace(source);
    this.context = this.platform.newContext();
    this.start(this.registers);
  }

  newSpace(source: string): AddressSpace {
    const space = this.platform.newAddressSpace();
    if (space instanceof Promise) throw new Error('no address space at once');
    const code = assemble(`${source}\n`);
    const range = this.allocate(pageRoundUp(code.length));
    this.platform.memory.mapInternal(range, Access.Write)[0]?.set(code);
    this.map(space, CODE, range, Access.Read | Access.Execute);
    this.map(space, DATA, this.allocate(4096), Access.Read | Access.Write);
    this.map(space, STACK_TOP - 4096, this.allocate(4096), Access.Read | Access.Write);
    return space;
  }

  allocate(length: number): FileRange {
    return this.platform.memory.allocate(length, MemoryKind.Anonymous);
  }

  map(space: AddressSpace, address: number, range: FileRange, access: number): void {
    this.platform.memory.mapInto(space, address, range, access, false);
  }

  /** Registers at the code's start. */
  start(registers: Registers, entry = CODE): Registers {
    registers.setNumber(Register.Rip, entry);
    registers.setNumber(Register.Rsp, STACK_TOP);
    return registers;
  }

  run(context: Context = this.context, registers: Registers = this.registers): SwitchResult {
    return context.switchSync(this.space, registers, -1);
  }

  fault(registers: Registers = this.registers): Fault {
    return {
      signo: registers.lowInt32(Report.SignoCode),
      code: registers.highInt32(Report.SignoCode),
      address: registers.getNumber(Report.FaultAddress),
      access: registers.low32(Report.AccessVector),
    };
  }

  [Symbol.dispose](): void {
    this.platform.dispose();
  }
}
