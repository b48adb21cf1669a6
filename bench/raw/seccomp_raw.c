/*
 * Two more floors, of sandboxes by seccomp(2). `notify`: a child's call waits until its supervisor, on the
 * same processor, has read the notification and answered it (seccomp_unotify(2)). `sigsys`: the filter has
 * the kernel send SIGSYS, and the handler in the process itself answers. See samples.h for how it is asked.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/ucontext.h>
#include <unistd.h>

#include "../samples.h"

/* getpid's number is what both sides answer with, so an answer of the kernel's own would show. */
#define ANSWER SYS_getpid

static long check(long status, const char *stage) {
  if (status >= 0)
    return status;
  fprintf(stderr, "seccomp_raw: %s: %s\n", stage, strerror(errno));
  exit(1);
}

static void bind_to_first(void) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(0, &set);
  check(sched_setaffinity(0, sizeof(set), &set), "sched_setaffinity");
}

/* From here on `action` is what happens to getpid; gives the listener, if `flags` ask for one. */
static int filter_getpid(uint32_t action, unsigned flags) {
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpid, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, action),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {sizeof(code) / sizeof(*code), code};
  check(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "PR_SET_NO_NEW_PRIVS");
  return (int)check(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program), "seccomp");
}

static void check_answer(long answer) {
  if (answer == ANSWER)
    return;
  fprintf(stderr, "seccomp_raw: getpid gave %ld\n", answer);
  exit(1);
}

static void answer_here(int number, siginfo_t *info, void *context) {
  (void)number;
  (void)info;
  ((ucontext_t *)context)->uc_mcontext.gregs[REG_RAX] = ANSWER;
}

static uint64_t take_sigsys(unsigned batch) {
  uint64_t start = nanoseconds();
  for (unsigned i = 0; i < batch; i++)
    check_answer(syscall(SYS_getpid));
  return nanoseconds() - start;
}

static void sample_sigsys(void) {
  struct sigaction action = {.sa_sigaction = answer_here, .sa_flags = SA_SIGINFO};
  check(sigaction(SIGSYS, &action, NULL), "sigaction");
  filter_getpid(SECCOMP_RET_TRAP, 0);
  give_samples(take_sigsys);
}

static int listener;

/* What the child tells: its listener, once it is there. Descriptors are shared. */
static atomic_int *told;

static int be_child(void *argument) {
  (void)argument;
  check(prctl(PR_SET_PDEATHSIG, SIGKILL), "prctl");
  atomic_store(told, filter_getpid(SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER));
  for (;;)
    check_answer(syscall(SYS_getpid));
  return 0;
}

static uint64_t take_notify(unsigned batch) {
  uint64_t start = nanoseconds();
  for (unsigned i = 0; i < batch; i++) {
    struct seccomp_notif notification = {0};
    check(ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &notification), "SECCOMP_IOCTL_NOTIF_RECV");
    struct seccomp_notif_resp answer = {.id = notification.id, .val = ANSWER};
    check(ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &answer), "SECCOMP_IOCTL_NOTIF_SEND");
  }
  return nanoseconds() - start;
}

static void sample_notify(void) {
  static char stack[65536] __attribute__((aligned(16)));
  void *shared = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  check(shared == MAP_FAILED ? -1 : 0, "mmap");
  told = shared;
  bind_to_first();
  int child = (int)check(clone(be_child, stack + sizeof(stack), CLONE_FILES | SIGCHLD, NULL), "clone");
  while ((listener = atomic_load(told)) == 0)
    sched_yield();
  give_samples(take_notify);
  kill(child, SIGKILL);
}

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "notify") == 0)
    sample_notify();
  else
    sample_sigsys();
  return 0;
}
