#include "ptrace_context.h"

#include <elf.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "interrupts.h"
#include "ptrace_fault.h"

#ifndef AUDIT_ARCH_X86_64
#include <linux/audit.h>
#endif

/* The host's XSAVE area, AMX's tiles and what may come with it. */
#define XSTATE_MAX 32768
/* In it, in 32-bit words (SDM volume 1, section 13.4). */
#define XSTATE_FCW 0
#define XSTATE_MXCSR 6
#define XSTATE_BV 128
#define XSTATE_X87_SSE 3
#define XSTATE_HEADER_SIZE 64
#define FCW_INITIAL 0x37f
#define MXCSR_INITIAL 0x1f80
#define MXCSR_DEFINED 0xffff
/* x87, SSE, AVX, AVX-512 and PKRU, as the contract's area has room for. */
#define XSTATE_KNOWN 0x2e7
/* Where Linux tells in the area which components are enabled (struct _fpx_sw_bytes, xstate_bv). */
#define XSTATE_ENABLED 116

#define USER_CS 0x33
#define USER_SS 0x2b
/* Segment bases from here on are refused by ptrace. */
#define BASE_END 0x7ffffffff000
#define SYSCALL_LENGTH 2
/* In words: the registers before the segment bases, and how many of them are better written one by one. */
#define GENERAL_WORDS (offsetof(struct user_regs_struct, fs_base) / sizeof(uint64_t))
#define POKES_MAX 4
/* What Linux returns inside where a call is to be restarted: ERESTARTSYS to ERESTART_RESTARTBLOCK. */
#define RESTART_MIN 512
#define RESTART_MAX 516

struct rf_trace_context {
  uint64_t id;
  pthread_mutex_t mutex; /* of the next two */
  bool interrupted;
  const struct rf_stub_thread *running;
  /* The thread whose registers hold the extended state, or did when it was saved. */
  const struct rf_stub_thread *resident;
  bool saved; /* `xstate` has all that `resident` has */
  uint32_t xstate[XSTATE_MAX / sizeof(uint32_t)];
};

struct rf_trace_context *rf_trace_context_new(void) {
  struct rf_trace_context *context = calloc(1, sizeof(*context));
  if (!context)
    return NULL;
  context->id = rf_interrupts_new_id();
  pthread_mutex_init(&context->mutex, NULL);
  context->saved = true;
  context->xstate[XSTATE_FCW] = FCW_INITIAL;
  context->xstate[XSTATE_MXCSR] = MXCSR_INITIAL;
  context->xstate[XSTATE_BV] = XSTATE_X87_SSE;
  return context;
}

void rf_trace_context_delete(struct rf_trace_context *context) {
  pthread_mutex_destroy(&context->mutex);
  free(context);
}

uint64_t rf_trace_context_id(const struct rf_trace_context *context) { return context->id; }

void rf_trace_interrupt(struct rf_trace_context *context) {
  pthread_mutex_lock(&context->mutex);
  context->interrupted = true;
  if (context->running)
    syscall(SYS_tgkill, context->running->process, context->running->tid, RF_STUB_KICK);
  pthread_mutex_unlock(&context->mutex);
}

static bool take_interrupt(struct rf_trace_context *context, const struct rf_stub_thread *running) {
  pthread_mutex_lock(&context->mutex);
  bool interrupted = context->interrupted;
  context->interrupted = false;
  context->running = interrupted ? NULL : running;
  pthread_mutex_unlock(&context->mutex);
  return interrupted;
}

static void leave(struct rf_trace_context *context) {
  pthread_mutex_lock(&context->mutex);
  context->running = NULL;
  pthread_mutex_unlock(&context->mutex);
}

int rf_trace_save(struct rf_stub_thread *thread, struct rf_trace_context *context) {
  if (context->saved || context->resident != thread || thread->resident != context->id)
    return 0;
  struct iovec area = {context->xstate, sizeof(context->xstate)};
  if (ptrace(PTRACE_GETREGSET, thread->tid, NT_X86_XSTATE, &area) < 0)
    return -errno;
  context->saved = true;
  return 0;
}

static size_t area_size(const struct rf_stub_thread *thread, uint64_t *enabled) {
  uint32_t probe[XSTATE_MAX / sizeof(uint32_t)];
  struct iovec area = {probe, sizeof(probe)};
  if (ptrace(PTRACE_GETREGSET, thread->tid, NT_X86_XSTATE, &area) < 0)
    return 0;
  memcpy(enabled, &probe[XSTATE_ENABLED], sizeof(*enabled));
  return area.iov_len;
}

