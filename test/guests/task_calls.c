/* Calls about tasks, with the arguments that real programs rarely give: what clone3, waitid, prctl, prlimit
 * and the calls about credentials answer. */
#include "report.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

static void sleep_ms(long ms) {
  struct timespec time = {ms / 1000, ms % 1000 * 1000000};
  while (nanosleep(&time, &time) != 0)
    ;
}

static long clone3(struct clone_args *args, size_t size) { return syscall(SYS_clone3, args, size); }

static int ended(pid_t pid) {
  int status = -1;
  return waitpid(pid, &status, __WALL) == pid ? status : -errno;
}

static void in_child(const char *what, int (*body)(void)) {
  pid_t pid = fork();
  if (pid == 0)
    _exit(body());
  printf("%s: %#x\n", what, ended(pid));
}

static void nothing(int signo) { (void)signo; }

static void clones(void) {
  int pidfd = -1, parent_tid = 0;
  struct clone_args args = {.flags = CLONE_PIDFD | CLONE_PARENT_SETTID | CLONE_CLEAR_SIGHAND,
                            .pidfd = (uintptr_t)&pidfd,
                            .parent_tid = (uintptr_t)&parent_tid,
                            .exit_signal = SIGCHLD};
  signal(SIGUSR1, nothing);
  signal(SIGUSR2, SIG_IGN);
  pid_t pid = clone3(&args, sizeof args);
  if (pid == 0) {
    struct sigaction caught, ignored;
    sigaction(SIGUSR1, NULL, &caught);
    sigaction(SIGUSR2, NULL, &ignored);
    _exit((caught.sa_handler == SIG_DFL) + 2 * (ignored.sa_handler == SIG_IGN));
  }
  struct pollfd poller = {pidfd, POLLIN, 0};
  printf("clone3: tid %d, close-on-exec %d, ends %d\n", parent_tid == pid, fcntl(pidfd, F_GETFD),
         poll(&poller, 1, 10000));
  siginfo_t info = {0};
  report("wait by descriptor", waitid(P_PIDFD, pidfd, &info, WEXITED));
  printf("status %d\n", info.si_status);
  report("signal to the dead", syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0));
  close(pidfd);
  struct clone_args wrong = args;
  wrong.exit_signal = 65;
  report("no such signal", clone3(&wrong, sizeof wrong));
  wrong = args, wrong.flags |= CLONE_SIGHAND | CLONE_VM;
  report("cleared and shared", clone3(&wrong, sizeof wrong));
  wrong = args, wrong.flags = CLONE_THREAD;
  report("thread alone", clone3(&wrong, sizeof wrong));
  wrong = args, wrong.stack = 4096;
  report("stack without size", clone3(&wrong, sizeof wrong));
  wrong = args, wrong.flags = 1;
  report("signal in the flags", clone3(&wrong, sizeof wrong));
  wrong = args, wrong.set_tid_size = 1;
  report("set_tid without a list", clone3(&wrong, sizeof wrong));
  wrong = args, wrong.flags = CLONE_INTO_CGROUP, wrong.cgroup = 1000;
  report("no such group", clone3(&wrong, sizeof wrong) < 0 ? 0 : 1);
  report("too small", clone3(&args, 32));
  report("too large", clone3(&args, 8192));
  char larger[sizeof args + 16] = {0};
  memcpy(larger, &args, sizeof args);
  larger[sizeof larger - 1] = 1;
  report("unknown fields", clone3((struct clone_args *)larger, sizeof larger));
}

static pid_t exits(int code) {
  pid_t pid = fork();
  if (pid == 0)
    _exit(code);
  return pid;
}

static void say_info(const char *what, long result, const siginfo_t *info) {
  if (result < 0)
    report(what, result);
  else
    printf("%s: signal %d code %d status %d\n", what, info->si_signo, info->si_code, info->si_status);
}

