/**
 * Whether an instruction that faulted was storing. Linux tells a tracer the address of a fault and not its error
 * code, so the instruction is looked at (SDM volume 2, appendix A). Only what certainly stores at the address is said
 * to: a load taken for a store would break a program, while a store taken for a load faults once more on what is
 * mapped by then, and that fault says "no permission".
 */
import { Register, type Registers } from '../platform/registers.js';
import { decode, type Instruction } from './instruction.js';

/** An opcode whose operand in ModRM is written for these values of ModRM.reg, a bit for each. */
type StoreTable = ReadonlyMap<number, number>;

const ANY = 0xff;
const but = (...regs: number[]): number => ANY & ~only(...regs);
const only = (...regs: number[]): number => regs.reduce((bits, reg) => bits | (1 << reg), 0);
const span = (first: number, last: number, regs: number): [number, number][] =>
  Array.from({ length: last - first + 1 }, (_, i) => [first + i, regs]);

/** ADD, OR, ADC, SBB, AND, SUB, XOR with a destination in ModRM. */
const ARITHMETIC = [0x00, 0x08, 0x10, 0x18, 0x20, 0x28, 0x30].flatMap((op) =>
  span(op, op + 1, ANY),
);

const ONE_BYTE: StoreTable = new Map([
  ...ARITHMETIC,
  ...span(0x80, 0x83, but(7)),
  ...span(0x86, 0x89, ANY),
  [0x8c, ANY],
  [0x8f, only(0)],
  ...span(0xc0, 0xc1, ANY),
  ...span(0xc6, 0xc7, only(0)),
  ...span(0xd0, 0xd3, ANY),
  [0xd9, only(2, 3, 6, 7)],
  [0xdb, only(1, 2, 3, 7)],
  [0xdd, only(1, 2, 3, 6, 7)],
  [0xdf, only(1, 2, 3, 6, 7)],
  ...span(0xf6, 0xf7, only(2, 3)),
  ...span(0xfe, 0xff, only(0, 1)),
]);

/** Stores of vector registers, the same behind 0F, VEX and EVEX. */
const VECTOR: [number, number][] = [0x11, 0x13, 0x17, 0x29, 0x2b, 0x7f, 0xd6, 0xe7].map((op) => [
  op,
  ANY,
]);

const TWO_BYTE: StoreTable = new Map([
  ...VECTOR,
  [0x00, only(0, 1)],
  [0x01, only(0, 1, 4)],
  ...span(0x90, 0x9f, ANY),
  ...span(0xa4, 0xa5, ANY),
  [0xab, ANY],
  ...span(0xac, 0xad, ANY),
  [0xae, only(0, 3, 4, 6)],
  ...span(0xb0, 0xb1, ANY),
  [0xb3, ANY],
  [0xba, only(5, 6, 7)],
  [0xbb, ANY],
  ...span(0xc0, 0xc1, ANY),
  [0xc3, ANY],
  [0xc7, only(1, 3, 4, 5)],
]);

/** 0F 38: MOVBE and MOVDIRI; 0F 3A: PEXTR and EXTRACTPS. */
const THREE_BYTE: readonly StoreTable[] = [
  new Map([
    [0xf1, ANY],
    [0xf9, ANY],
  ]),
  new Map(span(0x14, 0x17, ANY)),
];

/** Maps 1 to 3 of VEX and EVEX. */
const EXTENDED: readonly StoreTable[] = [
  new Map(),
  new Map([...VECTOR, [0x91, ANY]]),
  new Map([
    ...span(0x2e, 0x2f, ANY),
    [0x63, ANY],
    [0x8a, ANY],
    [0x8b, ANY],
    [0x8e, ANY],
    ...span(0xa0, 0xa3, ANY),
  ]),
  new Map([
    ...span(0x14, 0x17, ANY),
    [0x19, ANY],
    [0x1b, ANY],
    [0x1d, ANY],
    [0x39, ANY],
    [0x3b, ANY],
  ]),
];

