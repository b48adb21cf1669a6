/** What the guests of the soak execute: scripts of accesses, and endless stores. */
import { assemble } from '../kvm/assemble.js';

export const CODE = 0x10000;
/** A page of each actor's own, for its script. */
export const SCRIPTS = 0x20000;
/** Words that all guests count in, a cache line each. */
export const COUNTERS = 0x40000;
/** A page of each actor's own, whose mapping changes while it stores there. */
export const RACES = 0x80000;

export const Act = { Read: 0, Write: 1, Count: 2, Spin: 3 } as const;

/** Three words: an address, what to do there, and the value to write, or that was read. */
export const ENTRY_SIZE = 24;

/** rdi: the next entry; rsi: how many there are. r12 comes back in r9, by way of a vector register. */
const SCRIPT = `movq %r12, %xmm15
  1: movq (%rdi), %rax
  movq 8(%rdi), %rcx
  cmpl $1, %ecx
  je 2f
  ja 3f
  movzbl (%rax), %edx
  movq %rdx, 16(%rdi)
  jmp 5f
  2: movb 16(%rdi), %dl
  movb %dl, (%rax)
  jmp 5f
  3: cmpl $2, %ecx
  jne 4f
  lock incl (%rax)
  jmp 5f
  4: movq 16(%rdi), %rcx
  6: decq %rcx
  jnz 6b
  5: addq $${ENTRY_SIZE}, %rdi
  decq %rsi
  jnz 1b
  movq %xmm15, %r9
  syscall
`;
/** Stores ever greater numbers at rdi. */
const STORES = '1: incq %rax\n movq %rax, (%rdi)\n jmp 1b\n';

const script = assemble(SCRIPT);
export const STORES_AT = CODE + script.length;
/** Where a script goes on behind an entry that faulted. */
export const NEXT_ENTRY = CODE + assemble('movq %r12, %xmm15\n').length;
export const code = Buffer.concat([script, assemble(STORES)]);