static void waits(void) {
  siginfo_t info = {0};
  struct rusage usage;
  pid_t pid = exits(3);
  say_info("peek", waitid(P_PID, pid, &info, WEXITED | WNOWAIT), &info);
  say_info("peek again", waitid(P_ALL, 0, &info, WEXITED | WNOWAIT | WNOHANG), &info);
  printf("uid %d own %d\n", info.si_uid, info.si_pid == pid);
  say_info("not stopped", waitid(P_PID, pid, &info, WSTOPPED | WCONTINUED | WNOHANG), &info);
  say_info("with usage", syscall(SYS_waitid, P_PID, pid, &info, WEXITED, &usage), &info);
  say_info("gone", waitid(P_PID, pid, &info, WEXITED | WNOHANG), &info);
  pid = fork();
  if (pid == 0) {
    setpgid(0, 0);
    raise(SIGSTOP);
    pause();
    _exit(4);
  }
  say_info("stopped", waitid(P_ALL, 0, &info, WSTOPPED | WNOWAIT), &info);
  say_info("its group", waitid(P_PGID, pid, &info, WSTOPPED), &info);
  info.si_signo = 99;
  say_info("told once", waitid(P_PGID, pid, &info, WSTOPPED | WEXITED | WNOHANG), &info);
  say_info("own group", waitid(P_PGID, 0, &info, WEXITED | WNOHANG), &info);
  kill(pid, SIGCONT);
  say_info("continued", waitid(P_PID, pid, &info, WCONTINUED), &info);
  kill(pid, SIGKILL);
  say_info("killed", waitid(P_PID, pid, &info, WEXITED), &info);
  say_info("nobody", waitid(P_ALL, 0, &info, WEXITED), &info);
  say_info("no options", waitid(P_ALL, 0, &info, WNOHANG), &info);
  say_info("no such kind", waitid(17, 0, &info, WEXITED), &info);
  say_info("no descriptor", waitid(P_PIDFD, 999, &info, WEXITED), &info);
  say_info("not a process", waitid(P_PIDFD, 1, &info, WEXITED), &info);
  pid = fork();
  if (pid == 0) {
    pause();
    _exit(0);
  }
  int pidfd = syscall(SYS_pidfd_open, pid, O_NONBLOCK);
  say_info("not yet", waitid(P_PIDFD, pidfd, &info, WEXITED), &info);
  kill(pid, SIGKILL);
  struct pollfd poller = {pidfd, POLLIN, 0};
  poll(&poller, 1, 10000);
  say_info("now", waitid(P_PIDFD, pidfd, &info, WEXITED), &info);
  close(pidfd);
  /* A child whose end sends another signal is waited for as a clone. */
  pid = syscall(SYS_clone, SIGUSR1, NULL, NULL, NULL, 0);
  if (pid == 0)
    _exit(6);
  sleep_ms(20);
  int status;
  report("not a clone", waitpid(pid, &status, 0));
  report("clone", waitpid(pid, &status, __WCLONE) == pid);
  printf("status %#x\n", status);
  pid = syscall(SYS_clone, 0, NULL, NULL, NULL, 0);
  if (pid == 0)
    _exit(7);
  report("any", waitpid(pid, &status, __WALL | __WNOTHREAD) == pid);
}

static int *shared;

/* The signal comes when the thread ends that has made the child. */
static void *makes_a_child(void *argument) {
  (void)argument;
  if (fork() == 0) {
    sigset_t set;
    siginfo_t info = {0};
    const struct timespec limit = {5, 0};
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    prctl(PR_SET_PDEATHSIG, SIGUSR1);
    shared[0] = 1;
    int signo = sigtimedwait(&set, &info, &limit);
    shared[1] = signo == SIGUSR1, shared[2] = info.si_code, shared[3] = info.si_pid == getppid();
    _exit(signo == SIGUSR1 ? 9 : 8);
  }
  while (shared[0] == 0)
    sleep_ms(1);
  return NULL;
}

static void parents(void) {
  pthread_t thread;
  int status;
  pthread_create(&thread, NULL, makes_a_child, NULL);
  pthread_join(thread, NULL);
  wait(&status);
  printf("end of the thread: %#x signal %d code %d pid %d\n", status, shared[1], shared[2], shared[3]);
  int signo = -1;
  report("no such signal", prctl(PR_SET_PDEATHSIG, 65));
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_GET_PDEATHSIG, &signo);
    _exit(signo);
  }
  printf("inherited: %#x\n", ended(pid));
  prctl(PR_GET_PDEATHSIG, &signo);
  printf("kept: %d\n", signo);
  prctl(PR_SET_PDEATHSIG, 0);
}

