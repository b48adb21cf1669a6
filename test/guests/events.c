/* eventfd(2), timerfd_create(2), signalfd(2), epoll(7): says what each call gives, without times. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "say.h"

static uint64_t word;
static long put(int fd, uint64_t value) { return write(fd, &value, 8); }
static long get(int fd) { return read(fd, &word, 8) < 0 ? -1 : (long)word; }

static void counters(void) {
  int fd = eventfd(3, EFD_NONBLOCK);
  VALUE(get(fd));
  VALUE(get(fd));
  VALUE(put(fd, 5));
  VALUE(put(fd, 7));
  VALUE(get(fd));
  VALUE(put(fd, 0xfffffffffffffffe));
  VALUE(put(fd, 1));
  VALUE(put(fd, 0));
  VALUE(put(fd, 0xffffffffffffffff));
  struct pollfd p = {fd, POLLIN | POLLOUT, 0};
  VALUE(poll(&p, 1, 0));
  printf("revents %x\n", p.revents);
  VALUE(get(fd));
  VALUE(poll(&p, 1, 0));
  printf("revents %x\n", p.revents);
  char bytes[16] = {1};
  VALUE(read(fd, bytes, 7));
  VALUE(write(fd, bytes, 7));
  VALUE(write(fd, bytes, 16));
  VALUE(read(fd, bytes, 16));
  VALUE(write(fd, nowhere, 8));
  VALUE(lseek(fd, 5, SEEK_SET));
  VALUE(pread(fd, bytes, 8, 0));
  VALUE(fcntl(fd, F_GETFL));
  struct stat st;
  VALUE(fstat(fd, &st));
  printf("mode %o size %ld\n", st.st_mode, (long)st.st_size);
  int s = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK);
  VALUE(get(s));
  VALUE(get(s));
  VALUE(get(s));
  VALUE(eventfd(0, 2));
  VALUE(syscall(SYS_eventfd2, 0, 0x100));
  close(fd);
  close(s);
}

static struct itimerspec setting(long first_ms, long interval_ms) {
  struct itimerspec t = {{interval_ms / 1000, interval_ms % 1000 * 1000000},
                         {first_ms / 1000, first_ms % 1000 * 1000000}};
  return t;
}

static void timers(void) {
  VALUE(timerfd_create(99, 0));
  VALUE(timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0));
  VALUE(timerfd_create(CLOCK_MONOTONIC, 1));
  int clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME};
  for (int i = 0; i < 3; i++) {
    int fd = timerfd_create(clocks[i], TFD_CLOEXEC);
    struct itimerspec t = setting(5, 0), old;
    VALUE(timerfd_settime(fd, 0, &t, NULL));
    VALUE(get(fd));
    VALUE(timerfd_gettime(fd, &old));
    printf("value %ld.%09ld\n", (long)old.it_value.tv_sec, old.it_value.tv_nsec);
    struct timespec now;
    clock_gettime(clocks[i], &now);
    now.tv_nsec += 6000000;
    if (now.tv_nsec >= 1000000000)
      now.tv_sec++, now.tv_nsec -= 1000000000;
    t.it_value = now;
    VALUE(timerfd_settime(fd, TFD_TIMER_ABSTIME, &t, NULL));
    VALUE(get(fd));
    t.it_value.tv_sec = 1, t.it_value.tv_nsec = 0;
    VALUE(timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &t, NULL));
    VALUE(get(fd));
    close(fd);
  }
  int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  struct itimerspec t = setting(200, 200), old;
  VALUE(get(fd));
  VALUE(timerfd_settime(fd, 0, &t, NULL));
  VALUE(get(fd));
  usleep(1100000);
  long count = get(fd);
  printf("several %d\n", count >= 5);
  VALUE(get(fd));
  struct pollfd p = {fd, POLLIN, 0};
  VALUE(poll(&p, 1, 1000));
  VALUE(timerfd_gettime(fd, &old));
  printf("interval %ld.%09ld armed %d\n", (long)old.it_interval.tv_sec, old.it_interval.tv_nsec,
         old.it_value.tv_nsec > 0 && old.it_value.tv_nsec <= 200000000);
  t = setting(0, 0);
  VALUE(timerfd_settime(fd, 0, &t, &old));
  printf("old interval %ld\n", old.it_interval.tv_nsec);
  VALUE(timerfd_gettime(fd, &old));
  printf("disarmed %ld %ld %ld\n", (long)old.it_value.tv_sec, old.it_value.tv_nsec, old.it_interval.tv_nsec);
  t = setting(100, 0);
  t.it_value.tv_nsec = 1000000000;
  VALUE(timerfd_settime(fd, 0, &t, NULL));
  VALUE(timerfd_settime(fd, 4, &old, NULL));
  VALUE(timerfd_settime(fd, 0, NULL, NULL));
  VALUE(timerfd_settime(1, 0, &old, NULL));
  VALUE(timerfd_settime(99, 0, &old, NULL));
  VALUE(write(fd, &t, 8));
  close(fd);
}

static void show(struct signalfd_siginfo *s, int count) {
  for (int i = 0; i < count; i++)
    printf("signo %u code %d own pid %d uid %d int %d\n", s[i].ssi_signo, s[i].ssi_code,
           (pid_t)s[i].ssi_pid == getpid(), s[i].ssi_uid == getuid(), s[i].ssi_int);
}

static void *send_later(void *argument) {
  (void)argument;
  usleep(10000);
  kill(getpid(), SIGUSR2);
  return NULL;
}

static void signals(void) {
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR1);
  sigaddset(&mask, SIGUSR2);
  sigprocmask(SIG_BLOCK, &mask, NULL);
  sigset_t one;
  sigemptyset(&one);
  sigaddset(&one, SIGUSR1);
  int fd = signalfd(-1, &one, SFD_NONBLOCK);
  struct signalfd_siginfo s[4];
  VALUE(read(fd, s, sizeof(s)));
  VALUE(read(fd, s, 127));
  kill(getpid(), SIGUSR2);
  VALUE(read(fd, s, sizeof(s)));
  struct pollfd p = {fd, POLLIN, 0};
  VALUE(poll(&p, 1, 0));
  VALUE(signalfd(fd, &mask, 0) == fd);
  VALUE(poll(&p, 1, 0));
  kill(getpid(), SIGUSR1);
  raise(SIGUSR1);
  long count = read(fd, s, sizeof(s)) / 128;
  printf("%ld of them\n", count);
  show(s, count);
  VALUE(signalfd(1, &mask, 0));
  VALUE(signalfd(99, &mask, 0));
  VALUE(signalfd(-1, &mask, 1));
  VALUE(syscall(SYS_signalfd4, -1, &mask, 4, 0));
  VALUE(syscall(SYS_signalfd4, -1, NULL, 8, 0));
  kill(getpid(), SIGUSR1);
  int epoll = epoll_create1(0);
  struct epoll_event event = {.events = EPOLLIN, .data.u64 = 9};
  VALUE(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
  VALUE(epoll_wait(epoll, &event, 1, 0));
  VALUE(read(fd, s, sizeof(s)));
  VALUE(epoll_wait(epoll, &event, 1, 0));
  close(epoll);
  close(fd);
}

/* A signal that comes while another thread waits in a blocking read or poll. */
static void signals_of_threads(void) {
  sigset_t mask;
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR2);
  pthread_sigmask(SIG_BLOCK, &mask, NULL);
  int fd = signalfd(-1, &mask, 0);
  struct signalfd_siginfo s;
  pthread_t thread;
  pthread_create(&thread, NULL, send_later, NULL);
  VALUE(read(fd, &s, sizeof(s)));
  show(&s, 1);
  pthread_join(thread, NULL);
  pthread_create(&thread, NULL, send_later, NULL);
  struct pollfd p = {fd, POLLIN, 0};
  VALUE(poll(&p, 1, 5000));
  VALUE(read(fd, &s, sizeof(s)));
  pthread_join(thread, NULL);
  close(fd);
}

