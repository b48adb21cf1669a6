/**
 * The frame that a signal handler runs on and rt_sigreturn(2) takes back, as Linux lays it out on x86-64
 * (`struct rt_sigframe`, <asm/sigcontext.h>, <asm/ucontext.h>):
 *
 *   return address · ucontext · siginfo · (alignment) · extended state in XSAVE format · its end mark
 */
import { Register, type Registers } from '../../platform/registers.js';
import { readWord, writeWord } from '../abi/word.js';
import { SS_AUTODISARM, SS_DISABLE, SS_ONSTACK } from '../abi/signal.js';
import { SIGINFO_SIZE, encodeSignalInfo, type SignalInfo } from './signal-info.js';
import { SignalSet } from './signal-set.js';

const RED_ZONE = 128;
/** Above it no address is a user's, and sums would not be exact. */
const MAX_ADDRESS = 2 ** 48;
const MAX_ALIGNMENT = 128;
const UCONTEXT = 8;
const UCONTEXT_SIZE = 304;
const SIGINFO = UCONTEXT + UCONTEXT_SIZE;
const FRAME_SIZE = SIGINFO + SIGINFO_SIZE;
/** Offsets inside ucontext. */
const UC_STACK = 16;
const UC_MCONTEXT = 40;
const UC_SIGMASK = 296;
/** Offsets inside sigcontext, behind the 18 registers. */
const SC_SEGMENTS = 144;
const SC_ERR = 152;
const SC_TRAPNO = 160;
const SC_OLDMASK = 168;
const SC_CR2 = 176;
const SC_FPSTATE = 184;

/** Extended state, SysV layout: what the kernel says of it in the reserved bytes of the legacy area. */
const SW_RESERVED = 464;
const FP_XSTATE_MAGIC1 = 0x46505853;
const FP_XSTATE_MAGIC2 = 0x46505845;
const XSTATE_BV = 512;
const XSAVE_HEADER_END = 576;
const AVX_END = 832;
const AVX512_END = 2688;
const MXCSR = 24;
const MXCSR_VALID = 0xffff;

const UC_FP_XSTATE = 1;
const UC_SIGCONTEXT_SS = 2;
const UC_STRICT_RESTORE_SS = 4;

/** RFLAGS that a program may change through a signal frame: CF PF AF ZF SF TF DF OF RF AC. */
const USER_FLAGS = 0x50dd5n;
const DIRECTION_TRAP_RESUME = 0x10500n;

/** Registers in the order of sigcontext. */
const SIGCONTEXT_ORDER = [
  Register.R8,
  Register.R9,
  Register.R10,
  Register.R11,
  Register.R12,
  Register.R13,
  Register.R14,
  Register.R15,
  Register.Rdi,
  Register.Rsi,
  Register.Rbp,
  Register.Rbx,
  Register.Rdx,
  Register.Rax,
  Register.Rcx,
  Register.Rsp,
  Register.Rip,
  Register.Rflags,
] as const;

/** sigaltstack(2). */
export interface AlternateStack {
  readonly address: number;
  readonly size: number;
  readonly flags: number;
}

export const NO_ALTERNATE_STACK: AlternateStack = { address: 0, size: 0, flags: SS_DISABLE };

export function isOnAlternateStack(stack: AlternateStack, stackPointer: number): boolean {
  if ((stack.flags & SS_AUTODISARM) !== 0) return false;
  return stackPointer > stack.address && stackPointer <= stack.address + stack.size;
}

/** `ss_flags` that the program sees. */
export function alternateStackFlags(stack: AlternateStack, stackPointer: number): number {
  const mode = stack.flags & SS_AUTODISARM;
  if (stack.size === 0) return SS_DISABLE | mode;
  return (isOnAlternateStack(stack, stackPointer) ? SS_ONSTACK : 0) | mode;
}

export interface FrameContents {
  readonly info: SignalInfo;
  readonly restorer: number;
  /** To be restored when the handler returns. */
  readonly mask: SignalSet;
  readonly stack: AlternateStack;
  readonly useAlternateStack: boolean;
  readonly extendedState: Uint8Array;
}

export interface BuiltFrame {
  /** Where the bytes go; the stack pointer of the handler. */
  readonly address: number;
  readonly bytes: Buffer;
  readonly infoAddress: number;
  readonly contextAddress: number;
}

/** Bytes that the largest frame takes, for AT_MINSIGSTKSZ. */
export function maxFrameSize(extendedStateSize: number): number {
  return RED_ZONE + FRAME_SIZE + 8 + 64 + 4 + extendedStateSize;
}

/** `undefined`: the stack pointer is no address that a frame could lie below. */
export function buildFrame(registers: Registers, contents: FrameContents): BuiltFrame | undefined {
  const { stack, extendedState } = contents;
  const current = registers.getNumber(Register.Rsp);
  const enters = contents.useAlternateStack && !isOnAlternateStack(stack, current);
  const top = enters && stack.size > 0 ? stack.address + stack.size : current - RED_ZONE;
  const stateSize = extendedState.length + 4;
  if (top > MAX_ADDRESS || top < stateSize + FRAME_SIZE + MAX_ALIGNMENT) return undefined;
  const below = top - stateSize;
  const stateAt = below - (below % 64);
  const frameTop = stateAt - FRAME_SIZE;
  const address = frameTop - (frameTop % 16) - 8;
  const bytes = Buffer.alloc(stateAt + stateSize - address);
  writeWord(bytes, 0, contents.restorer);
  writeContext(bytes, registers, contents, stateAt, current);
  encodeSignalInfo(contents.info, bytes, SIGINFO);
  writeExtendedState(bytes, stateAt - address, extendedState);
  return {
    address,
    bytes,
    infoAddress: address + SIGINFO,
    contextAddress: address + UCONTEXT,
  };
}

