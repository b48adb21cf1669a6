/* Signals with what comes along, as the calls themselves have it, and stacks that are disarmed in a handler.
 */
/* glibc does not name SS_AUTODISARM. */
#include "report.h"

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { STACK_SIZE = 1 << 16, AUTODISARM = (int)(1U << 31) };

static char *first_stack, *second_stack;
static volatile sig_atomic_t depth;

static const char *place(const void *at) {
  const char *where = at;
  if (where >= first_stack && where < first_stack + STACK_SIZE)
    return "first";
  return where >= second_stack && where < second_stack + STACK_SIZE ? "second" : "usual";
}

static void show_stack(const char *what) {
  stack_t stack;
  char here;
  sigaltstack(NULL, &stack);
  printf("%s: on the %s stack, set %s, flags %x, size %zu\n", what, place(&here),
         stack.ss_sp == NULL ? "none" : place(stack.ss_sp), (unsigned)stack.ss_flags, stack.ss_size);
}

static void on_signal(int signo) {
  stack_t other = {.ss_sp = second_stack, .ss_size = STACK_SIZE, .ss_flags = 0};
  show_stack(depth == 0 ? "handler" : "handler in a handler");
  if (signo == SIGUSR2)
    report("another stack in the handler", sigaltstack(&other, NULL));
  if (depth++ == 0)
    raise(SIGUSR1);
  depth--;
  show_stack("at the end");
}

static void stacks(void) {
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK | SA_NODEFER};
  sigaction(SIGUSR1, &action, NULL);
  sigaction(SIGUSR2, &action, NULL);
  static const int flags[] = {
      0, AUTODISARM, SS_ONSTACK, SS_ONSTACK | AUTODISARM, SS_DISABLE, SS_DISABLE | AUTODISARM};
  for (unsigned i = 0; i < sizeof flags / sizeof flags[0]; i++) {
    stack_t stack = {.ss_sp = first_stack, .ss_size = STACK_SIZE, .ss_flags = flags[i]};
    printf("-- flags %x\n", (unsigned)flags[i]);
    report("set", sigaltstack(&stack, NULL));
    show_stack("set");
    raise(SIGUSR1);
    show_stack("afterwards");
    raise(SIGUSR2);
    show_stack("after another");
  }
  stack_t wrong = {.ss_sp = first_stack, .ss_size = STACK_SIZE, .ss_flags = 4};
  report("unknown flags", sigaltstack(&wrong, NULL));
  wrong.ss_flags = SS_ONSTACK | SS_DISABLE;
  report("on it and without", sigaltstack(&wrong, NULL));
  wrong = (stack_t){.ss_sp = first_stack, .ss_size = 100, .ss_flags = AUTODISARM};
  report("too small", sigaltstack(&wrong, NULL));
  report("not there", sigaltstack((void *)8, NULL));
}

static siginfo_t seen;
static volatile sig_atomic_t arrived;

static void on_info(int signo, siginfo_t *info, void *context) {
  (void)signo, (void)context;
  seen = *info;
  arrived++;
}

static long queue(pid_t pid, int signo, const siginfo_t *info) {
  return syscall(SYS_rt_sigqueueinfo, pid, signo, info);
}

static long queue_thread(pid_t pid, pid_t tid, int signo, const siginfo_t *info) {
  return syscall(SYS_rt_tgsigqueueinfo, pid, tid, signo, info);
}

static long send_by(int fd, int signo, const siginfo_t *info, unsigned flags) {
  return syscall(SYS_pidfd_send_signal, fd, signo, info, flags);
}

static void show_arrived(const char *what) {
  if (arrived)
    printf("%s: signal %d, code %d, errno %d, sender %d %u, value %d\n", what, seen.si_signo, seen.si_code,
           seen.si_errno, seen.si_pid == getpid() ? -1 : seen.si_pid,
           seen.si_uid == getuid() ? 0 : seen.si_uid, seen.si_value.sival_int);
  else
    printf("%s: nothing\n", what);
  arrived = 0;
}

static siginfo_t info_of(int signo, int code) {
  siginfo_t info;
  memset(&info, 0, sizeof info);
  info.si_signo = signo;
  info.si_code = code;
  info.si_errno = 5;
  info.si_pid = 4242;
  info.si_uid = 4343;
  info.si_value.sival_int = 77;
  return info;
}

static const int codes[] = {SI_USER,    SI_KERNEL, SI_QUEUE, SI_TIMER, SI_MESGQ,
                            SI_ASYNCIO, SI_TKILL,  -60,      1,        100};

static void *wait_for_end(void *ends) {
  char byte;
  (void)!read(*(int *)ends, &byte, 1);
  return NULL;
}

