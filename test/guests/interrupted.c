/* What a signal makes of each call that waits: by a handler, by one with SA_RESTART, by a stop and a
 * continuation. signal(7), "Interruption of system calls and library functions by signal handlers". */
#include "report.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>

enum { LONG = 1000 }; /* seconds: for ever */
static const struct timespec long_time = {LONG, 0};
static int pipes[2], locked, queue, semaphores;
static uint32_t word;
static char buffer[4096];

static long call_nanosleep(void) { return syscall(SYS_nanosleep, &long_time, NULL); }
static long call_clock_nanosleep(void) {
  return syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &long_time, NULL);
}
static long call_clock_nanosleep_absolute(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  time.tv_sec += LONG;
  return syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
}
static long call_poll(void) { return poll(NULL, 0, -1); }
static long call_poll_timeout(void) { return poll(NULL, 0, LONG * 1000); }
static long call_ppoll(void) { return ppoll(NULL, 0, &long_time, NULL); }
static long call_select(void) {
  struct timeval time = {LONG, 0};
  return select(0, NULL, NULL, NULL, &time);
}
static long call_pselect(void) { return pselect(0, NULL, NULL, NULL, &long_time, NULL); }
static long call_epoll_wait(void) {
  struct epoll_event event;
  return epoll_wait(epoll_create1(0), &event, 1, -1);
}
static long call_futex_wait(void) { return syscall(SYS_futex, &word, FUTEX_WAIT, 0, NULL, NULL, 0); }
static long call_futex_wait_timeout(void) {
  return syscall(SYS_futex, &word, FUTEX_WAIT, 0, &long_time, NULL, 0);
}
static long call_futex_wait_bitset(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  time.tv_sec += LONG;
  return syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, 0, &time, NULL, 1);
}
static long call_futex_lock_pi(void) {
  word = (uint32_t)getppid();
  return syscall(SYS_futex, &word, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
}
static long call_read_pipe(void) { return read(pipes[0], buffer, 1); }
static long call_write_pipe(void) {
  int full[2];
  if (pipe(full) != 0)
    return -1;
  fcntl(full[1], F_SETPIPE_SZ, 4096);
  (void)!write(full[1], buffer, sizeof buffer);
  return write(full[1], buffer, 1);
}
static long call_open_fifo(void) {
  char name[64];
  snprintf(name, sizeof name, "/tmp/interrupted-%d", getpid());
  mkfifo(name, 0600);
  int fd = open(name, O_RDONLY);
  int error = errno;
  unlink(name);
  errno = error;
  return fd;
}
static long call_read_eventfd(void) { return read(eventfd(0, 0), buffer, 8); }
static long call_read_timerfd(void) {
  struct itimerspec spec = {.it_value = long_time};
  int fd = timerfd_create(CLOCK_MONOTONIC, 0);
  timerfd_settime(fd, 0, &spec, NULL);
  return read(fd, buffer, 8);
}
static long call_read_signalfd(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  sigprocmask(SIG_BLOCK, &set, NULL);
  return read(signalfd(-1, &set, 0), buffer, sizeof buffer);
}
static long call_read_inotify(void) { return read(inotify_init1(0), buffer, sizeof buffer); }
static long call_wait4(void) {
  if (fork() == 0) {
    close(pipes[1]);
    (void)!read(pipes[0], buffer, 1);
    _exit(0);
  }
  return syscall(SYS_wait4, -1, NULL, 0, NULL);
}
static long call_waitid(void) {
  siginfo_t info;
  if (fork() == 0) {
    close(pipes[1]);
    (void)!read(pipes[0], buffer, 1);
    _exit(0);
  }
  return waitid(P_ALL, 0, &info, WEXITED);
}
static int connected(void) {
  int pair[2];
  socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
  return pair[0];
}
static long call_recv(void) { return recv(connected(), buffer, 1, 0); }
static long call_recvmsg(void) {
  struct iovec part = {buffer, 1};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  return recvmsg(connected(), &message, 0);
}
static long call_recv_timeout(void) {
  const struct timeval time = {LONG, 0};
  int fd = connected();
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
  return recv(fd, buffer, 1, 0);
}
static long call_accept(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  bind(fd, (struct sockaddr *)&address, sizeof(sa_family_t));
  listen(fd, 1);
  return accept(fd, NULL, NULL);
}
static long call_flock(void) {
  int fd = open("/proc/self/exe", O_RDONLY);
  return flock(fd, LOCK_EX);
}
static long call_setlkw(void) {
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  return fcntl(locked, F_SETLKW, &lock);
}
static long call_pause(void) { return syscall(SYS_pause); }
static long call_sigsuspend(void) {
  sigset_t none;
  sigemptyset(&none);
  return sigsuspend(&none);
}
static long call_sigtimedwait(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  sigprocmask(SIG_BLOCK, &set, NULL);
  return sigtimedwait(&set, NULL, &long_time);
}
static long call_sigwaitinfo(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  sigprocmask(SIG_BLOCK, &set, NULL);
  return sigwaitinfo(&set, NULL);
}
static long call_msgrcv(void) { return msgrcv(queue, buffer, 8, 1, 0); }
static long call_semop(void) {
  struct sembuf operation = {0, -1, 0};
  return semop(semaphores, &operation, 1);
}
static long call_semtimedop(void) {
  struct sembuf operation = {0, -1, 0};
  return semtimedop(semaphores, &operation, 1, &long_time);
}

#define CALL(name) {#name, call_##name}
static const struct {
  const char *name;
  long (*make)(void);
} calls[] = {
    CALL(nanosleep),
    CALL(clock_nanosleep),
    CALL(clock_nanosleep_absolute),
    CALL(poll),
    CALL(poll_timeout),
    CALL(ppoll),
    CALL(select),
    CALL(pselect),
    CALL(epoll_wait),
    CALL(futex_wait),
    CALL(futex_wait_timeout),
    CALL(futex_wait_bitset),
    CALL(futex_lock_pi),
    CALL(read_pipe),
    CALL(write_pipe),
    CALL(open_fifo),
    CALL(read_eventfd),
    CALL(read_timerfd),
    CALL(read_signalfd),
    CALL(read_inotify),
    CALL(wait4),
    CALL(waitid),
    CALL(recv),
    CALL(recvmsg),
    CALL(recv_timeout),
    CALL(accept),
    CALL(flock),
    CALL(setlkw),
    CALL(pause),
    CALL(sigsuspend),
    CALL(sigtimedwait),
    CALL(sigwaitinfo),
    CALL(msgrcv),
    CALL(semop),
    CALL(semtimedop),
};
enum { CALLS = sizeof calls / sizeof calls[0] };

static volatile struct {
  int is_ready, has_returned, result, error;
} *children;

static void sleep_ms(long ms) {
  struct timespec time = {ms / 1000, ms % 1000 * 1000000};
  while (nanosleep(&time, &time) != 0)
    ;
}

static void on_signal(int signo) { (void)signo; }

static void child(int index, int flags) {
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags};
  sigaction(SIGUSR1, &action, NULL);
  children[index].is_ready = 1;
  long result = calls[index].make();
  children[index].error = result < 0 ? errno : 0;
  children[index].result = (int)result;
  children[index].has_returned = 1;
  _exit(0);
}

