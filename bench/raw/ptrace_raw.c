/*
 * The floor under a sandbox that uses ptrace: a child makes system calls, its tracer catches each by
 * PTRACE_SYSEMU, reads the registers, writes them and goes on (ptrace(2)), and does nothing else.
 *
 * ptrace_raw one-core|two-cores: tracer and child bound to one processor, or to one each. See samples.h for
 * how it is asked.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../samples.h"

static pid_t child;

static void check(long status, const char *stage) {
  if (status >= 0)
    return;
  fprintf(stderr, "ptrace_raw: %s: %s\n", stage, strerror(errno));
  exit(1);
}

static void bind_to(int processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  check(sched_setaffinity(0, sizeof(set), &set), "sched_setaffinity");
}

static void be_child(int processor) {
  bind_to(processor);
  check(prctl(PR_SET_PDEATHSIG, SIGKILL), "prctl");
  check(ptrace(PTRACE_TRACEME, 0, NULL, NULL), "PTRACE_TRACEME");
  raise(SIGSTOP);
  for (;;)
    syscall(SYS_getpid);
}

static void wait_for_stop(void) {
  int status;
  check(waitpid(child, &status, __WALL), "waitpid");
  if (!WIFSTOPPED(status)) {
    fprintf(stderr, "ptrace_raw: the child has ended\n");
    exit(1);
  }
}

static void switch_once(void) {
  struct user_regs_struct registers;
  check(ptrace(PTRACE_SYSEMU, child, NULL, NULL), "PTRACE_SYSEMU");
  wait_for_stop();
  check(ptrace(PTRACE_GETREGS, child, NULL, &registers), "PTRACE_GETREGS");
  if (registers.orig_rax != SYS_getpid) {
    fprintf(stderr, "ptrace_raw: the child left by something else than a system call\n");
    exit(1);
  }
  registers.rax = 1;
  check(ptrace(PTRACE_SETREGS, child, NULL, &registers), "PTRACE_SETREGS");
}

static uint64_t take(unsigned batch) {
  uint64_t start = nanoseconds();
  for (unsigned i = 0; i < batch; i++)
    switch_once();
  return nanoseconds() - start;
}

int main(int argc, char **argv) {
  int two = argc > 1 && strcmp(argv[1], "two-cores") == 0;
  bind_to(0);
  check(child = fork(), "fork");
  if (child == 0)
    be_child(two ? 1 : 0);
  wait_for_stop();
  check(ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_EXITKILL), "PTRACE_SETOPTIONS");
  give_samples(take);
  return 0;
}
