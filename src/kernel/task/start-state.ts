import { Register, type Registers } from '../../platform/registers.js';
import type { LoadedProgram } from '../loader/load-program.js';

/** Selectors of user code and data, as Linux has them (arch/x86/include/asm/segment.h). */
const USER_CS = 0x33;
const USER_SS = 0x2b;
/** Interrupts enabled, and the bit that always reads as one. */
const INITIAL_FLAGS = 0x202;
const REGISTER_COUNT = 27;

/** The registers a program starts with: all zero but these (System V ABI for x86-64, section 3.4.1). */
export function startState(registers: Registers, program: LoadedProgram): void {
  for (let register = 0; register < REGISTER_COUNT; register++) registers.setNumber(register, 0);
  registers.setNumber(Register.Rip, program.entry);
  registers.setNumber(Register.Rsp, program.stackPointer);
  registers.setNumber(Register.Rflags, INITIAL_FLAGS);
  registers.setNumber(Register.Cs, USER_CS);
  registers.setNumber(Register.Ss, USER_SS);
}
