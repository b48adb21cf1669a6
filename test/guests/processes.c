/* Processes: what fork, exec, exit and wait do, told line by line. Ids are shown only as relations. */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *self;

static const char *code_name(int code) {
  static const char *const names[] = {"-", "exited", "killed", "dumped", "trapped", "stopped", "continued"};
  return names[code];
}

/* A core file is the host's choice. */
static int without_core(int status) { return WIFSIGNALED(status) ? status & ~0x80 : status; }

static void say(const char *what, long value) {
  printf("%s: %ld%s%s\n", what, value, value < 0 ? " " : "", value < 0 ? strerror(errno) : "");
  fflush(stdout);
}

static pid_t child(void (*body)(void)) {
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    body();
    _exit(0);
  }
  return pid;
}

static void exits_with_7(void) { _exit(7); }
static void aborts(void) {
  prctl(PR_SET_DUMPABLE, 0);
  abort();
}
static void kills_itself(void) { raise(SIGKILL); }
static void writes_null(void) { *(volatile int *)8 = 1; }
static void sleeps(void) {
  for (;;)
    pause();
}

static void statuses(void) {
  void (*bodies[])(void) = {exits_with_7, aborts, kills_itself, writes_null};
  for (int i = 0; i < 4; i++) {
    int status;
    pid_t pid = child(bodies[i]);
    pid_t waited = waitpid(pid, &status, 0);
    printf("body %d: own %d status %#x\n", i, waited == pid, without_core(status));
  }
  errno = 0;
  say("wait without children", wait(NULL));
  say("waitpid of somebody else", waitpid(getpid(), NULL, 0));
  say("bad options", waitpid(-1, NULL, 0x12345));
}

static void waitid_forms(void) {
  siginfo_t info = {0};
  pid_t pid = child(exits_with_7);
  say("peek", waitid(P_PID, pid, &info, WEXITED | WNOWAIT));
  printf("%s %d own %d signo %d\n", code_name(info.si_code), info.si_status, info.si_pid == pid,
         info.si_signo);
  memset(&info, 0, sizeof(info));
  say("take", waitid(P_ALL, 0, &info, WEXITED));
  printf("%s %d\n", code_name(info.si_code), info.si_status);
  say("gone", waitid(P_PID, pid, &info, WEXITED));
  say("no events", waitid(P_ALL, 0, &info, 0));
  pid = child(sleeps);
  say("not yet", waitid(P_PID, pid, &info, WEXITED | WNOHANG));
  printf("pid %d signo %d\n", info.si_pid, info.si_signo);
  int pidfd = syscall(SYS_pidfd_open, pid, 0);
  struct pollfd poller = {pidfd, POLLIN, 0};
  say("poll alive", poll(&poller, 1, 0));
  say("signal by pidfd", syscall(SYS_pidfd_send_signal, pidfd, SIGTERM, NULL, 0));
  say("poll ended", poll(&poller, 1, 10000));
  say("by pidfd", waitid(P_PIDFD, pidfd, &info, WEXITED));
  printf("%s %d\n", code_name(info.si_code), info.si_status);
  close(pidfd);
}

static void stops(void) {
  int status;
  siginfo_t info;
  pid_t pid = child(sleeps);
  kill(pid, SIGSTOP);
  say("own", waitpid(pid, &status, WUNTRACED) == pid);
  printf("status %#x\n", status);
  say("told once", waitpid(pid, &status, WUNTRACED | WNOHANG));
  kill(pid, SIGTERM); /* waits: it is stopped */
  say("still there", waitpid(pid, &status, WNOHANG));
  kill(pid, SIGCONT);
  say("ends", waitpid(pid, &status, 0) == pid);
  printf("status %#x\n", status);
  pid = child(sleeps);
  kill(pid, SIGSTOP);
  waitid(P_PID, pid, &info, WSTOPPED);
  printf("%s %d\n", code_name(info.si_code), info.si_status);
  kill(pid, SIGCONT);
  waitid(P_PID, pid, &info, WCONTINUED);
  printf("%s %d\n", code_name(info.si_code), info.si_status);
  kill(pid, SIGKILL);
  waitpid(pid, &status, 0);
  printf("status %#x\n", status);
}

static volatile sig_atomic_t handled;
static volatile siginfo_t last;
static void on_signal(int signo, siginfo_t *info, void *context) {
  (void)signo, (void)context;
  handled++;
  last = *info;
}

