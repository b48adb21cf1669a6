#include "ptrace_stub.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>

#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ptrace_image.h"

#define TRACE_OPTIONS (PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)

/* Descriptors of a stub. */
#define MEMORY_FD 0
#define IMAGE_FD 1

#define USER_CS 0x33
#define USER_SS 0x2b
#define RFLAGS_IF 0x202

#define BIRTH_STACK_SIZE 65536

/* What the child needs before it executes the image; it shares the parent's memory and must write none of it.
 */
struct birth {
  int memory_fd, image_fd;
  pid_t parent;
};

int rf_stub_wait(struct rf_stub_thread *thread, int *status) {
  pid_t waited;
  do
    waited = wait4(thread->tid, status, __WALL, NULL);
  while (waited < 0 && errno == EINTR);
  if (waited == thread->tid && WIFSTOPPED(*status))
    return 0;
  thread->dead = true;
  return waited < 0 ? -errno : -ESRCH;
}

/* In the child, from clone to exec. No library function that takes a lock or allocates. */
static int be_born(void *argument) {
  const struct birth *birth = argument;
  const struct rlimit none = {0, 0};
  /* The parent's end is the thread's that made it; a parent that ended before this is not noticed by it. */
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != birth->parent)
    _exit(ESRCH);
  if (setsid() < 0 || chdir("/") < 0 || setrlimit(RLIMIT_CORE, &none) < 0)
    _exit(errno);
  if (dup2(birth->memory_fd, MEMORY_FD) < 0 || dup2(birth->image_fd, IMAGE_FD) < 0)
    _exit(errno);
  if (syscall(SYS_close_range, IMAGE_FD + 1, UINT_MAX, 0) < 0)
    _exit(errno);
  if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
    _exit(errno);
  char *const nothing[] = {NULL};
  char *const arguments[] = {"ringfence-stub", NULL};
  syscall(SYS_execveat, IMAGE_FD, "", arguments, nothing, AT_EMPTY_PATH);
  _exit(errno);
}