static void controls(void) {
  int value = -1;
  report("dumpable", prctl(PR_GET_DUMPABLE));
  report("not dumpable", prctl(PR_SET_DUMPABLE, 0));
  report("dumpable", prctl(PR_GET_DUMPABLE));
  report("too dumpable", prctl(PR_SET_DUMPABLE, 2));
  prctl(PR_SET_DUMPABLE, 1);
  report("keep capabilities", prctl(PR_GET_KEEPCAPS));
  report("to be kept", prctl(PR_SET_KEEPCAPS, 1));
  report("keep capabilities", prctl(PR_GET_KEEPCAPS));
  report("kept thrice", prctl(PR_SET_KEEPCAPS, 3));
  prctl(PR_SET_KEEPCAPS, 0);
  report("slack", prctl(PR_GET_TIMERSLACK));
  report("more slack", prctl(PR_SET_TIMERSLACK, 70000));
  report("slack", prctl(PR_GET_TIMERSLACK));
  report("default slack", prctl(PR_SET_TIMERSLACK, 0));
  report("slack", prctl(PR_GET_TIMERSLACK));
  report("no large pages", prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0));
  report("large pages", prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0));
  prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);
  report("subreaper", prctl(PR_SET_CHILD_SUBREAPER, 1));
  prctl(PR_GET_CHILD_SUBREAPER, &value);
  printf("is one: %d\n", value);
  prctl(PR_SET_CHILD_SUBREAPER, 0);
  report("time-stamp counter", prctl(PR_GET_TSC, &value));
  printf("readable: %d\n", value);
  report("timing", prctl(PR_GET_TIMING));
  report("seccomp", prctl(PR_GET_SECCOMP));
  report("secure bits", prctl(PR_GET_SECUREBITS));
  report("ambient", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_CHOWN, 0, 0));
  report("ambient, none", prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
  report("no such capability", prctl(PR_CAPBSET_READ, 200));
  report("no new privileges", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
  report("ptracer", prctl(PR_SET_PTRACER, -1) == 0 || errno == EINVAL);
  report("machine checks", prctl(PR_MCE_KILL_GET, 0, 0, 0, 0));
  report("unaligned", prctl(PR_GET_UNALIGN, &value));
  report("unknown", prctl(12345));
  report("name of nothing", prctl(PR_SET_NAME, 8));
  /* A name, where the kernel was built to keep it. */
  char *at = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  report("name of memory", prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, at, 4096, "mine") == 0 || errno == EINVAL);
}

static int limits_of_others(void) {
  struct rlimit limit = {20, 30}, old, seen;
  pid_t parent = getpid(), pid = fork();
  if (pid == 0) {
    /* Who is no longer root can end it no more. */
    while (getppid() == parent)
      sleep_ms(10);
    _exit(0);
  }
  report("set another's", prlimit(pid, RLIMIT_NOFILE, &limit, &old));
  report("get another's", prlimit(pid, RLIMIT_NOFILE, NULL, &seen));
  printf("%ld %ld\n", (long)seen.rlim_cur, (long)seen.rlim_max);
  getrlimit(RLIMIT_NOFILE, &seen);
  printf("own as before %d\n", seen.rlim_cur == old.rlim_cur);
  report("nobody's", prlimit(1 << 21, RLIMIT_NOFILE, NULL, &seen));
  report("no such limit", prlimit(pid, 77, NULL, &seen));
  limit.rlim_cur = 40;
  report("soft above hard", prlimit(pid, RLIMIT_NOFILE, &limit, NULL));
  if (setresuid(1234, 1234, 1234) != 0)
    return 1;
  report("another user's", prlimit(pid, RLIMIT_NOFILE, NULL, &seen));
  report("signal to another user's", kill(pid, SIGKILL));
  limit.rlim_cur = limit.rlim_max = 1 << 19;
  getrlimit(RLIMIT_CORE, &seen);
  struct rlimit low = {0, 10};
  setrlimit(RLIMIT_CORE, &low);
  low.rlim_max = 11;
  report("raise a hard limit", setrlimit(RLIMIT_CORE, &low));
  return 0;
}

static int processes_limit(void) {
  struct rlimit limit = {1, 1};
  if (setresuid(1235, 1235, 1235) != 0)
    return 1;
  setrlimit(RLIMIT_NPROC, &limit);
  report("fork beyond the limit", fork());
  return 0;
}

static void say_ids(const char *what) {
  uid_t r, e, s;
  gid_t gr, ge, gs;
  getresuid(&r, &e, &s);
  getresgid(&gr, &ge, &gs);
  printf("%s: %d %d %d, %d %d %d, fs %d %d\n", what, r, e, s, gr, ge, gs, setfsuid(-1), setfsgid(-1));
}