static int load(struct rf_stub_thread *thread, struct rf_trace_context *context) {
  if (context->resident == thread && thread->resident == context->id)
    return 0;
  uint64_t enabled = 0;
  size_t size = area_size(thread, &enabled);
  if (size == 0)
    return -errno;
  context->xstate[XSTATE_BV] &= (uint32_t)enabled & XSTATE_KNOWN;
  memset(&context->xstate[XSTATE_BV + 1], 0, XSTATE_HEADER_SIZE - sizeof(uint32_t));
  struct iovec area = {context->xstate, size};
  if (ptrace(PTRACE_SETREGSET, thread->tid, NT_X86_XSTATE, &area) < 0)
    return -errno;
  thread->resident = context->id;
  context->resident = thread;
  return 0;
}

int rf_trace_get_xsave(const struct rf_trace_context *context, void *xsave) {
  memcpy(xsave, context->xstate, RF_XSAVE_SIZE);
  return 0;
}

int rf_trace_set_xsave(struct rf_trace_context *context, const void *xsave) {
  memset(context->xstate, 0, sizeof(context->xstate));
  memcpy(context->xstate, xsave, RF_XSAVE_SIZE);
  context->xstate[XSTATE_MXCSR] &= MXCSR_DEFINED;
  context->resident = NULL;
  context->saved = true;
  return 0;
}

/* Bit 47 and all above it are the same. */
static bool is_canonical(uint64_t address) { return (uint64_t)((int64_t)(address << 16) >> 16) == address; }

/* A selector that ptrace takes: of ring 3, or null. */
static uint64_t selector(uint64_t value) { return (value & 3) == 3 ? value & 0xffff : 0; }

/* What ptrace does not set, where it differs. Afterwards the bases need not be set any more. */
static int set_by_stub(struct rf_stub_thread *thread, const struct user_regs_struct *user) {
  const struct user_regs_struct *held = &thread->held;
  const bool id_flag = (user->eflags & RF_RFLAGS_ID) != 0;
  const bool bases = (user->fs_base != held->fs_base || user->gs_base != held->gs_base) &&
                     (user->fs_base >= BASE_END || user->gs_base >= BASE_END);
  if (!bases && id_flag == ((held->eflags & RF_RFLAGS_ID) != 0))
    return 0;
  return rf_stub_set(thread, bases, user->fs_base, user->gs_base, id_flag);
}

/* Sets the words from `first` up to `end` that differ from what the thread holds, one by one. */
static int poke(struct rf_stub_thread *thread, const struct user_regs_struct *user, size_t first,
                size_t end) {
  const uint64_t *words = (const uint64_t *)user;
  uint64_t *held = (uint64_t *)&thread->held;
  for (size_t i = first; i < end; i++) {
    if (words[i] == held[i])
      continue;
    if (ptrace(PTRACE_POKEUSER, thread->tid, i * sizeof(uint64_t), words[i]) < 0)
      return -errno;
    held[i] = words[i];
  }
  return 0;
}

static size_t count_changes(const struct rf_stub_thread *thread, const struct user_regs_struct *user) {
  const uint64_t *words = (const uint64_t *)user, *held = (const uint64_t *)&thread->held;
  size_t changes = 0;
  for (size_t i = 0; i < GENERAL_WORDS; i++)
    changes += words[i] != held[i];
  return changes;
}

/* Behind a system call that Linux has seen, and with such a value in rax, a kick would have it restarted. */
static bool looks_like_restart(uint64_t rax) {
  return rax >= (uint64_t)-RESTART_MAX && rax <= (uint64_t)-RESTART_MIN;
}

/* A system call's result is all that most switches change: one word costs a quarter of what all cost. */
static int set_general(struct rf_stub_thread *thread, struct user_regs_struct *user) {
  user->orig_rax = thread->holds && !looks_like_restart(user->rax) ? thread->held.orig_rax : UINT64_MAX;
  user->cs = USER_CS;
  user->ss = USER_SS;
  if (thread->holds && count_changes(thread, user) <= POKES_MAX)
    return poke(thread, user, 0, GENERAL_WORDS);
  struct iovec vector = {user, GENERAL_WORDS * sizeof(uint64_t)};
  if (ptrace(PTRACE_SETREGSET, thread->tid, NT_PRSTATUS, &vector) < 0)
    return -errno;
  memcpy(&thread->held, user, GENERAL_WORDS * sizeof(uint64_t));
  thread->holds = true;
  return 0;
}

static int set_registers(struct rf_stub_thread *thread, const struct rf_registers *registers) {
  struct user_regs_struct user = registers->user;
  user.ds = selector(user.ds);
  user.es = selector(user.es);
  user.fs = selector(user.fs);
  user.gs = selector(user.gs);
  int status = set_by_stub(thread, &user);
  if (status == 0)
    status = poke(thread, &user, GENERAL_WORDS, sizeof(user) / sizeof(uint64_t));
  return status < 0 ? status : set_general(thread, &user);
}

static int get_registers(struct rf_stub_thread *thread, struct rf_registers *registers) {
  if (ptrace(PTRACE_GETREGS, thread->tid, NULL, &registers->user) < 0)
    return -errno;
  thread->held = registers->user;
  thread->holds = true;
  return 0;
}