static void to_itself(void) {
  struct sigaction action = {.sa_sigaction = on_info, .sa_flags = SA_SIGINFO};
  pid_t self = getpid();
  int fd = (int)syscall(SYS_pidfd_open, self, 0);
  sigaction(SIGRTMIN, &action, NULL);
  for (unsigned i = 0; i < sizeof codes / sizeof codes[0]; i++) {
    siginfo_t info = info_of(12, codes[i]);
    printf("code %d, ", codes[i]);
    report("queue", queue(self, SIGRTMIN, &info));
    show_arrived("arrived");
    report("to the thread", queue_thread(self, self, SIGRTMIN, &info));
    show_arrived("arrived");
    report("by descriptor, another signal", send_by(fd, SIGRTMIN, &info, 0));
    info.si_signo = SIGRTMIN;
    report("by descriptor", send_by(fd, SIGRTMIN, &info, 0));
    show_arrived("arrived");
  }
  report("by descriptor, nothing along", send_by(fd, SIGRTMIN, NULL, 0));
  show_arrived("arrived");
}

static void to_others(void) {
  int ends[2], status;
  (void)!pipe(ends);
  pid_t pid = fork();
  if (pid == 0) {
    char byte;
    close(ends[1]);
    _exit(read(ends[0], &byte, 1) == 0 ? 3 : 4);
  }
  int fd = (int)syscall(SYS_pidfd_open, pid, 0);
  for (unsigned i = 0; i < sizeof codes / sizeof codes[0]; i++) {
    siginfo_t info = info_of(0, codes[i]);
    printf("code %d, ", codes[i]);
    report("queue", queue(pid, 0, &info));
    report("to a thread", queue_thread(pid, pid, 0, &info));
    report("by descriptor", send_by(fd, 0, &info, 0));
  }
  siginfo_t info = info_of(0, SI_QUEUE);
  report("no such signal", queue(pid, 65, &info));
  report("no such signal, to a thread", queue_thread(pid, pid, 65, &info));
  info.si_signo = 65;
  report("no such signal, by descriptor", send_by(fd, 65, &info, 0));
  report("no such signal, nothing along", send_by(fd, -1, NULL, 0));
  info.si_signo = 0;
  report("nothing to read", queue(pid, 0, (void *)8));
  report("nothing to read, by descriptor", send_by(fd, 0, (void *)8, 0));
  report("no process", queue(0x3ffffff, 0, &info));
  report("the group's", queue(0, 0, &info));
  report("negative", queue(-1, 0, &info));
  report("no thread", queue_thread(pid, 0x3ffffff, 0, &info));
  report("another's thread", queue_thread(getpid(), pid, 0, &info));
  report("thread 0", queue_thread(pid, 0, 0, &info));
  report("process 0", queue_thread(0, pid, 0, &info));
  report("unknown flags", send_by(fd, 0, &info, 0x80));
  report("no descriptor", send_by(999, 0, &info, 0));
  report("another descriptor", send_by(ends[1], 0, NULL, 0));
  report("another descriptor, flags", send_by(ends[1], 0, NULL, 0x80));
  close(ends[1]);
  siginfo_t ended;
  waitid(P_PIDFD, (id_t)fd, &ended, WEXITED | WNOWAIT);
  report("to the dead", send_by(fd, 0, NULL, 0));
  waitpid(pid, &status, 0);
  report("to who is gone", send_by(fd, 0, NULL, 0));
  report("queued for who is gone", queue(pid, 0, &info));
  printf("status %d\n", WEXITSTATUS(status));
}

static void *tid_of;

static void *thread(void *argument) {
  sigset_t set;
  sigemptyset(&set);
  pthread_sigmask(SIG_SETMASK, &set, NULL);
  tid_of = (void *)syscall(SYS_gettid);
  return wait_for_end(argument);
}

static void to_one_thread(void) {
  pthread_t id;
  int ends[2];
  sigset_t set;
  (void)!pipe(ends);
  tid_of = NULL;
  pthread_create(&id, NULL, thread, ends);
  while (*(void *volatile *)&tid_of == NULL)
    sched_yield();
  sigemptyset(&set);
  sigaddset(&set, SIGRTMIN);
  siginfo_t info = info_of(0, SI_USER);
  report("another thread, as if by kill", queue_thread(getpid(), (pid_t)(intptr_t)tid_of, 0, &info));
  report("another thread, by its id alone", queue((pid_t)(intptr_t)tid_of, 0, &info));
  info.si_code = SI_QUEUE;
  report("another thread's id as a process", queue((pid_t)(intptr_t)tid_of, 0, &info));
  close(ends[1]);
  pthread_join(id, NULL);
}

static void as_somebody(void) {
  // Nobody's processes: who may send what is asked by ids.
  int status;
  pid_t parent = getpid();
  if (geteuid() != 0)
    return (void)puts("not root");
  pid_t pid = fork();
  if (pid == 0) {
    (void)!setresuid(65534, 65534, 65534);
    siginfo_t info = info_of(0, SI_QUEUE);
    report("to root", queue(parent, 0, &info));
    report("to a thread of root's", queue_thread(parent, parent, 0, &info));
    int fd = (int)syscall(SYS_pidfd_open, parent, 0);
    report("by descriptor", send_by(fd, 0, NULL, 0));
    _exit(0);
  }
  waitpid(pid, &status, 0);
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  first_stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  second_stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  stacks();
  to_itself();
  to_others();
  to_one_thread();
  as_somebody();
  return 0;
}
