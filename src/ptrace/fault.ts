/**
 * What the host keeps to itself of an exception. Linux tells a tracer the signal and the address, and neither the kind
 * of access nor the error code; both follow from what is mapped and from the instruction.
 */
import { Access, type AccessType } from '../platform/access.js';
import { PAGE_SIZE, isPageAligned } from '../platform/file-range.js';
import { Register, Report, type Registers } from '../platform/registers.js';
import type { PtraceAddressSpace } from './address-space.js';
import { MAX_INSTRUCTION, decode, type Instruction } from './instruction.js';
import { storesAt } from './store-instruction.js';

const SIGSEGV = 11;
const SEGV_ACCERR = 2;

/** Exceptions (SDM volume 3, table 6-1). */
const OVERFLOW = 4;
const GENERAL_PROTECTION = 13;
const PAGE_FAULT = 14;

/** Bits of a page fault's error code (SDM volume 3, section 4.7). */
const PF_PRESENT = 1;
const PF_WRITE = 2;
const PF_USER = 4;
const PF_INSTRUCTION = 16;

/** Registers by their numbers in ModRM (SDM volume 2, table 2-2). */
const BY_NUMBER = [
  Register.Rax,
  Register.Rcx,
  Register.Rdx,
  Register.Rbx,
  Register.Rsp,
  Register.Rbp,
  Register.Rsi,
  Register.Rdi,
  Register.R8,
  Register.R9,
  Register.R10,
  Register.R11,
  Register.R12,
  Register.R13,
  Register.R14,
  Register.R15,
] as const;

/** Of an error code: an entry of the interrupt table. */
const IN_INTERRUPT_TABLE = 2;
const SELECTOR_INDEX = 0xfffc;
/** Linux's code segments for user mode, of 64 and of 32 bits. */
const USER_CODE_SEGMENTS = [0x33, 0x23];

/** Adds it to the report of an exception in `registers`. */
export function completeReport(space: PtraceAddressSpace, registers: Registers): void {
  const vector = registers.high32(Report.AccessVector);
  if (vector === PAGE_FAULT) completePageFault(space, registers);
  else if (vector === GENERAL_PROTECTION) completeGeneralProtection(space, registers);
}

function completePageFault(space: PtraceAddressSpace, registers: Registers): void {
  const isSegv = registers.low32(Report.SignoCode) === SIGSEGV;
  const isProtected = isSegv && registers.highInt32(Report.SignoCode) === SEGV_ACCERR;
  const access = accessOf(space, registers, isProtected);
  setVector(registers, PAGE_FAULT, access);
  const error =
    PF_USER |
    (isProtected ? PF_PRESENT : 0) |
    (access === Access.Write ? PF_WRITE : 0) |
    (access === Access.Execute ? PF_INSTRUCTION : 0);
  setErrorCode(registers, error);
}

/** `isProtected`: the page is there; as it can then be read, the access was a store or a fetch. */
function accessOf(
  space: PtraceAddressSpace,
  registers: Registers,
  isProtected: boolean,
): AccessType {
  const address = registers.getNumber(Report.FaultAddress);
  const rip = registers.getNumber(Register.Rip);
  if (address === rip && !(isProtected && space.isExecutable(rip))) return Access.Execute;
  const code = codeAt(space, rip);
  if (isFetchAcross(code, rip, address)) return Access.Execute;
  return isProtected || storesAt(code, registers, address) ? Access.Write : Access.Read;
}

/** A fault at the start of the page behind the instruction's is the fetch's where the instruction goes on there. */
function isFetchAcross(code: Uint8Array, rip: number, address: number): boolean {
  if (!isPageAligned(address) || address <= rip || address >= rip + MAX_INSTRUCTION) return false;
  return decode(code.subarray(0, address - rip)) === undefined;
}

/** A general protection fault's error code names the selector or the vector at fault (SDM volume 3, 6.13). */
function completeGeneralProtection(space: PtraceAddressSpace, registers: Registers): void {
  const rip = registers.getNumber(Register.Rip);
  const instruction = decode(codeAt(space, rip));
  const error = instruction === undefined ? 0 : errorCodeOf(instruction, space, registers);
  if (error === 0 && isBehindInt4(space, rip)) setVector(registers, OVERFLOW, 0);
  setErrorCode(registers, error);
}

function errorCodeOf(
  { map, opcode, modrm, rex, last, operandSizePrefix }: Instruction,
  space: PtraceAddressSpace,
  registers: Registers,
): number {
  if (map !== 0) return 0;
  if (opcode === 0xcd) return last * 8 + IN_INTERRUPT_TABLE;
  if (opcode === 0x8e && modrm >> 6 === 3) {
    const register = BY_NUMBER[(modrm & 7) | ((rex & 1) << 3)] ?? Register.Rax;
    return registers.low32(register) & SELECTOR_INDEX;
  }
  if (opcode !== 0xca && opcode !== 0xcb && opcode !== 0xcf) return 0;
  const size = (rex & 8) !== 0 ? 8 : operandSizePrefix ? 2 : 4;
  const selector = wordAt(space, registers.getNumber(Register.Rsp) + size);
  return USER_CODE_SEGMENTS.includes(selector) ? 0 : selector & SELECTOR_INDEX;
}

/** INT 4, which traps: Linux makes the same signal of it, with the instruction pointer behind. */
function isBehindInt4(space: PtraceAddressSpace, rip: number): boolean {
  return rip >= PAGE_SIZE && wordAt(space, rip - 2) === 0x04cd;
}

function wordAt(space: PtraceAddressSpace, address: number): number {
  const bytes = new Uint8Array(2);
  space.tryCopyIn(address, bytes);
  return (bytes[0] ?? 0) | ((bytes[1] ?? 0) << 8);
}

function codeAt(space: PtraceAddressSpace, rip: number): Uint8Array {
  const code = new Uint8Array(MAX_INSTRUCTION);
  return code.subarray(0, space.tryCopyIn(rip, code));
}

function setVector(registers: Registers, vector: number, access: AccessType): void {
  registers.set(Report.AccessVector, (BigInt(vector) << 32n) | BigInt(access));
}

function setErrorCode(registers: Registers, error: number): void {
  const cpu = registers.get(Report.CpuErrorCode) & 0xffffffffn;
  registers.set(Report.CpuErrorCode, (BigInt(error) << 32n) | cpu);
}