static int wait_for(int epoll, int timeout) {
  struct epoll_event events[8];
  int count = epoll_wait(epoll, events, 8, timeout);
  printf("wait %d:", count);
  for (int i = 0; i < count; i++)
    printf(" %x/%lx", events[i].events, (unsigned long)events[i].data.u64);
  printf("\n");
  return count;
}

static int control(int epoll, int operation, int fd, uint32_t events, uint64_t data) {
  struct epoll_event event = {.events = events, .data.u64 = data};
  return epoll_ctl(epoll, operation, fd, &event);
}

static void sets(const char *folder) {
  int e = epoll_create1(EPOLL_CLOEXEC), p[2];
  struct epoll_event events[1];
  VALUE(pipe(p));
  VALUE(control(e, EPOLL_CTL_ADD, p[0], EPOLLIN, 0x123456789abcdef0));
  VALUE(control(e, EPOLL_CTL_ADD, p[0], EPOLLIN, 1));
  VALUE(control(e, EPOLL_CTL_MOD, p[1], EPOLLIN, 1));
  VALUE(control(e, EPOLL_CTL_DEL, p[1], 0, 0));
  VALUE(control(e, EPOLL_CTL_ADD, 99, EPOLLIN, 1));
  VALUE(control(99, EPOLL_CTL_ADD, p[0], EPOLLIN, 1));
  VALUE(control(p[0], EPOLL_CTL_ADD, p[1], EPOLLIN, 1));
  VALUE(control(e, EPOLL_CTL_ADD, e, EPOLLIN, 1));
  VALUE(control(e, 7, p[0], EPOLLIN, 1));
  int directory = open(folder, O_RDONLY), null = open("/dev/null", O_RDWR);
  int zero = open("/dev/zero", O_RDWR), random = open("/dev/urandom", O_RDONLY);
  int file = open("/proc/self/exe", O_RDONLY);
  VALUE(control(e, EPOLL_CTL_ADD, directory, EPOLLIN, 1));
  VALUE(control(e, EPOLL_CTL_ADD, file, EPOLLIN, 1));
  VALUE(control(e, EPOLL_CTL_ADD, null, EPOLLIN, 1));
  VALUE(control(e, EPOLL_CTL_ADD, zero, EPOLLIN, 1));
  VALUE(control(e, EPOLL_CTL_ADD, random, EPOLLIN, 1));
  VALUE(control(e, EPOLL_CTL_DEL, random, 0, 0));
  VALUE(epoll_ctl(e, EPOLL_CTL_ADD, p[1], NULL));
  VALUE(epoll_wait(e, NULL, 0, 0));
  VALUE(epoll_wait(e, nowhere, 1, 0));
  VALUE(epoll_wait(p[0], events, 1, 0));
  VALUE(epoll_create(0));
  VALUE(epoll_create1(1));
  wait_for(e, 0);
  VALUE(write(p[1], "abc", 3));
  wait_for(e, 0);
  wait_for(e, -1);
  VALUE(epoll_wait(e, nowhere, 1, 0));
  wait_for(e, 0);
  /* Edges: one for each write, none for what is left. */
  VALUE(control(e, EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLET, 2));
  wait_for(e, 0);
  wait_for(e, 0);
  VALUE(write(p[1], "d", 1));
  wait_for(e, 0);
  wait_for(e, 5);
  char byte;
  VALUE(read(p[0], &byte, 1));
  wait_for(e, 0);
  VALUE(control(e, EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLONESHOT, 3));
  wait_for(e, 0);
  wait_for(e, 0);
  VALUE(write(p[1], "d", 1));
  wait_for(e, 0);
  VALUE(control(e, EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLONESHOT, 4));
  wait_for(e, 0);
  /* A duplicate keeps the description, and so its place in the set. */
  VALUE(control(e, EPOLL_CTL_MOD, p[0], EPOLLIN, 5));
  int copy = dup(p[0]);
  VALUE(control(e, EPOLL_CTL_ADD, copy, EPOLLIN, 6));
  wait_for(e, 0);
  close(p[0]);
  wait_for(e, 0);
  VALUE(control(e, EPOLL_CTL_DEL, copy, 0, 0));
  wait_for(e, 0);
  close(copy);
  wait_for(e, 0);
  VALUE(control(e, EPOLL_CTL_ADD, p[1], EPOLLOUT, 7));
  wait_for(e, 0);
  close(p[1]);
  wait_for(e, 0);
  VALUE(pipe(p));
  VALUE(control(e, EPOLL_CTL_ADD, p[0], 0, 8));
  close(p[1]);
  wait_for(e, 0);
  close(p[0]);
  close(e);
}

