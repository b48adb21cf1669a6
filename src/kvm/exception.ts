/**
 * What a processor exception means to a Linux program: the signal, its code and its address, as
 * arch/x86/kernel/traps.c and mm/fault.c of Linux give them. A function of what the vCPU reported, so that every
 * exception can be tested with no guest.
 */
import { Access, type AccessType } from '../platform/access.js';
import { FileFault } from './host-file-mappings.js';
import type { SignalInfo } from '../platform/contract.js';

export interface Exception {
  /** SDM volume 3, table 6-1. */
  readonly vector: number;
  readonly errorCode: number;
  /** CR2, for a page fault. */
  readonly faultAddress: bigint;
  readonly rip: bigint;
  readonly rflags: number;
  /** For a page fault at a mapping of a host file that found no entry. */
  readonly fileFault: FileFault | undefined;
  /** x87 status and control words and MXCSR; asked for only where the vector is one of theirs. */
  readonly floatingPoint: () => FloatingPointStatus;
}

export interface FloatingPointStatus {
  readonly fcw: number;
  readonly fsw: number;
  readonly mxcsr: number;
}

/** `Registers` knows by the vector whether it may be a CPUID. */
type Siginfo = Omit<SignalInfo, 'maybeCpuid'>;

const SIGILL = 4;
const SIGTRAP = 5;
const SIGBUS = 7;
const SIGFPE = 8;
const SIGSEGV = 11;

const SI_KERNEL = 0x80;
const FPE_INTDIV = 1;
const FPE_FLTDIV = 3;
const FPE_FLTOVF = 4;
const FPE_FLTUND = 5;
const FPE_FLTRES = 6;
const FPE_FLTINV = 7;
const ILL_ILLOPN = 2;
const TRAP_BRKPT = 1;
const TRAP_TRACE = 2;
const BUS_ADRALN = 1;
const BUS_ADRERR = 2;
const SEGV_MAPERR = 1;
const SEGV_ACCERR = 2;

const RFLAGS_TF = 0x100;

/** Bits of a page fault's error code (SDM volume 3, section 4.7). */
const PF_PRESENT = 1;
const PF_WRITE = 2;
const PF_INSTRUCTION = 16;

const FIRST_KERNEL_ADDRESS = 1n << 47n;

function siginfo(signo: number, code: number, address = 0n, access: AccessType = 0): Siginfo {
  return { signo, code, address, access };
}

/** Whether a page fault's error code says that there was no entry, and not that it denied the access. */
export function foundNoEntry(errorCode: number): boolean {
  return (errorCode & PF_PRESENT) === 0;
}

/** What a page fault's error code says that was tried. */
export function accessOf(errorCode: number): AccessType {
  if (errorCode & PF_INSTRUCTION) return Access.Execute;
  return errorCode & PF_WRITE ? Access.Write : Access.Read;
}

function ofPageFault(exception: Exception, noMemory: number): Siginfo {
  const { errorCode, faultAddress, fileFault } = exception;
  // Neither the address nor the access is known.
  if (errorCode === noMemory) return siginfo(SIGBUS, BUS_ADRERR);
  const access = accessOf(errorCode);
  if (fileFault === FileFault.Absent) return siginfo(SIGBUS, BUS_ADRERR, faultAddress, access);
  const isProtected =
    fileFault === FileFault.Denied ||
    (!foundNoEntry(errorCode) && faultAddress < FIRST_KERNEL_ADDRESS);
  return siginfo(SIGSEGV, isProtected ? SEGV_ACCERR : SEGV_MAPERR, faultAddress, access);
}

/** `fpu__exception_code`: which unmasked exception, of bits IE DE ZE OE UE PE, raised it. */
function floatingPointCode(flags: number): number {
  if (flags & 0x01) return FPE_FLTINV;
  if (flags & 0x04) return FPE_FLTDIV;
  if (flags & 0x08) return FPE_FLTOVF;
  if (flags & 0x12) return FPE_FLTUND;
  if (flags & 0x20) return FPE_FLTRES;
  return 0;
}

function ofX87(exception: Exception): Siginfo {
  const { fcw, fsw } = exception.floatingPoint();
  return siginfo(SIGFPE, floatingPointCode(fsw & ~fcw & 0x3f), exception.rip);
}

function ofSimd(exception: Exception): Siginfo {
  const { mxcsr } = exception.floatingPoint();
  return siginfo(SIGFPE, floatingPointCode(~(mxcsr >>> 7) & mxcsr & 0x3f), exception.rip);
}

/** `noMemory`: the error code that stands for a mapped page without memory behind it. */
export function toSiginfo(exception: Exception, noMemory: number): Siginfo {
  switch (exception.vector) {
    case 0: // #DE
      return siginfo(SIGFPE, FPE_INTDIV, exception.rip);
    case 1: // #DB: single step, or INT1
      return siginfo(
        SIGTRAP,
        exception.rflags & RFLAGS_TF ? TRAP_TRACE : TRAP_BRKPT,
        exception.rip,
      );
    case 3: // #BP
      return siginfo(SIGTRAP, SI_KERNEL);
    case 6: // #UD
      return siginfo(SIGILL, ILL_ILLOPN, exception.rip);
    case 11: // #NP
    case 12: // #SS
      return siginfo(SIGBUS, SI_KERNEL);
    case 14: // #PF
      return ofPageFault(exception, noMemory);
    case 16: // #MF
      return ofX87(exception);
    case 17: // #AC
      return siginfo(SIGBUS, BUS_ADRALN);
    case 19: // #XM
      return ofSimd(exception);
    default: // #GP, #OF, #BR, and what ring 3 cannot raise
      return siginfo(SIGSEGV, SI_KERNEL);
  }
}
