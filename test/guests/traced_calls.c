/* Calls whose arguments take some decoding, with arguments that are the same wherever the program runs. */
#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Whether a child ends before its parent waits is chance: what tells of it comes behind the wait. */
static void hold(int how) {
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  sigprocmask(how, &child, NULL);
}

static void tasks(void) {
  siginfo_t info;
  int status;
  hold(SIG_BLOCK);
  pid_t child = fork();
  if (child == 0)
    _exit(3);
  waitpid(child, &status, 0);
  hold(SIG_UNBLOCK);
  hold(SIG_BLOCK);
  child = vfork();
  if (child == 0)
    _exit(0);
  waitid(P_ALL, 0, &info, WEXITED);
  hold(SIG_UNBLOCK);
  hold(SIG_BLOCK);
  child = fork();
  if (child == 0) {
    kill(getpid(), SIGKILL);
    _exit(0);
  }
  waitpid(child, &status, 0);
  hold(SIG_UNBLOCK);
  waitpid(-1, &status, WNOHANG);
  prctl(PR_SET_NAME, "hello");
  char name[16];
  prctl(PR_GET_NAME, name);
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  prctl(PR_GET_DUMPABLE);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  uid_t ids[3];
  getresuid(&ids[0], &ids[1], &ids[2]);
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(0, &set);
  sched_setaffinity(0, 8, &set);
  sched_get_priority_max(SCHED_FIFO);
}

static void waits(void) {
  int ends[2];
  if (pipe(ends) != 0)
    return;
  struct pollfd polled[2] = {{ends[0], POLLIN, 0}, {ends[1], POLLIN | POLLOUT, 0}};
  poll(polled, 2, -1);
  poll(polled, 1, 0);
  polled[0].fd = 99;
  ppoll(polled, 1, NULL, NULL);
  fd_set set;
  FD_ZERO(&set);
  FD_SET(ends[0], &set);
  struct timeval none = {0, 0};
  syscall(SYS_select, 10, &set, NULL, NULL, &none);
  FD_SET(ends[1], &set);
  syscall(SYS_select, 10, NULL, &set, NULL, &none);
  struct timespec short_while = {0, 1000};
  pselect(0, NULL, NULL, NULL, &short_while, NULL);
  nanosleep(&short_while, &short_while);
  clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &short_while, &short_while);
  int word = 5;
  int other = 0;
  syscall(SYS_futex, &word, FUTEX_WAIT, 5, &short_while);
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 4, NULL);
  syscall(SYS_futex, &word, FUTEX_WAKE, 1);
  syscall(SYS_futex, &word, FUTEX_CMP_REQUEUE_PRIVATE, 1, 1, &other, 5);
  syscall(SYS_futex, &word, FUTEX_WAKE_OP, 1, 1, &other, 0);
  syscall(SYS_futex, &word, FUTEX_WAIT_BITSET_PRIVATE | FUTEX_CLOCK_REALTIME, 5, &short_while, NULL, -1);
  syscall(SYS_futex, &word, FUTEX_WAKE_BITSET_PRIVATE, 1, NULL, NULL, 3);
}

static void signals(void) {
  stack_t stack = {NULL, SS_DISABLE, 0};
  stack_t before;
  sigaltstack(&stack, &before);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR1);
  sigaddset(&set, SIGRTMIN + 1);
  sigprocmask(SIG_BLOCK, &set, NULL);
  raise(SIGUSR1);
  siginfo_t info;
  struct timespec none = {0, 0};
  sigtimedwait(&set, &info, &none);
  sigtimedwait(&set, &info, &none);
  raise(SIGURG);
  struct itimerval timer = {{0, 0}, {0, 0}};
  setitimer(ITIMER_REAL, &timer, NULL);
}

static void files(void) {
  int ends[2];
  if (pipe(ends) != 0)
    return;
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  fcntl(ends[0], F_GETFL);
  fcntl(ends[0], F_GETFD);
  fcntl(ends[0], F_SETFD, FD_CLOEXEC);
  fcntl(ends[0], F_GETFD);
  fcntl(ends[0], F_DUPFD_CLOEXEC, 20);
  fcntl(ends[0], F_GETPIPE_SZ);
  int file = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
  struct flock lock = {F_RDLCK, SEEK_SET, 0, 10, 0};
  fcntl(file, F_SETLK, &lock);
  lock.l_type = F_WRLCK;
  fcntl(file, F_GETLK, &lock);
  flock(file, LOCK_EX | LOCK_NB);
  int value = 1;
  ioctl(ends[0], FIONREAD, &value);
  ioctl(ends[0], FIONBIO, &value);
  ioctl(ends[0], FIOCLEX);
  struct winsize size;
  ioctl(file, TIOCGWINSZ, &size);
  umask(077);
  struct timespec times[2] = {{1, 2}, {0, UTIME_NOW}};
  utimensat(AT_FDCWD, "/nonexistent", times, 0);
  utimensat(AT_FDCWD, "/nonexistent", NULL, AT_SYMLINK_NOFOLLOW);
  renameat2(AT_FDCWD, "/nonexistent", AT_FDCWD, "/other", RENAME_NOREPLACE);
  fallocate(file, FALLOC_FL_KEEP_SIZE, 0, 1);
  chown("/nonexistent", -1, 5);
  lseek(file, 5, SEEK_END);
  char directory[100];
  getcwd(directory, sizeof directory);
  msync((void *)0x1000, 4096, MS_SYNC | MS_INVALIDATE);
  madvise((void *)0x1000, 4096, MADV_DONTNEED);
}

static void sockets(void) {
  int pair[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
    return;
  send(pair[0], "hello\n", 6, MSG_NOSIGNAL);
  char text[10];
  recv(pair[1], text, sizeof text, MSG_DONTWAIT);
  recv(pair[1], text, sizeof text, MSG_DONTWAIT);
  struct sockaddr_un address;
  socklen_t length = sizeof address;
  getsockname(pair[0], (struct sockaddr *)&address, &length);
  int value = 0;
  length = sizeof value;
  getsockopt(pair[0], SOL_SOCKET, SO_TYPE, &value, &length);
  shutdown(pair[0], SHUT_WR);
}

int main(void) {
  tasks();
  waits();
  signals();
  files();
  sockets();
  return 0;
}