static int users(void) {
  const gid_t groups[] = {5, 6, 7};
  gid_t seen[4];
  report("groups", setgroups(3, groups));
  int count = getgroups(4, seen);
  printf("%d: %d %d %d\n", count, seen[0], seen[1], seen[2]);
  report("room for two", getgroups(2, seen));
  report("group", setresgid(10, 11, 12));
  report("real and effective", setreuid(-1, 20));
  say_ids("effective changed");
  report("dumpable", prctl(PR_GET_DUMPABLE));
  report("groups of a user", setgroups(3, groups));
  report("another user", setuid(30));
  report("back", seteuid(0));
  report("all", setresuid(40, 41, 42));
  say_ids("all changed");
  report("to the saved", seteuid(42));
  report("to the real", setuid(40));
  report("to nobody's", setresuid(0, -1, -1));
  report("swapped", setreuid(42, 40));
  say_ids("swapped");
  report("group of nobody", setgid(99));
  report("group, saved", setegid(12));
  report("file system's", setfsuid(40));
  report("file system's, refused", setfsuid(0));
  say_ids("file system's");
  return 0;
}

static int drops(void) {
  report("there", prctl(PR_CAPBSET_READ, CAP_SYS_BOOT));
  report("dropped", prctl(PR_CAPBSET_DROP, CAP_SYS_BOOT));
  report("gone", prctl(PR_CAPBSET_READ, CAP_SYS_BOOT));
  report("no new privileges", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
  report("undone", prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
  return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0);
}

/* A thread that is not the first executes a program: it is the process from then on. */
static void *executes(void *path) {
  execl(path, path, "executed", NULL);
  _exit(99);
}

static int thread_executes(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, executes, "/proc/self/exe");
  pause();
  return 98;
}

/* The first thread ends first: the process goes on, and is no zombie to be waited for. */
static void *ends_later(void *argument) {
  (void)argument;
  sleep_ms(200);
  exit(11);
}

static void leader_ends(void) {
  int status;
  pid_t pid = fork();
  if (pid == 0) {
    pthread_t thread;
    pthread_create(&thread, NULL, ends_later, NULL);
    syscall(SYS_exit, 12);
  }
  sleep_ms(60);
  report("first thread ended", waitpid(pid, &status, WNOHANG));
  printf("status: %#x\n", ended(pid));
}

static void cleared_tid(void) {
  int *word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  *word = 5;
  pid_t pid = fork();
  if (pid == 0) {
    int own = syscall(SYS_set_tid_address, word) == getpid();
    *word = own;
    _exit(0);
  }
  ended(pid);
  /* Alone in its memory nobody is told. */
  printf("not cleared: %d\n", *word);
}

static int sessions(void) {
  pid_t pid = fork();
  if (pid == 0) {
    sleep_ms(10000);
    _exit(0);
  }
  report("leader", setsid() == getpid());
  report("a child of another session", getsid(pid) == getsid(0));
  pid_t own = fork();
  if (own == 0) {
    execl("/proc/self/exe", "self", "sleep", NULL);
    _exit(0);
  }
  sleep_ms(300);
  report("group of one that has executed", setpgid(own, own));
  report("group of the leader", setpgid(0, 0));
  report("group of another session", setpgid(pid, getpgrp()));
  report("below zero", setpgid(0, -1));
  kill(pid, SIGKILL);
  kill(own, SIGKILL);
  return 0;
}

static void priorities(void) {
  struct sched_param parameters = {0};
  report("priority", setpriority(PRIO_PROCESS, 0, 5));
  report("told", getpriority(PRIO_PROCESS, 0));
  report("of nobody", getpriority(PRIO_PROCESS, 1 << 21));
  report("no such kind", getpriority(9, 0));
  report("policy", sched_getscheduler(0));
  report("batch", sched_setscheduler(0, SCHED_BATCH, &parameters));
  report("policy", sched_getscheduler(0));
  parameters.sched_priority = 1;
  report("wrong priority", sched_setscheduler(0, SCHED_OTHER, &parameters));
  report("range", sched_get_priority_max(SCHED_FIFO) - sched_get_priority_min(SCHED_FIFO));
}

int main(int count, char **args) {
  setvbuf(stdout, NULL, _IONBF, 0);
  if (count == 2 && strcmp(args[1], "executed") == 0)
    return syscall(SYS_gettid) == getpid() ? 13 : 14;
  if (count == 2 && strcmp(args[1], "sleep") == 0) {
    sleep_ms(10000);
    return 0;
  }
  shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  clones();
  waits();
  parents();
  controls();
  in_child("limits of others", limits_of_others);
  in_child("processes", processes_limit);
  in_child("users", users);
  in_child("dropped", drops);
  in_child("executed by a thread", thread_executes);
  leader_ends();
  cleared_tid();
  in_child("sessions", sessions);
  priorities();
  return 0;
}
