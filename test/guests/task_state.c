/* What belongs to one thread or process and not to another: names, locks of the dead, limits of queues,
 * times. */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void say(const char *what, long result) {
  printf("%s: %ld%s%s\n", what, result, result < 0 ? " " : "", result < 0 ? strerror(errno) : "");
}

static void read_text(const char *path, char *text, size_t size) {
  int fd = open(path, O_RDONLY);
  ssize_t length = fd < 0 ? 0 : read(fd, text, size - 1);
  text[length > 0 ? length : 0] = 0;
  for (char *at = text; at < text + length; at++)
    if (*at == 0 || *at == '\n')
      *at = '|';
  close(fd);
}

static void *named(void *argument) {
  char path[64], text[64], own[16];
  prctl(PR_SET_NAME, "second");
  prctl(PR_GET_NAME, own);
  snprintf(path, sizeof path, "/proc/self/task/%ld/comm", syscall(SYS_gettid));
  read_text(path, text, sizeof text);
  printf("thread: %s %s\n", own, text);
  int fd = open(path, O_WRONLY);
  (void)!write(fd, "third\n", 6);
  close(fd);
  prctl(PR_GET_NAME, own);
  printf("renamed: %s\n", own);
  (void)argument;
  return NULL;
}

static void names(void) {
  pthread_t thread;
  char text[64];
  prctl(PR_SET_NAME, "a name that is too long");
  pthread_create(&thread, NULL, named, NULL);
  pthread_join(thread, NULL);
  read_text("/proc/self/comm", text, sizeof text);
  printf("process: %s\n", text);
}

/* A program may write another title over its arguments. */
static void title(char **argv) {
  char text[256];
  read_text("/proc/self/cmdline", text, sizeof text);
  printf("arguments: %s\n", strchr(text, '|'));
  memset(argv[1], 'x', strlen(argv[1]));
  read_text("/proc/self/cmdline", text, sizeof text);
  printf("title: %s\n", strchr(text, '|'));
}

static atomic_uint *lock;

static void *owner(void *argument) {
  *(unsigned *)argument = (unsigned)syscall(SYS_gettid);
  syscall(SYS_futex, lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0);
  usleep(100000);
  return NULL;
}

static void owner_dies(void) {
  pthread_t thread;
  unsigned tid = 0, self = (unsigned)syscall(SYS_gettid);
  lock = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pthread_create(&thread, NULL, owner, &tid);
  while ((atomic_load(lock) & FUTEX_TID_MASK) == 0)
    usleep(1000);
  say("lock of a dead thread", syscall(SYS_futex, lock, FUTEX_LOCK_PI, 0, NULL, NULL, 0));
  unsigned word = atomic_load(lock);
  printf("owner died %d, mine %d\n", (word & FUTEX_OWNER_DIED) != 0, (word & FUTEX_TID_MASK) == self);
  pthread_join(thread, NULL);
}

static void full_queue(void) {
  struct rlimit limit = {0, 0}, old;
  const union sigval value = {.sival_int = 7};
  sigset_t mask, before;
  sigemptyset(&mask);
  sigaddset(&mask, SIGRTMIN);
  sigaddset(&mask, SIGUSR1);
  sigprocmask(SIG_BLOCK, &mask, &before);
  getrlimit(RLIMIT_SIGPENDING, &old);
  limit.rlim_max = old.rlim_max;
  setrlimit(RLIMIT_SIGPENDING, &limit);
  say("queued beyond the limit", sigqueue(getpid(), SIGRTMIN, value));
  say("sent to a thread", syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGRTMIN));
  say("killed", kill(getpid(), SIGRTMIN));
  say("a standard one", sigqueue(getpid(), SIGUSR1, value));
  setrlimit(RLIMIT_SIGPENDING, &old);
  siginfo_t info;
  const struct timespec none = {0, 0};
  say("taken", sigtimedwait(&mask, &info, &none) == SIGUSR1);
  say("taken", sigtimedwait(&mask, &info, &none) == SIGRTMIN);
  printf("code %d\n", info.si_code);
  sigprocmask(SIG_SETMASK, &before, NULL);
}

