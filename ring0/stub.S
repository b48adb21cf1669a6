/*
 * All code that runs in the guest and is not the program's. Linked into the addon as data, one page-aligned image
 * of RF_PAGE_DOORWAY_USER, RF_PAGE_DOORWAY_KERNEL and RF_PAGE_STUBS.
 */
#include "abi.h"

  .section .rodata.ringfence_stub, "a"
  .balign RF_PAGE_SIZE

/*
 * The deprivileged class's doorway: SYSCALL arrives at CPL 3. It needs no stack and no register: the TSS allows the
 * port, and the access leaves the guest. The host resumes at the program's own address; the jump only serves a
 * program that entered by itself.
 */
  .globl rf_stub_image
rf_stub_image:
  outb %al, $RF_PORT_SYSCALL
  .globl rf_doorway_user_return
rf_doorway_user_return:
  jmp *%rcx

/* The hardware class's doorway: SYSCALL arrives at CPL 0, the stack pointer still the program's. */
  .balign RF_PAGE_SIZE
  .globl rf_doorway_kernel
rf_doorway_kernel:
  outb %al, $RF_PORT_SYSCALL
  .globl rf_doorway_kernel_return
rf_doorway_kernel_return:
  sysretq

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