static void try_all(const char *what, int flags, int stops) {
  pid_t pids[CALLS];
  memset((void *)children, 0, CALLS * sizeof *children);
  for (int index = 0; index < CALLS; index++) {
    pids[index] = fork();
    if (pids[index] == 0) {
      setpgid(0, 0);
      child(index, flags);
    }
  }
  for (int index = 0; index < CALLS; index++)
    while (!children[index].is_ready)
      sleep_ms(1);
  sleep_ms(300);
  for (int index = 0; index < CALLS; index++)
    kill(pids[index], stops ? SIGSTOP : SIGUSR1);
  for (int index = 0; stops && index < CALLS; index++) {
    int status;
    waitpid(pids[index], &status, WUNTRACED);
    kill(pids[index], SIGCONT);
  }
  sleep_ms(500);
  for (int index = 0; index < CALLS; index++) {
    const char *outcome = "goes on";
    if (children[index].has_returned)
      outcome = children[index].error == 0 ? "has returned" : strerrorname_np(children[index].error);
    printf("%s, %s: %s\n", calls[index].name, what, outcome);
    kill(-pids[index], SIGKILL);
    waitpid(pids[index], NULL, 0);
  }
}

/* Stopped in the middle, a call with a time-out ends when it would have ended. */
static void timed(const char *what, long (*call)(void)) {
  struct timespec begin, end;
  fflush(stdout);
  clock_gettime(CLOCK_MONOTONIC, &begin);
  pid_t pid = fork();
  if (pid == 0)
    _exit(call() < 0 && errno != ETIMEDOUT);
  sleep_ms(300);
  kill(pid, SIGSTOP);
  waitpid(pid, NULL, WUNTRACED);
  sleep_ms(600);
  kill(pid, SIGCONT);
  int status;
  waitpid(pid, &status, 0);
  clock_gettime(CLOCK_MONOTONIC, &end);
  long ms = (end.tv_sec - begin.tv_sec) * 1000 + (end.tv_nsec - begin.tv_nsec) / 1000000;
  printf("%s, stopped: %#x, early %d, late %d\n", what, status, ms < 1200, ms > 1750);
}

static const struct timespec second = {1, 200000000};
static long sleeps(void) { return syscall(SYS_nanosleep, &second, NULL); }
static long polls(void) { return poll(NULL, 0, 1200); }
static long selects(void) {
  struct timeval time = {1, 200000};
  return select(0, NULL, NULL, NULL, &time);
}
static long waits(void) { return syscall(SYS_futex, &word, FUTEX_WAIT, 0, &second, NULL, 0); }

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  children = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  queue = msgget(IPC_PRIVATE, 0600);
  semaphores = semget(IPC_PRIVATE, 1, 0600);
  FILE *file = tmpfile();
  locked = fileno(file);
  struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
  fcntl(locked, F_SETLKW, &lock);
  flock(open("/proc/self/exe", O_RDONLY), LOCK_EX);
  if (pipe(pipes) != 0)
    return 1;
  try_all("handler", 0, 0);
  try_all("handler that restarts", SA_RESTART, 0);
  try_all("stopped", 0, 1);
  timed("nanosleep", sleeps);
  timed("poll", polls);
  timed("select", selects);
  timed("futex", waits);
  msgctl(queue, IPC_RMID, NULL);
  semctl(semaphores, 0, IPC_RMID);
  return 0;
}