static void order_and_limits(void) {
  int e = epoll_create1(0), fds[6];
  for (int i = 0; i < 6; i++) {
    fds[i] = eventfd(1, EFD_NONBLOCK);
    control(e, EPOLL_CTL_ADD, fds[i], EPOLLIN, i);
  }
  struct epoll_event events[4];
  for (int round = 0; round < 4; round++) {
    int count = epoll_wait(e, events, 4, 0);
    printf("round %d:", count);
    for (int i = 0; i < count; i++)
      printf(" %d", events[i].data.u32);
    printf("\n");
  }
  VALUE(control(e, EPOLL_CTL_MOD, fds[0], EPOLLIN | EPOLLEXCLUSIVE, 0));
  VALUE(control(e, EPOLL_CTL_DEL, fds[0], 0, 0));
  VALUE(control(e, EPOLL_CTL_ADD, fds[0], EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT, 0));
  VALUE(control(e, EPOLL_CTL_ADD, fds[0], EPOLLIN | EPOLLEXCLUSIVE | EPOLLET, 0));
  VALUE(control(e, EPOLL_CTL_MOD, fds[0], EPOLLIN, 0));
  for (int i = 0; i < 6; i++)
    close(fds[i]);
  VALUE(epoll_wait(e, events, 4, 0));
  close(e);
}