static void handle(int signo, int flags) {
  struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | flags};
  sigaction(signo, &action, NULL);
}

static void child_signals(void) {
  sigset_t chld, old;
  sigemptyset(&chld);
  sigaddset(&chld, SIGCHLD);
  sigprocmask(SIG_BLOCK, &chld, &old);
  handle(SIGCHLD, 0);
  pid_t pid = child(exits_with_7);
  siginfo_t info;
  sigwaitinfo(&chld, &info);
  printf("%s %d own %d user %d\n", code_name(info.si_code), info.si_status, info.si_pid == pid,
         info.si_uid == getuid());
  waitpid(pid, NULL, 0);
  sigprocmask(SIG_SETMASK, &old, NULL);
  pid = child(exits_with_7);
  int status;
  pid_t waited;
  while ((waited = waitpid(pid, &status, 0)) < 0 && errno == EINTR)
    ;
  printf("handled %d, waited %d\n", handled > 0, waited == pid);
  signal(SIGCHLD, SIG_IGN);
  pid = child(exits_with_7);
  say("ignored children are nobody's", waitpid(pid, &status, 0));
  signal(SIGCHLD, SIG_DFL);
}

static void copy_on_write(void) {
  const size_t size = 8 << 20;
  unsigned char *own = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  unsigned char *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  unsigned char *unwanted = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  unsigned char *wiped = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  madvise(unwanted, 4096, MADV_DONTFORK);
  madvise(wiped, 4096, MADV_WIPEONFORK);
  wiped[0] = 9;
  for (size_t at = 0; at < size; at += 4096)
    own[at] = shared[at] = (unsigned char)(at >> 12);
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    int wrong = wiped[0] != 0;
    for (size_t at = 0; at < size; at += 4096) {
      wrong += own[at] != (unsigned char)(at >> 12);
      own[at] ^= 0xff;
      shared[at] ^= 0xff;
    }
    wrong += write(-1, unwanted, 1) != -1;
    pid_t inner = fork();
    if (inner == 0) {
      for (size_t at = 0; at < size; at += 8192)
        own[at] = 1;
      _exit(own[4096] == (unsigned char)~1);
    }
    int status;
    waitpid(inner, &status, 0);
    wrong += WEXITSTATUS(status) != 1 || own[8192] != (unsigned char)~2;
    _exit(wrong);
  }
  for (size_t at = 4096; at < size; at += 65536)
    own[at] = 77;
  int status, wrong = 0;
  waitpid(pid, &status, 0);
  for (size_t at = 0; at < size; at += 4096) {
    unsigned char page = (unsigned char)(at >> 12);
    wrong += own[at] != (at % 65536 == 4096 ? 77 : page);
    wrong += shared[at] != (unsigned char)~page;
  }
  printf("child %#x, parent %d wrong\n", status, wrong);
}

static void groups(void) {
  int ready[2], status;
  if (pipe(ready) < 0)
    return;
  fflush(stdout);
  pid_t first = fork();
  if (first == 0)
    sleeps();
  say("own group", setpgid(first, 0));
  pid_t second = fork();
  if (second == 0)
    sleeps();
  say("joins", setpgid(second, first));
  printf("same %d, not ours %d\n", getpgid(second) == first, getpgid(first) != getpgrp());
  say("a group of nobody", setpgid(second, 1 << 20));
  say("a stranger", setpgid(1 << 20, 0));
  say("kill the group", kill(-first, SIGUSR1));
  for (int i = 0; i < 2; i++) {
    pid_t pid = waitpid(-first, &status, 0);
    printf("%d status %#x\n", pid == first || pid == second, status);
  }
  say("no group left", waitpid(-first, &status, 0));
  say("kill nobody", kill(-first, SIGUSR1));
  pid_t pid = fork();
  if (pid == 0) {
    int wrong = setsid() != getpid();
    wrong += getsid(0) != getpid() || getpgrp() != getpid();
    wrong += setsid() != -1 || errno != EPERM;
    wrong += setpgid(0, 0) != -1 || errno != EPERM;
    _exit(wrong);
  }
  waitpid(pid, &status, 0);
  printf("session %#x\n", status);
}

