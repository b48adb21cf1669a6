/* What becomes of tasks in the middle of things: killed in vfork, stopped and killed, limits and signals on
 * the way. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int status;

static void vfork_parent_is_killed(void) {
  int report[2], hold[2];
  char byte = 1;
  if (pipe(report) != 0 || pipe(hold) != 0)
    return;
  pid_t parent = fork();
  if (parent == 0) {
    close(hold[1]);
    if (vfork() == 0) {
      (void)!write(report[1], &byte, 1);
      (void)!read(hold[0], &byte, 1);
      _exit(0);
    }
    _exit(7);
  }
  (void)!read(report[0], &byte, 1);
  kill(parent, SIGKILL);
  waitpid(parent, &status, 0);
  printf("vfork parent: %#x\n", status);
  close(hold[1]);
}

static void stopped_and_killed(void) {
  pid_t child = fork();
  if (child == 0)
    for (;;)
      pause();
  kill(child, SIGSTOP);
  waitpid(child, &status, WUNTRACED);
  kill(child, SIGKILL);
  waitpid(child, &status, WCONTINUED);
  printf("stopped and killed: %#x\n", status);
}

static void limits_of_a_child(void) {
  const size_t size = 1 << 30;
  pid_t child = fork();
  if (child == 0) {
    struct rlimit limit = {size / 2, size / 2};
    setrlimit(RLIMIT_AS, &limit);
    _exit(mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
  }
  waitpid(child, &status, 0);
  printf("limited: %d\n", WEXITSTATUS(status));
  child = fork();
  if (child == 0) {
    for (;;)
      pause();
  }
  struct rlimit limit;
  getrlimit(RLIMIT_AS, &limit);
  void *space = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  printf("not limited: %d\n", limit.rlim_cur == RLIM_INFINITY && space != MAP_FAILED);
  munmap(space, size);
  kill(child, SIGKILL);
  waitpid(child, &status, 0);
}

static timer_t timer;
static volatile sig_atomic_t overrun, received;
static void on_signal(int signo, siginfo_t *info, void *context) {
  const struct itimerspec none = {0};
  (void)signo, (void)context;
  timer_settime(timer, 0, &none, NULL);
  received = 1;
  overrun = info->si_overrun;
}

/* The first expiry lies half a century back. */
static void many_overruns(void) {
  struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
  struct itimerspec spec = {.it_interval = {0, 100}, .it_value = {1, 0}};
  sigset_t mask, old;
  sigemptyset(&mask);
  sigaddset(&mask, SIGRTMIN);
  sigprocmask(SIG_BLOCK, &mask, &old);
  sigaction(SIGRTMIN, &action, NULL);
  timer_create(CLOCK_REALTIME, &event, &timer);
  timer_settime(timer, TIMER_ABSTIME, &spec, NULL);
  for (sigset_t pending; sigpending(&pending) == 0 && !sigismember(&pending, SIGRTMIN);)
    usleep(1000);
  sigprocmask(SIG_SETMASK, &old, NULL);
  printf("overruns: received %d, in range %d\n", received, overrun >= 0);
  timer_delete(timer);
}

static void *waits(void *word) {
  sigset_t mask;
  int signo;
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR1);
  *(volatile int *)word = 1;
  sigwait(&mask, &signo);
  return (void *)(long)signo;
}

/* The first thread has ended, yet is still there: signals for the process are another's. */
static void *after_the_first(void *argument) {
  (void)argument;
  volatile int waiting = 0;
  pthread_t thread;
  void *signo;
  usleep(20000);
  pthread_create(&thread, NULL, waits, (void *)&waiting);
  while (!waiting)
    usleep(1000);
  kill(getpid(), SIGUSR1);
  pthread_join(thread, &signo);
  printf("signal %ld without the first thread\n", (long)signo);
  exit(0);
}

static void without_first_thread(void) {
  sigset_t mask;
  pthread_t thread;
  sigemptyset(&mask);
  sigaddset(&mask, SIGUSR1);
  sigprocmask(SIG_BLOCK, &mask, NULL);
  pthread_create(&thread, NULL, after_the_first, NULL);
  pthread_exit(NULL);
}

/* One that goes on past its limit is told, and in the end killed. */
static void cpu_limit(void (*on_limit)(int)) {
  pid_t child = fork();
  if (child == 0) {
    const struct rlimit limit = {1, 2};
    signal(SIGXCPU, on_limit);
    setrlimit(RLIMIT_CPU, &limit);
    for (;;)
      ;
  }
  waitpid(child, &status, 0);
  printf("limit of time: %#x\n", status & 0x7f);
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  vfork_parent_is_killed();
  stopped_and_killed();
  limits_of_a_child();
  many_overruns();
  cpu_limit(SIG_DFL);
  cpu_limit(SIG_IGN);
  without_first_thread();
  return 0;
}
