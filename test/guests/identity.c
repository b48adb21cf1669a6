/*
 * Who a task is, asked again and again: after all that changes it, by itself or by another, at once and while
 * it asks. What is not asked for often (getresuid, getpgid, /proc) says what is right. "forged": not
 * natively; the answers are overwritten where they are kept.
 */
#include <errno.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define OFTEN 8
#define NOBODY 65534

static struct shared {
  volatile int go, seen;
  volatile pid_t pid;
} *shared;

/* The number behind the last slash that the link leads to. */
static pid_t number_of(const char *link) {
  char text[64] = {0};
  if (readlink(link, text, sizeof(text) - 1) < 0)
    return -1;
  const char *slash = strrchr(text, '/');
  return atoi(slash ? slash + 1 : text);
}

/* A bit for each call that has ever given something else, by the library or by a call of its own. */
static int wrong(pid_t parent) {
  uid_t uid, euid, suid;
  gid_t gid, egid, sgid;
  pid_t pid = number_of("/proc/self"), tid = number_of("/proc/thread-self"), group = getpgid(0);
  int bad = 0;
  syscall(SYS_getresuid, &uid, &euid, &suid);
  syscall(SYS_getresgid, &gid, &egid, &sgid);
  for (int i = 0; i < OFTEN; i++) {
    bad |= (getpid() != pid || syscall(SYS_getpid) != pid) << 0;
    bad |= (gettid() != tid || syscall(SYS_gettid) != tid) << 1;
    bad |= (getppid() != parent || syscall(SYS_getppid) != parent) << 2;
    bad |= (getpgrp() != group || syscall(SYS_getpgrp) != group) << 3;
    bad |= (getuid() != uid || syscall(SYS_getuid) != uid) << 4;
    bad |= (geteuid() != euid || syscall(SYS_geteuid) != euid) << 5;
    bad |= (getgid() != gid || syscall(SYS_getgid) != gid) << 6;
    bad |= (getegid() != egid || syscall(SYS_getegid) != egid) << 7;
  }
  return bad;
}

static void say(const char *what, long value) {
  printf("%s: %ld\n", what, value);
  fflush(stdout);
}

static int status_of(pid_t pid) {
  int status = -1;
  waitpid(pid, &status, 0);
  return status;
}

static void say_child(const char *what, pid_t pid) { say(what, status_of(pid)); }

static void forks(void) {
  pid_t self = getpid(), own = getppid();
  for (int i = 0; i < 3; i++) {
    pid_t pid = fork();
    if (pid == 0) {
      pid_t parent = getpid();
      pid = fork();
      if (pid == 0)
        _exit(wrong(parent));
      _exit(wrong(self) | status_of(pid));
    }
    say_child("fork", pid);
    volatile int bad = -1;
    pid = vfork();
    if (pid == 0) {
      bad = wrong(self);
      _exit(0);
    }
    say_child("vfork", pid);
    say("in it", bad);
    struct clone_args args = {.exit_signal = SIGCHLD};
    pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
    if (pid == 0)
      _exit(wrong(self));
    say_child("clone3", pid);
    struct clone_args sibling = {.flags = CLONE_PARENT};
    shared->seen = -1;
    if (syscall(SYS_clone3, &sibling, sizeof(sibling)) == 0) {
      shared->seen = wrong(own);
      _exit(0);
    }
    while (shared->seen < 0)
      usleep(1000);
    say("with CLONE_PARENT", shared->seen);
    say("the parent", wrong(own));
  }
}

static void *thread(void *parent) {
  int bad = wrong(*(pid_t *)parent);
  /* Of this thread alone: the library's own would change all. */
  syscall(SYS_setresgid, -1, NOBODY, -1);
  syscall(SYS_setresuid, -1, NOBODY, -1);
  bad |= wrong(*(pid_t *)parent);
  shared->go = 1;
  while (shared->go == 1)
    bad |= geteuid() != syscall(SYS_geteuid);
  return (void *)(intptr_t)(bad | wrong(*(pid_t *)parent));
}

static void threads(void) {
  pthread_t other;
  pid_t parent = getppid();
  void *result = NULL;
  int bad = wrong(parent);
  shared->go = 0;
  pthread_create(&other, NULL, thread, &parent);
  while (!shared->go)
    bad |= getuid() != geteuid();
  bad |= wrong(parent);
  shared->go = 2;
  pthread_join(other, &result);
  say("thread", (long)(intptr_t)result);
  say("beside it", bad | wrong(parent));
}

static void *executes(void *unused) {
  char pid[16], parent[16];
  snprintf(pid, sizeof(pid), "%d", getpid());
  snprintf(parent, sizeof(parent), "%d", getppid());
  wrong(getppid());
  execl("/proc/self/exe", "identity", "executed", pid, parent, NULL);
  return unused;
}

static void executions(void) {
  for (int by_thread = 0; by_thread < 2; by_thread++) {
    pid_t pid = fork();
    if (pid == 0) {
      pthread_t other;
      wrong(getppid());
      if (!by_thread)
        executes(NULL);
      pthread_create(&other, NULL, executes, NULL);
      for (;;)
        gettid();
    }
    say_child(by_thread ? "execve by a thread" : "execve", pid);
  }
}