static void signalfd_fields(void) {
  const union sigval value = {.sival_int = -7};
  struct signalfd_siginfo info;
  sigset_t mask, before;
  sigemptyset(&mask);
  sigaddset(&mask, SIGRTMIN + 1);
  sigaddset(&mask, SIGCHLD);
  sigprocmask(SIG_BLOCK, &mask, &before);
  int fd = signalfd(-1, &mask, 0);
  sigqueue(getpid(), SIGRTMIN + 1, value);
  (void)!read(fd, &info, sizeof info);
  printf("queued: code %d int %d ptr %#llx own %d\n", info.ssi_code, info.ssi_int,
         (unsigned long long)info.ssi_ptr, (pid_t)info.ssi_pid == getpid());
  timer_t timer;
  struct sigevent event = {
      .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN + 1, .sigev_value.sival_int = 3};
  const struct itimerspec soon = {.it_value = {0, 1000}};
  timer_create(CLOCK_MONOTONIC, &event, &timer);
  timer_settime(timer, 0, &soon, NULL);
  (void)!read(fd, &info, sizeof info);
  printf("timer: code %d int %d overrun %u\n", info.ssi_code, info.ssi_int, info.ssi_overrun);
  timer_delete(timer);
  pid_t pid = fork();
  if (pid == 0)
    _exit(5);
  (void)!read(fd, &info, sizeof info);
  printf("child: code %d status %d it %d\n", info.ssi_code, info.ssi_status, (pid_t)info.ssi_pid == pid);
  waitpid(pid, NULL, 0);
  close(fd);
  sigprocmask(SIG_SETMASK, &before, NULL);
}

static void on_alarm(int signo) { (void)signo; }

/* A time-out of a socket is not begun again, whatever SA_RESTART says. */
static void socket_times(void) {
  struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
  const struct timeval wait = {5, 0};
  const struct itimerval soon = {.it_value = {0, 50000}};
  int pair[2];
  char byte;
  sigaction(SIGALRM, &action, NULL);
  socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
  setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
  setitimer(ITIMER_REAL, &soon, NULL);
  say("read with a time-out", read(pair[0], &byte, 1));
  close(pair[0]);
  close(pair[1]);
}

static void accept_without_room(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  struct rlimit old, none;
  int listener = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
  bind(listener, (struct sockaddr *)&address, length);
  listen(listener, 1);
  getsockname(listener, (struct sockaddr *)&address, &length);
  connect(client, (struct sockaddr *)&address, length);
  getrlimit(RLIMIT_NOFILE, &old);
  none = old;
  none.rlim_cur = (rlim_t)client + 1;
  setrlimit(RLIMIT_NOFILE, &none);
  say("accept without room", accept(listener, NULL, NULL));
  setrlimit(RLIMIT_NOFILE, &old);
  int accepted = accept(listener, NULL, NULL);
  say("accept with room", accepted >= 0);
  (void)!write(client, "x", 1);
  char byte = 0;
  say("the connection is whole", read(accepted, &byte, 1));
  close(accepted);
  close(client);
  close(listener);
}

/* Dekker's algorithm, with the fence of one side replaced by membarrier(2) on the other. */
static atomic_int fast_flag, slow_flag, stop;
static long both;

static void *fast_side(void *argument) {
  (void)argument;
  while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
    atomic_store_explicit(&fast_flag, 1, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
    if (!atomic_load_explicit(&slow_flag, memory_order_relaxed))
      both++;
    atomic_signal_fence(memory_order_seq_cst);
    atomic_store_explicit(&fast_flag, 0, memory_order_release);
  }
  return NULL;
}

static void barriers(void) {
  pthread_t thread;
  long violations = 0;
  say("not registered", syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0));
  say("register", syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0));
  pthread_create(&thread, NULL, fast_side, NULL);
  for (int round = 0; round < 300; round++) {
    atomic_store_explicit(&slow_flag, 1, memory_order_relaxed);
    if (syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) != 0)
      violations++;
    while (atomic_load_explicit(&fast_flag, memory_order_acquire))
      ;
    long before = both;
    for (volatile int spin = 0; spin < 200; spin++)
      ;
    if (both != before)
      violations++;
    atomic_store_explicit(&slow_flag, 0, memory_order_release);
  }
  atomic_store(&stop, 1);
  pthread_join(thread, NULL);
  say("violations", violations);
  say("unknown command", syscall(SYS_membarrier, 1 << 20, 0, 0));
}

/* It is only an address, and any will do until the thread ends. */
static void any_robust_list(void) {
  unsigned long own = 0, told = 0, heads[] = {~4096UL, 1UL << 63, (1UL << 53) + 1, 0};
  size_t size = 0;
  say("get_robust_list", syscall(SYS_get_robust_list, 0, &own, &size));
  for (int i = 0; i < 4; i++) {
    say("set_robust_list", syscall(SYS_set_robust_list, heads[i], size));
    say("get_robust_list", syscall(SYS_get_robust_list, 0, &told, &size));
    printf("%lx of %zu\n", told, size);
  }
  if (fork() == 0) {
    syscall(SYS_set_robust_list, ~0UL, size);
    _exit(5);
  }
  int status = 0;
  wait(&status);
  printf("ended by %x\n", status);
  say("set_robust_list", syscall(SYS_set_robust_list, own, size));
}

int main(int argc, char **argv) {
  setvbuf(stdout, NULL, _IONBF, 0);
  if (argc > 2)
    title(argv);
  names();
  owner_dies();
  any_robust_list();
  full_queue();
  signalfd_fields();
  socket_times();
  accept_without_room();
  barriers();
  return 0;
}