/* The 64-bit `syscall`, and not `int $0x80` or a call of 32-bit code, which are no system calls here. */
static bool is_syscall(const struct rf_stub_thread *thread, const struct user_regs_struct *user) {
  if (user->cs != USER_CS)
    return false;
  if (user->rcx == user->rip && user->r11 == user->eflags)
    return true;
  struct __ptrace_syscall_info info;
  return ptrace(PTRACE_GET_SYSCALL_INFO, thread->tid, sizeof(info), &info) > 0 &&
         info.arch == AUDIT_ARCH_X86_64;
}

static enum rf_result on_syscall(struct rf_stub_thread *thread, struct rf_registers *registers) {
  struct user_regs_struct *user = &registers->user;
  if (get_registers(thread, registers) < 0)
    return RF_FAILED;
  user->rax = user->orig_rax;
  if (is_syscall(thread, user)) {
    user->rcx = user->rip;
    user->r11 = user->eflags;
    return RF_SYSCALL;
  }
  /* A gate that a 64-bit program has no use for: the general protection fault that a kernel without it gives.
   */
  user->rip -= SYSCALL_LENGTH;
  user->orig_rax = UINT64_MAX;
  rf_report(registers, SIGSEGV, SI_KERNEL, 0);
  return RF_SIGNAL;
}

/* A jump into the host's vsyscall page, which the filter refused: nothing is mapped there for a guest. */
static enum rf_result on_refused(const siginfo_t *siginfo, struct rf_registers *registers) {
  registers->user.rip = (uint64_t)siginfo->si_call_addr;
  registers->user.rsp -= sizeof(uint64_t);
  registers->user.orig_rax = UINT64_MAX;
  rf_report(registers, SIGSEGV, SEGV_MAPERR, registers->user.rip);
  return RF_SIGNAL;
}

/* A signal of the processor's making; false for one that somebody sent, which is dropped. */
static bool on_signal(struct rf_stub_thread *thread, struct rf_registers *registers, enum rf_result *result) {
  siginfo_t siginfo;
  *result = RF_FAILED;
  if (ptrace(PTRACE_GETSIGINFO, thread->tid, NULL, &siginfo) < 0)
    return true;
  if (siginfo.si_code <= 0)
    return false;
  if (get_registers(thread, registers) < 0)
    return true;
  if (siginfo.si_signo == SIGSYS) {
    *result = on_refused(&siginfo, registers);
    return true;
  }
  registers->user.orig_rax = UINT64_MAX;
  rf_fault_report(thread, &siginfo, registers);
  *result = RF_SIGNAL;
  return true;
}

/* Whether the stop ends the switch, and with what. */
static bool on_stop(struct rf_stub_thread *thread, struct rf_trace_context *context, int stop,
                    struct rf_registers *registers, enum rf_result *result) {
  switch (stop >> 8) {
  case SIGTRAP | 0x80:
    *result = on_syscall(thread, registers);
    return true;
  case RF_STUB_KICK:
    if (!take_interrupt(context, thread) && !__atomic_exchange_n(&thread->expired, false, __ATOMIC_ACQ_REL))
      return false;
    *result = get_registers(thread, registers) < 0 ? RF_FAILED : RF_INTERRUPT;
    registers->user.orig_rax = UINT64_MAX;
    return true;
  case SIGSEGV:
  case SIGBUS:
  case SIGFPE:
  case SIGILL:
  case SIGTRAP:
  case SIGSYS:
    return on_signal(thread, registers, result);
  default:
    return false; /* a signal or a stop from outside */
  }
}

static enum rf_result run(struct rf_stub_thread *thread, struct rf_trace_context *context,
                          struct rf_registers *registers) {
  enum rf_result result = RF_FAILED;
  int stop;
  context->saved = false;
  do {
    if (ptrace(PTRACE_SYSEMU, thread->tid, NULL, NULL) < 0 || rf_stub_wait(thread, &stop) < 0)
      return RF_FAILED;
  } while (!on_stop(thread, context, stop, registers, &result));
  return result;
}

enum rf_result rf_trace_run(struct rf_stub_thread *thread, struct rf_trace_context *context,
                            struct rf_registers *registers) {
  const struct user_regs_struct *user = &registers->user;
  if (!is_canonical(user->fs_base) || !is_canonical(user->gs_base))
    return RF_BAD_REGISTERS;
  if (thread->dead)
    return RF_FAILED;
  if (load(thread, context) < 0 || set_registers(thread, registers) < 0)
    return RF_FAILED;
  /* Kicks before this point have been dropped; what they stood for has not. */
  if (take_interrupt(context, thread))
    return RF_INTERRUPT;
  if (__atomic_exchange_n(&thread->expired, false, __ATOMIC_ACQ_REL)) {
    leave(context);
    return RF_INTERRUPT;
  }
  enum rf_result result = run(thread, context, registers);
  leave(context);
  return result;
}
