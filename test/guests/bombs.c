/* bombs KIND: takes as much of one thing as it can get, in as many processes as it can make, until it is
 * killed. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static int make_pipe(void) {
  static char block[65536];
  int ends[2];
  if (pipe2(ends, O_NONBLOCK) != 0)
    return -1;
  return write(ends[1], block, sizeof block) > 0 ? 0 : -1;
}

static int make_sockets(void) {
  static char block[65536];
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) != 0)
    return -1;
  return write(ends[1], block, sizeof block) > 0 ? 0 : -1;
}

/* A socket that goes to the other end of itself. */
static int send_sockets(void) {
  union {
    char bytes[CMSG_SPACE(2 * sizeof(int))];
    struct cmsghdr header;
  } control = {
      .header = {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(2 * sizeof(int))}};
  char byte = 0;
  struct iovec vector = {&byte, 1};
  struct msghdr message = {.msg_iov = &vector,
                           .msg_iovlen = 1,
                           .msg_control = control.bytes,
                           .msg_controllen = sizeof control.bytes};
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends) != 0)
    return -1;
  memcpy(CMSG_DATA(&control.header), ends, sizeof ends);
  ssize_t sent = sendmsg(ends[0], &message, 0);
  close(ends[0]);
  close(ends[1]);
  return sent == 1 ? 0 : -1;
}

static int make_terminal(void) {
  static char block[4096];
  int master = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK);
  if (master < 0 || unlockpt(master) != 0)
    return -1;
  return write(master, block, sizeof block) > 0 ? 0 : -1;
}

static int make_watches(void) {
  int fd = inotify_init1(IN_NONBLOCK);
  return fd < 0 ? -1 : inotify_add_watch(fd, "/tmp", IN_ALL_EVENTS);
}

/* Sets that hold one another, as deep as may be. */
static int make_sets(void) {
  static int last = -1;
  struct epoll_event event = {.events = EPOLLIN};
  int fd = epoll_create1(0), other = eventfd(1, 0);
  if (fd < 0 || other < 0 || epoll_ctl(fd, EPOLL_CTL_ADD, other, &event) != 0)
    return -1;
  if (last >= 0)
    (void)epoll_ctl(fd, EPOLL_CTL_ADD, last, &event);
  last = fd;
  return 0;
}

static int make_timers(void) {
  const struct itimerspec spec = {{0, 1000}, {0, 1000}};
  timer_t timer;
  int fd = timerfd_create(CLOCK_MONOTONIC, 0);
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
  if (fd < 0 || timerfd_settime(fd, 0, &spec, NULL) != 0 ||
      timer_create(CLOCK_MONOTONIC, &event, &timer) != 0)
    return -1;
  return timer_settime(timer, 0, &spec, NULL);
}

/* A high number each. */
static int make_descriptors(void) {
  static int next = 1000000;
  return next > 4096 ? dup2(0, next -= 977) : -1;
}

static int make_mappings(void) {
  char *memory = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    return -1;
  memory[0] = 1;
  return mprotect(memory + (1 << 15), 4096, PROT_READ);
}

static int make_files(void) {
  static int count;
  char path[64];
  snprintf(path, sizeof path, "/tmp/bomb-%d-%d", (int)getpid(), count++);
  int fd = open(path, O_CREAT | O_WRONLY, 0600);
  int result = fd < 0 || ftruncate(fd, 1L << 40) != 0 || pwrite(fd, path, 64, 1L << 39) < 0 ? -1 : 0;
  close(fd);
  return result;
}

static int queue_signal(void) {
  const union sigval value = {0};
  return sigqueue(getpid(), SIGRTMAX, value);
}

static int lock_bytes(void) {
  static int fd = -1;
  static off_t at;
  struct flock lock = {.l_type = F_WRLCK, .l_len = 1};
  if (fd < 0)
    fd = open("/tmp/bomb-locks", O_CREAT | O_RDWR, 0600);
  lock.l_start = at += 2;
  return fcntl(fd, F_SETLK, &lock);
}

static void *breed(void *argument) {
  pthread_attr_t attributes;
  pthread_t thread;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 65536);
  for (;;)
    if (pthread_create(&thread, &attributes, breed, argument) != 0)
      sched_yield();
  return NULL;
}

static int only_fork(void) { return -1; }

static const struct {
  const char *name;
  int (*make)(void);
} kinds[] = {
    {"forks", only_fork},        {"pipes", make_pipe},         {"sockets", make_sockets},
    {"rights", send_sockets},    {"terminals", make_terminal}, {"watches", make_watches},
    {"sets", make_sets},         {"timers", make_timers},      {"descriptors", make_descriptors},
    {"mappings", make_mappings}, {"files", make_files},        {"signals", queue_signal},
    {"locks", lock_bytes},
};

int main(int argc, char **argv) {
  struct rlimit limit;
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_BLOCK, &all, NULL);
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  if (argc > 1 && strcmp(argv[1], "threads") == 0)
    breed(NULL);
  for (unsigned kind = 0; kind < sizeof kinds / sizeof kinds[0]; kind++) {
    if (argc > 1 && strcmp(argv[1], kinds[kind].name) == 0)
      for (;;) {
        while (kinds[kind].make() >= 0)
          ;
        fork();
      }
    if (argc == 1)
      puts(kinds[kind].name);
  }
  return argc == 1 ? (puts("threads"), 0) : 2;
}