/* Clones and executes the image; the child is stopped behind its execve. Its pid, or a negative errno. */
static pid_t bear(const struct birth *birth) {
  void *stack = mmap(NULL, BIRTH_STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (stack == MAP_FAILED)
    return -errno;
  /* No handler of ours may run in the child while it shares our memory. */
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  pid_t pid =
      clone(be_born, (char *)stack + BIRTH_STACK_SIZE, CLONE_VM | CLONE_VFORK | SIGCHLD, (void *)birth);
  int error = errno;
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  munmap(stack, BIRTH_STACK_SIZE);
  if (pid < 0)
    return -error;
  int status;
  pid_t waited;
  do
    waited = waitpid(pid, &status, __WALL);
  while (waited < 0 && errno == EINTR);
  if (waited < 0)
    return -errno;
  if (WIFEXITED(status))
    return -WEXITSTATUS(status);
  return WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP ? pid : -ECHILD;
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

/* Runs the stub page from where its registers point to its breakpoint. */
static int run_to_breakpoint(struct rf_stub_thread *thread) {
  int status = 0;
  while (status == 0) {
    int stop;
    if (ptrace(PTRACE_CONT, thread->tid, NULL, NULL) < 0)
      return -errno;
    status = rf_stub_wait(thread, &stop);
    /* Kicks that came late, and signals from outside, are dropped. */
    if (status == 0 && stop >> 8 == SIGTRAP)
      break;
    if (status == 0 && stop >> 8 == SIGSYS)
      return -EPERM;
  }
  return status;
}

/* The system call at `rip`; gives rax. */
static long call_at(struct rf_stub_thread *thread, uint64_t rip, long number, const uint64_t arguments[6]) {
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
  return call_at(thread, RF_STUB_PAGE + RF_IMAGE_SYSCALL, number, arguments);
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

struct step {
  const char *stage;
  long number;
  uint64_t arguments[6];
};

static int take(struct rf_stub_thread *thread, const struct step *step, const char **stage) {
  *stage = step->stage;
  long result = rf_stub_call(thread, step->number, step->arguments);
  return result < 0 ? (int)result : 0;
}

/* From a process that has executed the image to one that has nothing but the stub page and its memory file.
 */
static int strip(struct rf_stub_thread *thread, const char **stage) {
  static const struct step steps[] = {
      {"unmap the stub's memory", SYS_munmap, {0, RF_STUB_PAGE}},
      {"close the image", SYS_close, {IMAGE_FD}},
      {"name the stub", SYS_prctl, {PR_SET_NAME, RF_STUB_PAGE + offsetof(struct rf_stub_image, name)}},
      {"forbid new privileges", SYS_prctl, {PR_SET_NO_NEW_PRIVS, 1}},
      {"install the system call filter",
       SYS_seccomp,
       {SECCOMP_SET_MODE_FILTER, 0, RF_STUB_PAGE + offsetof(struct rf_stub_image, program)}},
  };
  static const uint64_t page[6] = {RF_STUB_PAGE, PAGE_SIZE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED,
                                   IMAGE_FD,     0};
  *stage = "map the stub page";
  long mapped = call_at(thread, RF_IMAGE_ADDRESS + RF_IMAGE_SYSCALL, SYS_mmap, page);
  if (mapped != RF_STUB_PAGE)
    return mapped < 0 ? (int)mapped : -ENOMEM;
  for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
    int status = take(thread, &steps[i], stage);
    if (status < 0)
      return status;
  }
  /* A call that the filter lets nobody make: proof that it is there. */
  *stage = "check the system call filter";
  static const uint64_t none[6];
  return rf_stub_call(thread, SYS_getpid, none) == -EPERM ? 0 : -ENOTSUP;
}

static int set_up(struct rf_stub_thread *thread, const char **stage) {
  *stage = "trace the stub";
  if (ptrace(PTRACE_SETOPTIONS, thread->tid, NULL, TRACE_OPTIONS) < 0)
    return -errno;
  uint64_t no_signals = 0;
  if (ptrace(PTRACE_SETSIGMASK, thread->tid, sizeof(no_signals), &no_signals) < 0)
    return -errno;
  return strip(thread, stage);
}

int rf_stub_spawn(int memory_fd, struct rf_stub_thread *first, const char **stage) {
  memset(first, 0, sizeof(*first));
  *stage = "make the stub's image";
  struct birth birth = {.memory_fd = memory_fd, .image_fd = rf_image_create(), .parent = getpid()};
  if (birth.image_fd < 0)
    return birth.image_fd;
  *stage = "start a traced process";
  pid_t pid = bear(&birth);
  close(birth.image_fd);
  if (pid < 0)
    return pid;
  *first = (struct rf_stub_thread){.process = pid, .tid = pid, .attached = true};
  int status = set_up(first, stage);
  if (status < 0) {
    rf_stub_kill(first);
    rf_stub_reap(first);
    first->dead = true;
  }
  return status;
}

int rf_stub_clone(struct rf_stub_thread *first, struct rf_stub_thread *thread) {
  static const uint64_t arguments[6] = {RF_STUB_CLONE_FLAGS};
  memset(thread, 0, sizeof(*thread));
  long tid = call_at(first, RF_STUB_PAGE + RF_IMAGE_CLONE, SYS_clone, arguments);
  if (tid < 0)
    return (int)tid;
  thread->process = first->process;
  thread->tid = (pid_t)tid;
  thread->held = first->held;
  return 0;
}

int rf_stub_attach(struct rf_stub_thread *thread) {
  if (ptrace(PTRACE_SEIZE, thread->tid, NULL, TRACE_OPTIONS) < 0 ||
      ptrace(PTRACE_INTERRUPT, thread->tid, NULL, NULL) < 0)
    return -errno;
  int stop;
  int status = rf_stub_wait(thread, &stop);
  thread->attached = status == 0;
  return status;
}

void rf_stub_kill(const struct rf_stub_thread *first) {
  if (first->process > 0 && !first->dead)
    kill(first->process, SIGKILL);
}

void rf_stub_reap(const struct rf_stub_thread *thread) {
  int status;
  pid_t waited;
  if (thread->dead)
    return;
  /* A thread that was never attached to is nobody's to wait for. */
  do
    waited = wait4(thread->tid, &status, __WALL, NULL);
  while ((waited < 0 && errno == EINTR) || (waited > 0 && WIFSTOPPED(status)));
}