#define CHANGE(call)                                                                                         \
  do {                                                                                                       \
    wrong(parent);                                                                                           \
    errno = 0;                                                                                               \
    long value_ = (call);                                                                                    \
    printf("%s = %ld %s, wrong %#x\n", #call, value_, errno ? strerrorname_np(errno) : "", wrong(parent));   \
    fflush(stdout);                                                                                          \
  } while (0)

static void credentials(void) {
  pid_t parent = getpid(), pid = fork();
  if (pid == 0) {
    CHANGE(setegid(7));
    CHANGE(setregid(-1, 8));
    CHANGE(setresgid(9, -1, 10));
    CHANGE(setfsgid(11));
    CHANGE(setgid(12));
    CHANGE(seteuid(7));
    CHANGE(setuid(0));
    CHANGE(setreuid(8, 0));
    CHANGE(setresuid(-1, 0, 9));
    CHANGE(setfsuid(10));
    CHANGE(setresuid(-1, 8, -1));
    CHANGE(setuid(4));
    CHANGE(setgid(4));
    CHANGE(setuid(9));
    printf("%d %d %d %d\n", getuid(), geteuid(), getgid(), getegid());
    fflush(stdout);
    _exit(0);
  }
  say_child("credentials", pid);
}

static void groups(void) {
  pid_t self = getpid(), pid = fork();
  if (pid == 0) {
    int bad = wrong(self);
    bad |= setpgid(0, 0) != 0 || getpgrp() != getpid() || wrong(self);
    bad |= (setpgid(0, getpgid(self)) != 0 || getpgrp() != getpgid(self) || wrong(self)) << 1;
    bad |= (setsid() != getpid() || getpgrp() != getpid() || wrong(self)) << 2;
    _exit(bad);
  }
  say_child("groups", pid);
  shared->seen = 0;
  pid = fork();
  if (pid == 0) {
    int bad = wrong(self);
    shared->seen = 1;
    /* The parent changes it meanwhile. */
    while (getpgrp() != getpid())
      ;
    _exit(bad | wrong(self));
  }
  while (!shared->seen)
    usleep(1000);
  usleep(10000);
  say("setpgid of a child", setpgid(pid, pid));
  say_child("which sees it", pid);
}

static void orphans(void) {
  pid_t self = getpid();
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  shared->pid = 0;
  pid_t pid = fork();
  if (pid == 0) {
    if (fork() == 0) {
      pid_t parent = getppid();
      int bad = wrong(parent);
      shared->pid = getpid();
      while (getppid() == parent)
        ;
      _exit(bad | wrong(self));
    }
    while (!shared->pid)
      usleep(1000);
    usleep(10000);
    _exit(0);
  }
  say_child("parent", pid);
  say_child("orphan", shared->pid);
  prctl(PR_SET_CHILD_SUBREAPER, 0);
}

static volatile int alarms;
static void on_alarm(int signo) {
  (void)signo;
  alarms += getpid() == shared->pid;
}

static void interruptions(void) {
  struct itimerval often = {{0, 2000}, {0, 2000}}, never = {{0, 0}, {0, 0}};
  shared->pid = getpid();
  signal(SIGALRM, on_alarm);
  setitimer(ITIMER_REAL, &often, NULL);
  while (alarms < 100)
    if (getpid() != shared->pid)
      say("not its own", getpid());
  setitimer(ITIMER_REAL, &never, NULL);
  say("alarms have come", alarms >= 100);
  pid_t pid = fork();
  if (pid == 0) {
    struct rlimit second = {1, 2};
    setrlimit(RLIMIT_CPU, &second);
    for (;;)
      getpid();
  }
  say_child("limit of time", pid);
  shared->go = 0;
  pid = fork();
  if (pid == 0) {
    usleep(20000);
    shared->go = 1;
    _exit(wrong(shared->pid));
  }
  while (!shared->go)
    getppid();
  say_child("two", pid);
}

#define MAILBOX ((volatile int64_t *)0xffffffff80004000)
#define ANSWERS (MAILBOX + 0x400 / 8)

static void *forged_beside(void *unused) {
  (void)unused;
  return (void *)(intptr_t)wrong(getppid());
}

/* Each line: 1 where all is as it should be. */
static void forged(void) {
  pid_t self = getpid();
  pthread_t other;
  void *result;
  wrong(getppid());
  ANSWERS[SYS_getpid] = 4711;
  say("its own", getpid() == 4711);
  pid_t pid = fork();
  if (pid == 0)
    _exit(wrong(self));
  say("a child", status_of(pid) == 0);
  pthread_create(&other, NULL, forged_beside, NULL);
  pthread_join(other, &result);
  say("a thread", result == NULL);
  pid = fork();
  if (pid == 0) {
    for (int round = 0;; round++) {
      for (int i = 0; i < 512; i++)
        MAILBOX[i] = round % 2 ? 4711 : -1 - i;
      getpid();
    }
  }
  pid_t beside = fork();
  if (beside == 0) {
    int bad = 0;
    for (int i = 0; i < 50; i++) {
      bad |= wrong(self);
      usleep(500);
    }
    _exit(bad);
  }
  say("beside a forger", status_of(beside) == 0);
  kill(pid, SIGKILL);
  status_of(pid);
  say("what it is", kill(self, 0) == 0 && getpgid(self) == getpgid(0));
}

int main(int argc, char **argv) {
  if (argc > 3)
    return wrong(atoi(argv[3])) | (getpid() != atoi(argv[2])) << 3 | (gettid() != atoi(argv[2])) << 4;
  setvbuf(stdout, NULL, _IOLBF, 0);
  shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (argc > 1) {
    forged();
    return 0;
  }
  say("at first", wrong(getppid()));
  forks();
  executions();
  credentials();
  groups();
  orphans();
  interruptions();
  threads();
  return 0;
}
