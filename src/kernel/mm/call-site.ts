/** One `mov $number, %eax; syscall` in a program, and the jump that takes its place. */
import { Register, type Registers } from '../../platform/registers.js';
import type { Usage } from './hot-calls.js';

export const CODE_SIZE = 7;
export const AT_SYSCALL = 5;
/** Bytes before the code that say whether its first may be another instruction's last. */
export const PREFIX_SIZE = 3;
/** Offsets in the jump from here on are undefined opcodes. */
export const FIRST_UNDEFINED = 3;

const MOV_EAX = 0xb8;
const SYSCALL = [0x0f, 0x05];
/** jmp *disp32, without a base or an index (SDM volume 2, table 2-3). */
const JMP_INDIRECT = [0xff, 0x24, 0x25];
const RFLAGS_RF = 0x10000;

export class CallSite {
  readonly start: number;
  /** disp32 of the jump; -1: it has none. */
  displacement = -1;
  /** `ResidentPages.rewrittenLost` when the jump was last known to be there. */
  checked = -1;

  constructor(
    readonly returnAddress: number,
    /** Of it alone, or shared with other processes. */
    readonly usage: Usage,
  ) {
    this.start = returnAddress - CODE_SIZE;
  }

  get number(): number {
    return this.usage.number;
  }

  copy(): CallSite {
    return Object.assign(new CallSite(this.returnAddress, this.usage), {
      displacement: this.displacement,
      checked: this.checked,
    });
  }

  /** The program's own code. */
  get code(): Uint8Array {
    return codeOf(this.number);
  }

  /** Whether the program's own code lies at the beginning of `bytes`. */
  isAt(bytes: Uint8Array): boolean {
    return isCall(bytes, this.number);
  }

  /** Whether the registers hold the call that the code makes. */
  makes(registers: Registers): boolean {
    return registers.low32(Register.Rax) === this.number && registers.high32(Register.Rax) === 0;
  }

  /** Writes the jump over the code, or over itself; false where something else lies there. */
  writeJump(bytes: Uint8Array): boolean {
    const jump = Buffer.of(...JMP_INDIRECT, 0, 0, 0, 0);
    jump.writeUInt32LE(this.displacement, JMP_INDIRECT.length);
    if (!this.isAt(bytes) && !jump.equals(bytes.subarray(0, CODE_SIZE))) return false;
    bytes.set(jump);
    return true;
  }
}

function codeOf(number: number): Buffer {
  const code = Buffer.of(MOV_EAX, 0, 0, 0, 0, ...SYSCALL);
  code.writeUInt32LE(number, 1);
  return code;
}

/** Whether `bytes` begin with the code that makes the call. */
export function isCall(bytes: Uint8Array, number: number): boolean {
  return codeOf(number).equals(bytes.subarray(0, CODE_SIZE));
}

/** Makes of registers at the undefined opcode what `syscall` in its place would have made of them. */
export function enterCall(registers: Registers): void {
  const returnAddress = registers.getNumber(Register.Rip) + CODE_SIZE - AT_SYSCALL;
  const flags = registers.low32(Register.Rflags) & ~RFLAGS_RF;
  registers.setNumber(Register.Rip, returnAddress);
  registers.setNumber(Register.Rcx, returnAddress);
  registers.setNumber(Register.Rflags, flags);
  registers.setNumber(Register.R11, flags);
  registers.set(Register.OrigRax, registers.get(Register.Rax));
}

/**
 * Whether the `mov` may be the end of another instruction, by the bytes before it: a prefix, which makes it another
 * `mov`; the first byte of a two-byte opcode; or an instruction that has 0xb8 for its ModRM byte or for a displacement
 * of 8 bits, and the number for a displacement or an immediate operand of 32 (SDM volume 2, section 2.1).
 */
export function isTailOfAnother(prefix: Uint8Array): boolean {
  const [third, second, first] = prefix as Uint8Array & readonly [number, number, number];
  const isPrefix =
    (first & 0xf0) === 0x40 || (first & 0xe7) === 0x26 || PREFIXES_AND_ESCAPE.has(first);
  const isLea = first === 0x8d;
  const hasDisplacement8 = (first & 0xc0) === 0x40 && WITH_IMMEDIATE.has(second);
  const hasIndex = (second & 0xc7) === 0x44 && WITH_IMMEDIATE.has(third);
  return isPrefix || isLea || hasDisplacement8 || hasIndex;
}

/** FS, GS, operand size, address size, LOCK, REPNE, REP; 0F. */
const PREFIXES_AND_ESCAPE: ReadonlySet<number> = new Set([
  0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3, 0x0f,
]);
/** Opcodes with a ModRM byte and an immediate operand of 32 bits. */
const WITH_IMMEDIATE: ReadonlySet<number> = new Set([0x69, 0x81, 0xc7, 0xf7]);
