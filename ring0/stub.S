/*
 * All code that runs in the guest and is not the program's. Linked into the addon as data, one page-aligned image
 * of RF_PAGE_DOORWAY_USER, RF_PAGE_DOORWAY_KERNEL and RF_PAGE_STUBS.
 *
 * A doorway first looks for a published answer; then, if the host listens, it leaves the registers in the mailbox
 * and waits a while for a reply; else it leaves the guest. It goes by RCX and R11 as SYSCALL leaves them, and at every
 * instruction all registers of the program's can be told: RAX is the one that it uses, and keeps in the mailbox from
 * `_stored` on. native/doorway.c goes by the labels.
 */
#include "abi.h"

  .section .rodata.ringfence_stub, "a"
  .balign RF_PAGE_SIZE
.Limage:

#define TRAP_FLAG 0x100
/* A field of the mailbox at page `page`, seen from code in the image. */
#define MAILBOX(page, field) (.Limage + (page) * RF_PAGE_SIZE + (field))(%rip)
#define REGISTER(page, register) MAILBOX(page, RF_MAILBOX_REGISTERS + (register))

  .macro keep page, register, offset
  movq \register, REGISTER(\page, \offset)
  .endm

/* From the call's number in RAX to the way out or to the reply. Labels begin with `name`. */
  .macro doorway name, page
  movq %rax, REGISTER(\page, RF_RAX)
  .globl \name\()_stored
\name\()_stored:
  cmpq $RF_ANSWERS, %rax
  jae 1f
  movq RF_VA_SYSTEM + \page * RF_PAGE_SIZE + RF_MAILBOX_ANSWERS(, %rax, 8), %rax
  cmpq $RF_NO_ANSWER, %rax
  jne \name\()_answered
1:
  testl $1, MAILBOX(\page, RF_MAILBOX_LISTENING)
  jz 5f
  keep \page, %rbx, RF_RBX
  keep \page, %rcx, RF_RCX
  keep \page, %rdx, RF_RDX
  keep \page, %rsi, RF_RSI
  keep \page, %rdi, RF_RDI
  keep \page, %rbp, RF_RBP
  keep \page, %rsp, RF_RSP
  keep \page, %r8, RF_R8
  keep \page, %r9, RF_R9
  keep \page, %r10, RF_R10
  keep \page, %r11, RF_R11
  keep \page, %r12, RF_R12
  keep \page, %r13, RF_R13
  keep \page, %r14, RF_R14
  keep \page, %r15, RF_R15
  movw %ds, REGISTER(\page, RF_DS)
  movw %es, REGISTER(\page, RF_ES)
  movw %fs, REGISTER(\page, RF_FS)
  movw %gs, REGISTER(\page, RF_GS)
  rdfsbase %rax
  keep \page, %rax, RF_FS_BASE
  rdgsbase %rax
  keep \page, %rax, RF_GS_BASE
  movl $RF_CALL_MADE, MAILBOX(\page, RF_MAILBOX_STATE)
  .globl \name\()_made
\name\()_made:
  movl MAILBOX(\page, RF_MAILBOX_SPINS), %eax
3:
  testl $(RF_CALL_ANSWERED | RF_CALL_LEAVE), MAILBOX(\page, RF_MAILBOX_STATE)
  jnz 4f
  pause
  decl %eax
  jnz 3b
  lock andl $~(RF_CALL_MADE | RF_CALL_TAKEN), MAILBOX(\page, RF_MAILBOX_STATE)
  jz 5f
4:
  testl $RF_CALL_ANSWERED, MAILBOX(\page, RF_MAILBOX_STATE)
  jz 5f
  movq MAILBOX(\page, RF_MAILBOX_REPLY), %rax
  /* The host has read these lines; the next call finds them here again. */
  prefetchw MAILBOX(\page, RF_MAILBOX_REGISTERS)
  prefetchw MAILBOX(\page, RF_MAILBOX_REGISTERS + 0x40)
  prefetchw MAILBOX(\page, RF_MAILBOX_REGISTERS + 0x80)
  prefetchw MAILBOX(\page, RF_MAILBOX_REGISTERS + 0xc0)
  jmp \name\()_answered
5: /* the state may be that of an earlier call */
  .globl \name\()_unanswered
\name\()_unanswered:
  movq REGISTER(\page, RF_RAX), %rax
  .globl \name\()_out
\name\()_out:
  outb %al, $RF_PORT_SYSCALL
  .endm

/*
 * The deprivileged class's doorway: SYSCALL arrives at CPL 3. The TSS allows the port, and the access leaves the
 * guest. The host resumes at the program's own address; the jump behind it only serves a program that entered by
 * itself. In the hardware class the access faults, which comes to the same.
 */
  .globl rf_stub_image
rf_stub_image:
  .globl rf_doorway_user
rf_doorway_user:
  testl $TRAP_FLAG, %r11d /* which would trap in here, once restored */
  jnz rf_doorway_user_out
  doorway rf_doorway_user, RF_PAGE_MAILBOX
  .globl rf_doorway_user_return
rf_doorway_user_return:
  jmp *%rcx
/* The program's flags are in R11; POPF takes them from a stack. */
  .globl rf_doorway_user_answered
rf_doorway_user_answered:
  movq %rsp, REGISTER(RF_PAGE_MAILBOX, RF_RSP)
  .globl rf_doorway_user_own_stack
rf_doorway_user_own_stack:
  leaq MAILBOX(RF_PAGE_MAILBOX, RF_MAILBOX_STACK_END), %rsp
  pushq %r11
  popfq
  movq REGISTER(RF_PAGE_MAILBOX, RF_RSP), %rsp
  jmp *%rcx

/* The jump entry: the return address in RCX. Does what SYSCALL would have done, which is R11. */
  .org rf_stub_image + RF_DOORWAY_JUMP
  .globl rf_doorway_jump
rf_doorway_jump:
  movq %rsp, REGISTER(RF_PAGE_MAILBOX, RF_RSP)
  .globl rf_doorway_jump_own_stack
rf_doorway_jump_own_stack:
  leaq MAILBOX(RF_PAGE_MAILBOX, RF_MAILBOX_STACK_END), %rsp
  pushfq
  popq %r11
  .globl rf_doorway_jump_flags
rf_doorway_jump_flags:
  movq REGISTER(RF_PAGE_MAILBOX, RF_RSP), %rsp
  jmp rf_doorway_user
  .globl rf_doorway_jump_end
rf_doorway_jump_end:

  .org rf_stub_image + RF_DOORWAY_JUMP_POINTER
  .quad RF_VA_SYSTEM + RF_PAGE_DOORWAY_USER * RF_PAGE_SIZE + RF_DOORWAY_JUMP

/* The hardware class's doorway: SYSCALL arrives at CPL 0, the stack pointer still the program's. */
  .balign RF_PAGE_SIZE
  .globl rf_doorway_kernel
rf_doorway_kernel:
  doorway rf_doorway_kernel, RF_PAGE_MAILBOX_KERNEL
  .globl rf_doorway_kernel_return
rf_doorway_kernel_return:
  sysretq
  .globl rf_doorway_kernel_answered
rf_doorway_kernel_answered:
  sysretq
  .globl rf_doorway_kernel_end
rf_doorway_kernel_end:

/* One stub a vector. The host tells the vector by the address, and finds the frame on the vCPU's own stack. */
  .balign RF_PAGE_SIZE
  .rept RF_VECTORS
  .balign RF_STUB_SIZE
  hlt
  .endr

  .balign RF_PAGE_SIZE
  .globl rf_stub_image_end
rf_stub_image_end:

  .section .note.GNU-stack, "", @progbits