/** PUSH, CALL, PUSHF and ENTER, which store below the stack pointer and touch no other memory. */
function pushes(opcode: number): boolean {
  return (
    (opcode >= 0x50 && opcode <= 0x57) ||
    opcode === 0x68 ||
    opcode === 0x6a ||
    opcode === 0x9c ||
    opcode === 0xc8 ||
    opcode === 0xe8
  );
}

/** Whether the instruction that `code` begins with, cut off or not, stores at `address`. */
export function storesAt(code: Uint8Array, registers: Registers, address: number): boolean {
  const instruction = decode(code);
  if (instruction === undefined) return false;
  if (instruction.isVector) return isVectorStore(instruction);
  if (instruction.map > 0) return isEscapedStore(instruction, registers, address);
  return isOneByteStore(instruction, registers, address);
}

/** Whether `address` is in the `length` bytes from what a register holds, and `offset`. */
function isNear(
  registers: Registers,
  register: number,
  address: number,
  offset: number,
  length: number,
): boolean {
  const start = registers.getNumber(register) + offset;
  return address >= start && address < start + length;
}

function isOneByteStore(instruction: Instruction, registers: Registers, address: number): boolean {
  const { opcode, modrm } = instruction;
  const onStack = isNear(registers, Register.Rsp, address, -8, 8);
  if (pushes(opcode)) return onStack;
  if (opcode === 0xff && [2, 6].includes(regOf(modrm))) return onStack;
  if (opcode === 0xa2 || opcode === 0xa3 || opcode === 0xaa || opcode === 0xab) return true;
  if (opcode === 0xa4 || opcode === 0xa5) {
    return (
      isNear(registers, Register.Rdi, address, 0, 8) &&
      !isNear(registers, Register.Rsi, address, 0, 8)
    );
  }
  if (opcode === 0x6c || opcode === 0x6d) return true;
  return inTable(ONE_BYTE, opcode, modrm);
}

function isEscapedStore(instruction: Instruction, registers: Registers, address: number): boolean {
  const { map, opcode, modrm, repeat, operandSizePrefix } = instruction;
  // With a repeat prefix the opcode of MOVBE is CRC32's.
  if (map === 2) return repeat === 0 && inTable(THREE_BYTE[0], opcode, modrm);
  if (map === 3) return inTable(THREE_BYTE[1], opcode, modrm);
  // PUSH of FS and GS.
  if (opcode === 0xa0 || opcode === 0xa8) return isNear(registers, Register.Rsp, address, -8, 8);
  if (opcode === 0x7e) return repeat !== 0xf3 && isMemory(modrm);
  // MASKMOVQ and MASKMOVDQU.
  if (opcode === 0xf7) return isNear(registers, Register.Rdi, address, 0, 16);
  // CLWB has the opcode of XSAVEOPT.
  if (opcode === 0xae && regOf(modrm) === 6 && operandSizePrefix) return false;
  return inTable(TWO_BYTE, opcode, modrm);
}

function isVectorStore(instruction: Instruction): boolean {
  const { map, opcode, modrm, repeat } = instruction;
  if (map === 1 && opcode === 0x7e) return repeat !== 0xf3 && isMemory(modrm);
  // Conversions to narrower integers (VPMOV…).
  if (map === 2 && repeat === 0xf3 && opcode >= 0x10 && opcode <= 0x35) return isMemory(modrm);
  return inTable(EXTENDED[map], opcode, modrm);
}

function inTable(table: StoreTable | undefined, opcode: number, modrm: number): boolean {
  return isMemory(modrm) && ((table?.get(opcode) ?? 0) & (1 << regOf(modrm))) !== 0;
}

function isMemory(modrm: number): boolean {
  return modrm >> 6 !== 3;
}

function regOf(modrm: number): number {
  return (modrm >> 3) & 7;
}