function writeContext(
  bytes: Buffer,
  registers: Registers,
  contents: FrameContents,
  stateAt: number,
  stackPointer: number,
): void {
  const { info, stack } = contents;
  bytes.writeUInt32LE(UC_FP_XSTATE | UC_SIGCONTEXT_SS | UC_STRICT_RESTORE_SS, UCONTEXT);
  writeWord(bytes, UCONTEXT + UC_STACK, stack.address);
  bytes.writeUInt32LE(alternateStackFlags(stack, stackPointer) >>> 0, UCONTEXT + UC_STACK + 8);
  writeWord(bytes, UCONTEXT + UC_STACK + 16, stack.size);
  const context = UCONTEXT + UC_MCONTEXT;
  SIGCONTEXT_ORDER.forEach((register, index) => {
    bytes.writeBigUInt64LE(registers.get(register), context + index * 8);
  });
  bytes.writeUInt16LE(registers.low32(Register.Cs) & 0xffff, context + SC_SEGMENTS);
  bytes.writeUInt16LE(registers.low32(Register.Ss) & 0xffff, context + SC_SEGMENTS + 6);
  writeWord(bytes, context + SC_ERR, info.errorCode ?? 0);
  writeWord(bytes, context + SC_TRAPNO, info.vector ?? 0);
  contents.mask.encode(bytes, context + SC_OLDMASK);
  bytes.writeBigUInt64LE(info.vector === 14 ? (info.address ?? 0n) : 0n, context + SC_CR2);
  writeWord(bytes, context + SC_FPSTATE, stateAt);
  contents.mask.encode(bytes, UCONTEXT + UC_SIGMASK);
}

function writeExtendedState(bytes: Buffer, at: number, state: Uint8Array): void {
  bytes.set(state, at);
  if (state.length <= XSAVE_HEADER_END) return;
  bytes.writeUInt32LE(FP_XSTATE_MAGIC1, at + SW_RESERVED);
  bytes.writeUInt32LE(state.length + 4, at + SW_RESERVED + 4);
  bytes.writeBigUInt64LE(featuresOf(state.length), at + SW_RESERVED + 8);
  bytes.writeUInt32LE(state.length, at + SW_RESERVED + 16);
  bytes.writeUInt32LE(FP_XSTATE_MAGIC2, at + state.length);
}

/** State components that an area of this size has room for (SDM volume 1, section 13.4). */
function featuresOf(size: number): bigint {
  if (size >= AVX512_END) return 0xe7n;
  return size >= AVX_END ? 7n : 3n;
}

/** Points the registers at a handler. */
export function enterHandler(registers: Registers, frame: BuiltFrame, handler: number): void {
  const signo = frame.bytes.readInt32LE(SIGINFO);
  registers.setNumber(Register.Rsp, frame.address);
  registers.setNumber(Register.Rip, handler);
  registers.setNumber(Register.Rdi, signo);
  registers.setNumber(Register.Rsi, frame.infoAddress);
  registers.setNumber(Register.Rdx, frame.contextAddress);
  registers.setNumber(Register.Rax, 0);
  registers.set(Register.Rflags, registers.get(Register.Rflags) & ~DIRECTION_TRAP_RESUME);
}

/** What rt_sigreturn(2) found. */
export interface RestoredFrame {
  readonly mask: SignalSet;
  readonly stack: AlternateStack;
  /** Address of the extended state; 0: it is reset. */
  readonly stateAddress: number;
}

/** Bytes of a frame that rt_sigreturn(2) reads, from the return address on. */
export const RETURN_FRAME_SIZE = SIGINFO;

/** Takes the registers out of a frame. Addresses that are not canonical are the platform's to refuse. */
export function restoreRegisters(registers: Registers, bytes: Buffer): RestoredFrame {
  const context = UCONTEXT + UC_MCONTEXT;
  const oldFlags = registers.get(Register.Rflags);
  SIGCONTEXT_ORDER.forEach((register, index) => {
    registers.set(register, bytes.readBigUInt64LE(context + index * 8));
  });
  const flags = registers.get(Register.Rflags);
  registers.set(Register.Rflags, (oldFlags & ~USER_FLAGS) | (flags & USER_FLAGS));
  return {
    mask: SignalSet.decode(bytes, UCONTEXT + UC_SIGMASK),
    stack: {
      address: readWord(bytes, UCONTEXT + UC_STACK),
      flags: bytes.readUInt32LE(UCONTEXT + UC_STACK + 8),
      size: readWord(bytes, UCONTEXT + UC_STACK + 16),
    },
    stateAddress: readWord(bytes, context + SC_FPSTATE),
  };
}

/** Makes an extended state that a program may have altered fit to load; `current` says what exists. */
export function sanitizeExtendedState(state: Buffer, current: Uint8Array): void {
  state.writeUInt32LE(state.readUInt32LE(MXCSR) & MXCSR_VALID, MXCSR);
  if (state.length < XSAVE_HEADER_END || current.length !== state.length) return;
  const hasHeader = state.readUInt32LE(SW_RESERVED) === FP_XSTATE_MAGIC1;
  const known = featuresOf(state.length);
  const present = hasHeader ? state.readBigUInt64LE(XSTATE_BV) & known : 3n;
  state.fill(0, XSTATE_BV, XSAVE_HEADER_END);
  state.writeBigUInt64LE(present, XSTATE_BV);
}
