#include "ptrace_fault.h"

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

/* In the XSAVE area, in 32-bit words: control and status of x87, and MXCSR (SDM volume 1, section 13.4). */
#define XSTATE_FCW 0
#define XSTATE_MXCSR 6
#define XSTATE_LEGACY_SIZE 512
#define FSW_SUMMARY 0x80
#define MXCSR_FLAGS 0x3f
#define MXCSR_MASK_SHIFT 7

/* Exceptions (SDM volume 3, table 6-1). */
#define VECTOR_DE 0
#define VECTOR_DB 1
#define VECTOR_BP 3
#define VECTOR_UD 6
#define VECTOR_SS 12
#define VECTOR_GP 13
#define VECTOR_PF 14
#define VECTOR_MF 16
#define VECTOR_AC 17
#define VECTOR_XM 19

/* An instruction of x87 behind its prefixes, or one that waits for it. */
static bool is_x87_instruction(const struct rf_stub_thread *thread, uint64_t rip) {
  uint64_t code = (uint64_t)ptrace(PTRACE_PEEKTEXT, thread->tid, rip, NULL);
  while ((code & 0xf0) == 0x40 || (code & 0xfe) == 0x66 || (code & 0xfe) == 0xf2 || (code & 0xe7) == 0x26)
    code >>= 8;
  return (code & 0xf8) == 0xd8 || (code & 0xff) == 0x9b;
}

/* Whose exception a SIGFPE is: the status that raises it is still there. */
static uint32_t float_vector(const struct rf_stub_thread *thread, uint64_t rip) {
  uint32_t area[XSTATE_LEGACY_SIZE / sizeof(uint32_t)];
  struct iovec vector = {area, sizeof(area)};
  if (ptrace(PTRACE_GETREGSET, thread->tid, NT_X86_XSTATE, &vector) < 0)
    return VECTOR_XM;
  const bool x87 = (area[XSTATE_FCW] >> 16 & FSW_SUMMARY) != 0;
  const uint32_t mxcsr = area[XSTATE_MXCSR];
  const bool sse = (mxcsr & ~(mxcsr >> MXCSR_MASK_SHIFT) & MXCSR_FLAGS) != 0;
  return x87 && (!sse || is_x87_instruction(thread, rip)) ? VECTOR_MF : VECTOR_XM;
}

/* The exception that Linux makes such a siginfo of (arch/x86/kernel/traps.c); SSE's stands for x87's, too,
 * and #GP for what else has its signal. */
static uint32_t vector_of(int signo, int code) {
  switch (signo) {
  case SIGFPE:
    return code == FPE_INTDIV ? VECTOR_DE : VECTOR_XM;
  case SIGTRAP:
    return code == SI_KERNEL ? VECTOR_BP : VECTOR_DB;
  case SIGILL:
    return VECTOR_UD;
  case SIGBUS:
    return code == BUS_ADRALN ? VECTOR_AC : code == SI_KERNEL ? VECTOR_SS : VECTOR_PF;
  default:
    return code == SI_KERNEL ? VECTOR_GP : VECTOR_PF;
  }
}

void rf_report(struct rf_registers *registers, int signo, int code, uint64_t address) {
  registers->signo = signo;
  registers->code = code;
  registers->fault_address = address;
  registers->access = 0;
  registers->vector = vector_of(signo, code);
  registers->error_code = 0;
}

void rf_fault_report(const struct rf_stub_thread *thread, const siginfo_t *siginfo,
                     struct rf_registers *registers) {
  rf_report(registers, siginfo->si_signo, siginfo->si_code, (uint64_t)siginfo->si_addr);
  if (registers->vector == VECTOR_XM)
    registers->vector = float_vector(thread, registers->user.rip);
}
