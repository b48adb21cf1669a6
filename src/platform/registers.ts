/**
 * The general registers of one thread, in the order of `struct user_regs_struct` (<sys/user.h>), and behind
 * them what the last switch reported. One `ArrayBuffer` which the native layer reads and writes in place.
 *
 * Values are 64 bits wide. `get` and `set` are exact; the number forms serve addresses, lengths and small
 * integers with no allocation.
 */
import type { SignalInfo } from './contract.js';

export const Register = {
  R15: 0,
  R14: 1,
  R13: 2,
  R12: 3,
  Rbp: 4,
  Rbx: 5,
  R11: 6,
  R10: 7,
  R9: 8,
  R8: 9,
  Rax: 10,
  Rcx: 11,
  Rdx: 12,
  Rsi: 13,
  Rdi: 14,
  OrigRax: 15,
  Rip: 16,
  Cs: 17,
  Rflags: 18,
  Rsp: 19,
  Ss: 20,
  FsBase: 21,
  GsBase: 22,
  Ds: 23,
  Es: 24,
  Fs: 25,
  Gs: 26,
} as const;

/** Words behind the registers, where a switch leaves what it reports. native/registers.h has the same layout. */
export const Report = {
  /** Address of a fault, or of the instruction that trapped. */
  FaultAddress: 27,
  /** Low half: signal number; high half: `si_code`. */
  SignoCode: 28,
  /** Low half: access type of a SIGSEGV or SIGBUS; high half: exception vector. */
  AccessVector: 29,
  /** Low half: CPU number (vCPU id) that the context ran on; high half: error code of the exception. */
  CpuErrorCode: 30,
} as const;

/** The vector of a general protection fault, which is what a CPUID that may not be executed raises. */
const GENERAL_PROTECTION = 13;

const WORDS = 32;
const TWO_32 = 4294967296;

/** Registers of a system call's arguments, in their order (syscall(2)). */
export const ARGUMENTS = [
  Register.Rdi,
  Register.Rsi,
  Register.Rdx,
  Register.R10,
  Register.R8,
  Register.R9,
] as const;

type ArgumentIndex = 0 | 1 | 2 | 3 | 4 | 5;

export class Registers {
  readonly buffer = new ArrayBuffer(WORDS * 8);
  readonly #u64 = new BigUint64Array(this.buffer);
  readonly #u32 = new Uint32Array(this.buffer);
  readonly #i32 = new Int32Array(this.buffer);

  get(register: number): bigint {
    return this.#u64[register] as bigint;
  }

  set(register: number, value: bigint): void {
    this.#u64[register] = value;
  }

  /** The value as a number: exact below 2^53, rounded above. */
  getNumber(register: number): number {
    return (this.#u32[register * 2 + 1] as number) * TWO_32 + (this.#u32[register * 2] as number);
  }

  /** Sets from a safe integer; a negative one is sign-extended to 64 bits. */
  setNumber(register: number, value: number): void {
    this.#u32[register * 2] = value;
    this.#u32[register * 2 + 1] = Math.floor(value / TWO_32);
  }

  low32(register: number): number {
    return this.#u32[register * 2] as number;
  }

  lowInt32(register: number): number {
    return this.#i32[register * 2] as number;
  }

  high32(register: number): number {
    return this.#u32[register * 2 + 1] as number;
  }

  highInt32(register: number): number {
    return this.#i32[register * 2 + 1] as number;
  }

  /** Argument n as an address, length or offset: unsigned, exact below 2^53. */
  argument(n: ArgumentIndex): number {
    return this.getNumber(ARGUMENTS[n]);
  }

  /** Argument n as C's `int`: the low 32 bits, signed. */
  argumentInt(n: ArgumentIndex): number {
    return this.lowInt32(ARGUMENTS[n]);
  }

  /** Argument n as C's `unsigned int`. */
  argumentUint(n: ArgumentIndex): number {
    return this.low32(ARGUMENTS[n]);
  }

  /** Argument n as C's `long`: signed, exact between -2^53 and 2^53. */
  argumentLong(n: ArgumentIndex): number {
    return this.highInt32(ARGUMENTS[n]) * TWO_32 + this.low32(ARGUMENTS[n]);
  }

  /** Argument n, all 64 bits. */
  argumentBig(n: ArgumentIndex): bigint {
    return this.get(ARGUMENTS[n]);
  }

  /** What the last switch reported, if its result was `Signal`. */
  signalInfo(): SignalInfo {
    return {
      signo: this.lowInt32(Report.SignoCode),
      code: this.highInt32(Report.SignoCode),
      address: this.get(Report.FaultAddress),
      access: this.low32(Report.AccessVector),
      maybeCpuid: this.maybeCpuid,
    };
  }

  /** `SignalInfo.maybeCpuid` of the last switch, if its result was `Signal`. */
  get maybeCpuid(): boolean {
    return this.high32(Report.AccessVector) === GENERAL_PROTECTION;
  }

  /** Leaves what an exception means, beside the vector and the error code. */
  setReport(info: Omit<SignalInfo, 'maybeCpuid'>): void {
    this.set(Report.FaultAddress, info.address);
    this.#i32[Report.SignoCode * 2] = info.signo;
    this.#i32[Report.SignoCode * 2 + 1] = info.code;
    this.#u32[Report.AccessVector * 2] = info.access;
  }

  copyFrom(other: Registers): void {
    this.#u64.set(other.#u64);
  }
}
