#include "ptrace_stub.h"

#include <elf.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#include "ptrace_image.h"

#define USER_CS 0x33
#define USER_SS 0x2b
#define RFLAGS_IF 0x202

/* Between looks at a thread that is being killed. */
#define REAP_NANOSECONDS 50000

void rf_stub_thread_init(struct rf_stub_thread *thread, pid_t process, pid_t tid) {
  *thread = (struct rf_stub_thread){.process = process, .tid = tid, .cpu = -1};
}

int rf_stub_wait(struct rf_stub_thread *thread, int *status) {
  pid_t waited;
  do
    waited = wait4(thread->tid, status, __WALL, NULL);
  while (waited < 0 && errno == EINTR);
  if (waited == thread->tid && WIFSTOPPED(*status)) {
    if (*status >> 8 != (SIGTRAP | PTRACE_EVENT_EXIT << 8))
      return 0;
    ptrace(PTRACE_CONT, thread->tid, NULL, NULL);
    return -ESRCH;
  }
  thread->dead = true;
  return waited < 0 ? -errno : -ESRCH;
}

static int set_registers(struct rf_stub_thread *thread, uint64_t rip, uint64_t rsp, long number,
                         const uint64_t arguments[6]) {
  struct user_regs_struct registers;
  memset(&registers, 0, sizeof(registers));
  registers.rip = rip;
  registers.rsp = rsp;
  registers.rax = (uint64_t)number;
  registers.orig_rax = UINT64_MAX;
  registers.rdi = arguments[0];
  registers.rsi = arguments[1];
  registers.rdx = arguments[2];
  registers.r10 = arguments[3];
  registers.r8 = arguments[4];
  registers.r9 = arguments[5];
  registers.cs = USER_CS;
  registers.ss = USER_SS;
  registers.eflags = RFLAGS_IF;
  thread->holds = false;
  /* All before the segment bases: those stay what they are. */
  struct iovec vector = {&registers, offsetof(struct user_regs_struct, fs_base)};
  return ptrace(PTRACE_SETREGSET, thread->tid, NT_PRSTATUS, &vector) < 0 ? -errno : 0;
}

/* What the stop says of the stub page's code: 1 for its breakpoint, a negative errno for what it may not do,
 * and 0 for kicks that came late and signals from outside, which are dropped. */
static int at_breakpoint(struct rf_stub_thread *thread, int stop) {
  switch (stop >> 8) {
  case SIGTRAP:
  case SIGSYS:
  case SIGSEGV:
  case SIGBUS:
    break;
  default:
    return 0;
  }
  siginfo_t siginfo;
  if (ptrace(PTRACE_GETSIGINFO, thread->tid, NULL, &siginfo) < 0)
    return -errno;
  if (siginfo.si_code <= 0)
    return 0;
  return siginfo.si_signo == SIGTRAP ? 1 : siginfo.si_signo == SIGSYS ? -EPERM : -EFAULT;
}

/* Runs the stub page from where its registers point to its breakpoint. */
static int run_to_breakpoint(struct rf_stub_thread *thread) {
  int status = 0;
  while (status == 0) {
    int stop;
    if (ptrace(PTRACE_CONT, thread->tid, NULL, NULL) < 0)
      return -errno;
    status = rf_stub_wait(thread, &stop);
    if (status == 0)
      status = at_breakpoint(thread, stop);
  }
  return status < 0 ? status : 0;
}

long rf_stub_call_at(struct rf_stub_thread *thread, uint64_t rip, long number, const uint64_t arguments[6]) {
  if (thread->dead)
    return -ESRCH;
  int status = set_registers(thread, rip, 0, number, arguments);
  if (status == 0)
    status = run_to_breakpoint(thread);
  if (status < 0)
    return status;
  errno = 0;
  long result = ptrace(PTRACE_PEEKUSER, thread->tid, offsetof(struct user_regs_struct, rax), NULL);
  return result == -1 && errno != 0 ? -errno : result;
}

long rf_stub_call(struct rf_stub_thread *thread, long number, const uint64_t arguments[6]) {
  return rf_stub_call_at(thread, RF_STUB_PAGE + RF_IMAGE_SYSCALL, number, arguments);
}

/* The page's code at `rip`; gives what register `result` holds after it. */
static int64_t word_at(struct rf_stub_thread *thread, uint64_t rip, size_t result,
                       const uint64_t arguments[6], uint32_t rax) {
  if (thread->dead)
    return -ESRCH;
  int status = set_registers(thread, rip, 0, rax, arguments);
  if (status == 0)
    status = run_to_breakpoint(thread);
  if (status < 0)
    return status;
  errno = 0;
  long value = ptrace(PTRACE_PEEKUSER, thread->tid, result, NULL);
  return errno != 0 ? -errno : (int64_t)(uint32_t)value;
}

