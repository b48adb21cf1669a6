/* exec_signals ROUNDS SEED: signals that come while a task forks and executes programs. Each is sent at a
 * random moment to a child on its way; one that is lost leaves a child that waits for ever. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum kind { PLAIN, BLOCKED, HANDLED, BY_THREAD, VFORKED, KINDS };

static const char *const self = "/proc/self/exe";
static unsigned long state;

static unsigned below(unsigned limit) {
  state = state * 6364136223846793005UL + 1442695040888963407UL;
  return (unsigned)(state >> 33) % limit;
}

static void nothing(int signo) { (void)signo; }

static void wait_for_ever(void) {
  for (;;)
    pause();
}

static void *idle(void *argument) {
  (void)argument;
  wait_for_ever();
  return NULL;
}

static void execute(const char *what) {
  execl(self, self, what, (char *)NULL);
  _exit(99);
}

static void *execute_from_thread(void *argument) {
  (void)argument;
  execute("pause");
  return NULL;
}

/* A handler of the old program swallows what comes before execve: it is blocked until then. */
static void child(enum kind kind) {
  pthread_t thread;
  switch (kind) {
  case HANDLED:
    signal(SIGTERM, nothing);
    execute("unblock");
    break;
  case BLOCKED:
    execute("unblock");
    break;
  case BY_THREAD:
    for (unsigned others = below(3); others > 0; others--)
      pthread_create(&thread, NULL, idle, NULL);
    pthread_create(&thread, NULL, execute_from_thread, NULL);
    wait_for_ever();
    break;
  default:
    execute("pause");
  }
}

static int ends(pid_t pid) {
  const struct timespec tick = {0, 1000000};
  int status;
  for (int ticks = 0; ticks < 20000; ticks++) {
    if (waitpid(pid, &status, WNOHANG) == pid)
      return WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM;
    nanosleep(&tick, NULL);
  }
  kill(pid, SIGKILL);
  waitpid(pid, &status, 0);
  return 0;
}

int main(int argc, char **argv) {
  sigset_t term, old;
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  if (argc == 2) {
    if (strcmp(argv[1], "unblock") == 0)
      sigprocmask(SIG_UNBLOCK, &term, NULL);
    wait_for_ever();
  }
  int rounds = atoi(argv[1]), lost = 0;
  state = (unsigned long)atol(argv[2]);
  for (int round = 0; round < rounds; round++) {
    enum kind kind = below(KINDS);
    int blocks = kind == BLOCKED || kind == HANDLED;
    if (blocks)
      sigprocmask(SIG_BLOCK, &term, &old);
    pid_t pid = kind == VFORKED ? vfork() : fork();
    if (pid == 0)
      child(kind);
    if (blocks)
      sigprocmask(SIG_SETMASK, &old, NULL);
    const struct timespec delay = {0, below(4) == 0 ? 0 : below(8000) * 1000L};
    if (delay.tv_nsec > 0)
      nanosleep(&delay, NULL);
    kill(pid, SIGTERM);
    if (!ends(pid)) {
      lost++;
      printf("lost in round %d, kind %d\n", round, kind);
    }
  }
  printf("%d of %d lost\n", lost, rounds);
  return lost != 0;
}