static void nested(void) {
  int sets[8], fd = eventfd(0, EFD_NONBLOCK);
  for (int i = 0; i < 8; i++)
    sets[i] = epoll_create1(0);
  VALUE(control(sets[0], EPOLL_CTL_ADD, fd, EPOLLIN, 1));
  for (int i = 1; i < 7; i++)
    VALUE(control(sets[i], EPOLL_CTL_ADD, sets[i - 1], EPOLLIN, i));
  VALUE(control(sets[0], EPOLL_CTL_ADD, sets[1], EPOLLIN, 1));
  VALUE(control(sets[0], EPOLL_CTL_ADD, sets[2], EPOLLIN, 1));
  VALUE(control(sets[0], EPOLL_CTL_ADD, sets[0], EPOLLIN, 1));
  VALUE(control(sets[3], EPOLL_CTL_ADD, sets[1], EPOLLIN | EPOLLEXCLUSIVE, 1));
  wait_for(sets[2], 0);
  put(fd, 1);
  wait_for(sets[2], 0);
  struct pollfd p = {sets[1], POLLIN, 0};
  VALUE(poll(&p, 1, 0));
  get(fd);
  wait_for(sets[2], 0);
  VALUE(poll(&p, 1, 0));
  VALUE(control(sets[2], EPOLL_CTL_MOD, sets[1], EPOLLIN | EPOLLET, 2));
  put(fd, 1);
  wait_for(sets[2], 0);
  wait_for(sets[2], 0);
  put(fd, 1);
  wait_for(sets[2], 0);
  for (int i = 0; i < 8; i++)
    close(sets[i]);
  close(fd);
}

static void ignore(int signo) { (void)signo; }

/* A signal that the mask of the call alone lets through. */
static void masks(void) {
  sigset_t blocked, empty;
  sigemptyset(&empty);
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGALRM);
  sigprocmask(SIG_SETMASK, &blocked, NULL);
  struct sigaction action = {.sa_handler = ignore};
  sigaction(SIGALRM, &action, NULL);
  int fd = eventfd(1, 0), e = epoll_create1(0);
  control(e, EPOLL_CTL_ADD, fd, EPOLLIN, 1);
  struct epoll_event event;
  struct pollfd p = {fd, POLLIN, 0};
  struct timespec zero = {0, 0}, second = {1, 0};
  sigset_t pending;
  raise(SIGALRM);
  VALUE(epoll_pwait(e, &event, 1, -1, &empty));
  sigpending(&pending);
  printf("pending %d\n", sigismember(&pending, SIGALRM));
  VALUE(ppoll(&p, 1, &second, &empty));
  sigpending(&pending);
  printf("pending %d\n", sigismember(&pending, SIGALRM));
  p.events = 0;
  VALUE(ppoll(&p, 1, &zero, &empty));
  sigpending(&pending);
  printf("pending %d\n", sigismember(&pending, SIGALRM));
  get(fd);
  raise(SIGALRM);
  VALUE(epoll_pwait(e, &event, 1, 0, &empty));
  VALUE(syscall(SYS_epoll_pwait2, e, &event, 1, &second, &empty, 8));
  raise(SIGALRM);
  fd_set set;
  FD_ZERO(&set);
  FD_SET(fd, &set);
  VALUE(pselect(fd + 1, &set, NULL, NULL, &second, &empty));
  VALUE(syscall(SYS_epoll_pwait2, e, &event, 1, &zero, &empty, 8));
  VALUE(syscall(SYS_epoll_pwait2, e, &event, 1, &zero, &empty, 4));
  zero.tv_nsec = -1;
  VALUE(syscall(SYS_epoll_pwait2, e, &event, 1, &zero, NULL, 8));
  close(fd);
  close(e);
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  counters();
  timers();
  signals();
  sets("/");
  order_and_limits();
  nested();
  masks();
  signals_of_threads();
  return 0;
}