int64_t rf_stub_exchange(struct rf_stub_thread *thread, uint64_t address, uint32_t value) {
  const uint64_t arguments[6] = {address, value};
  return word_at(thread, RF_STUB_PAGE + RF_IMAGE_EXCHANGE, offsetof(struct user_regs_struct, rsi), arguments,
                 0);
}

int64_t rf_stub_compare_exchange(struct rf_stub_thread *thread, uint64_t address, uint32_t expected,
                                 uint32_t value) {
  const uint64_t arguments[6] = {address, value};
  return word_at(thread, RF_STUB_PAGE + RF_IMAGE_COMPARE_EXCHANGE, offsetof(struct user_regs_struct, rax),
                 arguments, expected);
}

void rf_stub_follow(struct rf_stub_thread *thread) {
  const int here = sched_getcpu();
  if (here == thread->cpu || here < 0 || here >= CPU_SETSIZE)
    return;
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(here, &only);
  sched_setaffinity(thread->tid, sizeof(only), &only);
  thread->cpu = here;
}

int rf_stub_set(struct rf_stub_thread *thread, bool bases, uint64_t fs_base, uint64_t gs_base, bool id_flag) {
  const uint64_t arguments[6] = {fs_base, gs_base};
  const uint64_t rip = RF_STUB_PAGE + (bases ? RF_IMAGE_SET_BASES : RF_IMAGE_POPF);
  int status = set_registers(thread, rip, RF_STUB_PAGE + RF_IMAGE_FLAGS(id_flag), 0, arguments);
  if (status == 0)
    status = run_to_breakpoint(thread);
  if (status < 0)
    return status;
  if (bases) {
    thread->held.fs_base = fs_base;
    thread->held.gs_base = gs_base;
  }
  thread->held.eflags = id_flag ? RF_RFLAGS_ID : 0;
  return 0;
}

int rf_stub_set_signal_mask(struct rf_stub_thread *thread, uint64_t mask) {
  return ptrace(PTRACE_SETSIGMASK, thread->tid, sizeof(mask), &mask) < 0 ? -errno : 0;
}

int rf_stub_clone(struct rf_stub_thread *first, struct rf_stub_thread *thread) {
  static const uint64_t arguments[6] = {RF_STUB_CLONE_FLAGS};
  /* A thread that nobody traces yet must take no signal from outside, which could end the process. */
  if (rf_stub_set_signal_mask(first, UINT64_MAX) < 0)
    return -errno;
  long tid = rf_stub_call_at(first, RF_STUB_PAGE + RF_IMAGE_CLONE, SYS_clone, arguments);
  rf_stub_set_signal_mask(first, 0);
  if (tid < 0)
    return (int)tid;
  /* The end of a process's first thread is told of when its others have been reaped, for which nobody would
   * come while we wait for the first: it is to say beforehand that it ends. */
  ptrace(PTRACE_SETOPTIONS, first->tid, NULL, RF_TRACE_OPTIONS | PTRACE_O_TRACEEXIT);
  rf_stub_thread_init(thread, first->process, (pid_t)tid);
  thread->held = first->held;
  /* It has inherited the CPU of the first, and is to run wherever we may. */
  cpu_set_t ours;
  if (sched_getaffinity(0, sizeof(ours), &ours) == 0)
    sched_setaffinity(thread->tid, sizeof(ours), &ours);
  return 0;
}

int rf_stub_attach(struct rf_stub_thread *thread) {
  if (ptrace(PTRACE_SEIZE, thread->tid, NULL, RF_TRACE_OPTIONS) < 0 ||
      ptrace(PTRACE_INTERRUPT, thread->tid, NULL, NULL) < 0)
    return -errno;
  int stop;
  int status = rf_stub_wait(thread, &stop);
  if (status == 0)
    status = rf_stub_set_signal_mask(thread, 0);
  thread->attached = status == 0;
  return status;
}

void rf_stub_kill(const struct rf_stub_thread *first) {
  if (first->process > 0 && !first->dead)
    kill(first->process, SIGKILL);
}

void rf_stub_reap(const struct rf_stub_thread *thread) {
  /* A thread other than the first may be let go meanwhile, by the end of the thread of ours that traces it,
   * which join does not wait for: then nobody would wake us. A thread that was never attached to is nobody's
   * to wait for. */
  const struct timespec moment = {.tv_nsec = REAP_NANOSECONDS};
  const int options = thread->tid == thread->process ? __WALL : __WALL | WNOHANG;
  if (thread->dead)
    return;
  for (;;) {
    int status = 0;
    pid_t waited = wait4(thread->tid, &status, options, NULL);
    if (waited == 0)
      nanosleep(&moment, NULL);
    else if (waited > 0 && WIFSTOPPED(status))
      ptrace(PTRACE_CONT, thread->tid, NULL, NULL);
    else if (waited > 0 || errno != EINTR)
      return;
  }
}