/* The parent of an orphan is whoever has said that it takes them in. */
static void orphans(void) {
  int report[2], ready[2];
  char byte = 0;
  if (pipe(report) < 0 || pipe(ready) < 0)
    return;
  say("subreaper", prctl(PR_SET_CHILD_SUBREAPER, 1));
  fflush(stdout);
  pid_t middle = fork();
  if (middle == 0) {
    pid_t top = getppid();
    if (fork() == 0) {
      handled = 0;
      handle(SIGUSR2, 0);
      prctl(PR_SET_PDEATHSIG, SIGUSR2);
      if (write(ready[1], &byte, 1) != 1)
        _exit(5);
      while (!handled)
        usleep(1000);
      byte = getppid() == top ? 'y' : 'n';
      _exit(write(report[1], &byte, 1) == 1 ? 3 : 4);
    }
    _exit(read(ready[0], &byte, 1) != 1);
  }
  int status;
  waitpid(middle, &status, 0);
  say("read", read(report[0], &byte, 1));
  printf("adopted %c\n", byte);
  say("reaped", wait(&status) > 0);
  printf("status %#x\n", status);
  prctl(PR_SET_CHILD_SUBREAPER, 0);
}

static void executes(void) {
  int status;
  int kept = open("/dev/null", O_RDONLY), dropped = open("/dev/null", O_RDONLY | O_CLOEXEC);
  char numbers[2][16];
  snprintf(numbers[0], 16, "%d", kept);
  snprintf(numbers[1], 16, "%d", dropped);
  fflush(stdout);
  pid_t pid = vfork();
  if (pid == 0) {
    execl(self, self, "executed", numbers[0], numbers[1], NULL);
    _exit(99);
  }
  waitpid(pid, &status, 0);
  printf("executed: %#x\n", status);
  pid = vfork();
  if (pid == 0) {
    execl("/nonexistent", "x", NULL);
    _exit(errno);
  }
  waitpid(pid, &status, 0);
  printf("not found: %#x\n", status);
  fflush(stdout);
  pid = fork();
  if (pid == 0) {
    char *const args[] = {"by descriptor", "executed", "-1", "-1", NULL};
    fexecve(open(self, O_RDONLY), args, environ);
    _exit(errno);
  }
  waitpid(pid, &status, 0);
  printf("by descriptor: %#x\n", status);
  close(kept);
  close(dropped);
}

static int executed(char **args) {
  int kept = atoi(args[0]), dropped = atoi(args[1]);
  printf("in the new program: kept %d, dropped %d\n", fcntl(kept, F_GETFD), fcntl(dropped, F_GETFD));
  return 5;
}

static void shared_words(void) {
  unsigned *word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    while (__atomic_load_n(word, __ATOMIC_SEQ_CST) == 0)
      syscall(SYS_futex, word, FUTEX_WAIT, 0, NULL, NULL, 0);
    __atomic_store_n(word + 1, 2, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, word + 1, FUTEX_WAKE, 1, NULL, NULL, 0);
    _exit(0);
  }
  usleep(20000);
  __atomic_store_n(word, 1, __ATOMIC_SEQ_CST);
  syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
  while (__atomic_load_n(word + 1, __ATOMIC_SEQ_CST) == 0)
    syscall(SYS_futex, word + 1, FUTEX_WAIT, 0, NULL, NULL, 0);
  printf("word %u\n", word[1]);
  waitpid(pid, NULL, 0);
}

static void usage(void) {
  struct rusage before, after;
  getrusage(RUSAGE_CHILDREN, &before);
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    for (volatile unsigned long i = 0; i < 60000000; i++)
      ;
    _exit(0);
  }
  struct rusage own;
  wait4(pid, NULL, 0, &own);
  getrusage(RUSAGE_CHILDREN, &after);
  printf("time passed: %d, counted: %d\n", own.ru_utime.tv_sec > 0 || own.ru_utime.tv_usec > 1000,
         after.ru_utime.tv_sec > before.ru_utime.tv_sec || after.ru_utime.tv_usec > before.ru_utime.tv_usec);
}

static void many(void) {
  enum { COUNT = 50 };
  int sum = 0, status;
  for (int i = 0; i < COUNT; i++) {
    fflush(stdout);
    if (fork() == 0)
      _exit(i);
  }
  for (int i = 0; i < COUNT; i++)
    if (wait(&status) > 0)
      sum += WEXITSTATUS(status);
  printf("sum %d\n", sum);
}

int main(int count, char **args) {
  self = args[0];
  if (count == 4 && strcmp(args[1], "executed") == 0)
    return executed(args + 2);
  statuses();
  waitid_forms();
  stops();
  child_signals();
  copy_on_write();
  groups();
  orphans();
  executes();
  shared_words();
  usage();
  many();
  return 0;
}
