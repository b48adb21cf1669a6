/* Threads of one process by the C library's calls: locks, waiting, storage, cancellation, the end of it all.
 */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { THREADS = 64, ROUNDS = 200 };

static const char *self;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t barrier;
static __thread int storage = 5;
static long counter;

static void join_all(pthread_t *threads, int count) {
  for (int i = 0; i < count; i++)
    pthread_join(threads[i], NULL);
}

static void *counts(void *argument) {
  storage += (int)(long)argument;
  for (int i = 0; i < ROUNDS; i++) {
    pthread_mutex_lock(&mutex);
    counter++;
    pthread_mutex_unlock(&mutex);
  }
  pthread_barrier_wait(&barrier);
  return (void *)(long)(storage - (int)(long)argument);
}

static void mutexes_and_barrier(void) {
  pthread_t threads[THREADS];
  long wrong = 0;
  pthread_barrier_init(&barrier, NULL, THREADS + 1);
  for (long i = 0; i < THREADS; i++)
    pthread_create(&threads[i], NULL, counts, (void *)i);
  pthread_barrier_wait(&barrier);
  for (int i = 0; i < THREADS; i++) {
    void *result;
    pthread_join(threads[i], &result);
    wrong += (long)result != 5;
  }
  printf("counted %ld, storage wrong %ld, own %d\n", counter, wrong, storage);
}

static int turn;
static void *takes_turns(void *argument) {
  for (int i = 0; i < ROUNDS; i++) {
    pthread_mutex_lock(&mutex);
    while (turn % 4 != (int)(long)argument)
      pthread_cond_wait(&condition, &mutex);
    turn++;
    pthread_cond_broadcast(&condition);
    pthread_mutex_unlock(&mutex);
  }
  return NULL;
}

static void conditions(void) {
  pthread_t threads[4];
  for (long i = 0; i < 4; i++)
    pthread_create(&threads[i], NULL, takes_turns, (void *)i);
  join_all(threads, 4);
  printf("turns %d\n", turn);
  struct timespec soon;
  clock_gettime(CLOCK_REALTIME, &soon);
  soon.tv_nsec += 20000000;
  if (soon.tv_nsec >= 1000000000)
    soon.tv_sec++, soon.tv_nsec -= 1000000000;
  pthread_mutex_lock(&mutex);
  printf("timed out: %s\n", strerror(pthread_cond_timedwait(&condition, &mutex, &soon)));
  pthread_mutex_unlock(&mutex);
}

static void *sleeps(void *argument) {
  (void)argument;
  for (;;)
    pause();
  return NULL;
}

static _Atomic int cleaned;
static void clean(void *argument) { cleaned += (int)(long)argument; }
static void *computes(void *argument) {
  (void)argument;
  pthread_cleanup_push(clean, (void *)1);
  pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
  for (volatile long i = 0;; i++)
    ;
  pthread_cleanup_pop(0);
  return NULL;
}

static void cancellation(void) {
  pthread_t sleeper, computer;
  void *result;
  pthread_create(&sleeper, NULL, sleeps, NULL);
  pthread_create(&computer, NULL, computes, NULL);
  usleep(30000);
  pthread_cancel(sleeper);
  pthread_cancel(computer);
  pthread_join(sleeper, &result);
  printf("cancelled %d\n", result == PTHREAD_CANCELED);
  pthread_join(computer, &result);
  printf("cancelled %d, cleaned %d\n", result == PTHREAD_CANCELED, cleaned);
}

static pthread_mutex_t *special(int protocol, int robust, int shared) {
  pthread_mutex_t *lock = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setprotocol(&attributes, protocol);
  pthread_mutexattr_setrobust(&attributes, robust);
  pthread_mutexattr_setpshared(&attributes, shared);
  pthread_mutex_init(lock, &attributes);
  return lock;
}

static void *dies_with(void *lock) {
  pthread_mutex_lock(lock);
  return NULL;
}

static void robust(void) {
  for (int protocol = PTHREAD_PRIO_NONE; protocol <= PTHREAD_PRIO_INHERIT; protocol++) {
    pthread_t thread;
    pthread_mutex_t *lock = special(protocol, PTHREAD_MUTEX_ROBUST, PTHREAD_PROCESS_SHARED);
    pthread_create(&thread, NULL, dies_with, lock);
    pthread_join(thread, NULL);
    printf("thread died: %s\n", strerror(pthread_mutex_lock(lock)));
    pthread_mutex_consistent(lock);
    printf("unlock %d\n", pthread_mutex_unlock(lock));
    fflush(stdout);
    _Atomic int *is_locked = (_Atomic int *)(lock + 1);
    pid_t pid = fork();
    if (pid == 0) {
      pthread_mutex_lock(lock);
      *is_locked = 1;
      usleep(30000);
      kill(getpid(), SIGKILL);
    }
    while (!*is_locked)
      usleep(1000);
    printf("process died: %s\n", strerror(pthread_mutex_lock(lock)));
    waitpid(pid, NULL, 0);
    pthread_mutex_consistent(lock);
    pthread_mutex_unlock(lock);
  }
}

/* Of many threads that share a robust lock some die with it, some are cancelled while they wait at a
 * condition, and some while they compute. Each death is the next owner's to see, and no other's.
 */
static pthread_mutex_t *shared;
static int users, deaths;
static void take_shared(void) {
  if (pthread_mutex_lock(shared) == EOWNERDEAD) {
    pthread_mutex_consistent(shared);
    deaths++;
  }
}

static void give_shared(void *argument) {
  (void)argument;
  /* The wait may have ended with the lock of one that died. */
  deaths += pthread_mutex_consistent(shared) == 0;
  pthread_mutex_unlock(shared);
}

static void *uses_and_dies(void *argument) {
  (void)argument;
  take_shared();
  users++;
  return NULL;
}

static void *uses_and_waits(void *argument) {
  (void)argument;
  take_shared();
  users++;
  pthread_cleanup_push(give_shared, NULL);
  for (;;)
    if (pthread_cond_wait(&condition, shared) == EOWNERDEAD) {
      pthread_mutex_consistent(shared);
      deaths++;
    }
  pthread_cleanup_pop(1);
  return NULL;
}

static void *uses_and_computes(void *argument) {
  take_shared();
  users++;
  pthread_mutex_unlock(shared);
  return computes(argument);
}

static void robust_among_many(void) {
  void *(*const ways[])(void *) = {uses_and_dies, uses_and_waits, uses_and_computes};
  pthread_t threads[THREADS];
  int all = 0, cancelled = 0;
  shared = special(PTHREAD_PRIO_NONE, PTHREAD_MUTEX_ROBUST, PTHREAD_PROCESS_PRIVATE);
  cleaned = 0;
  for (int i = 0; i < THREADS; i++)
    pthread_create(&threads[i], NULL, ways[i % 32 == 31 ? 2 : i % 2], NULL);
  while (!all) {
    usleep(1000);
    take_shared();
    all = users == THREADS;
    pthread_mutex_unlock(shared);
  }
  for (int i = 0; i < THREADS; i++) {
    void *result;
    if (i % 2 == 1)
      pthread_cancel(threads[i]);
    pthread_join(threads[i], &result);
    cancelled += result == PTHREAD_CANCELED;
  }
  take_shared();
  printf("of %d died %d, were cancelled %d, %d of them computing\n", users, deaths, cancelled, cleaned);
  pthread_mutex_unlock(shared);
}

static pthread_mutex_t *inheriting;
static void *counts_inheriting(void *argument) {
  (void)argument;
  for (int i = 0; i < ROUNDS; i++) {
    pthread_mutex_lock(inheriting);
    counter++;
    pthread_mutex_unlock(inheriting);
  }
  return NULL;
}

static void priority_inheritance(void) {
  pthread_t threads[4];
  inheriting = special(PTHREAD_PRIO_INHERIT, PTHREAD_MUTEX_STALLED, PTHREAD_PROCESS_PRIVATE);
  counter = 0;
  for (int i = 0; i < 4; i++)
    pthread_create(&threads[i], NULL, counts_inheriting, NULL);
  join_all(threads, 4);
  printf("inheriting %ld, %s\n", counter, strerror(pthread_mutex_trylock(inheriting)));
  pthread_mutex_unlock(inheriting);
}

static sem_t semaphore;
static _Atomic int taken_by_thread;
static void on_signal(int signo) {
  (void)signo;
  taken_by_thread = (int)syscall(SYS_gettid);
  sem_post(&semaphore);
}

static void *waits_for_signal(void *argument) {
  sigset_t none;
  sigemptyset(&none);
  *(_Atomic int *)argument = (int)syscall(SYS_gettid);
  pthread_sigmask(SIG_SETMASK, &none, NULL);
  for (;;)
    pause();
  return NULL;
}

static void signals(void) {
  static _Atomic int tid;
  pthread_t thread;
  sigset_t usr;
  sem_init(&semaphore, 0, 0);
  signal(SIGUSR1, on_signal);
  sigemptyset(&usr);
  sigaddset(&usr, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &usr, NULL);
  pthread_create(&thread, NULL, waits_for_signal, &tid);
  while (tid == 0)
    usleep(1000);
  kill(getpid(), SIGUSR1);
  while (sem_wait(&semaphore) < 0)
    ;
  printf("the thread that lets it through: %d\n", taken_by_thread == tid);
  pthread_sigmask(SIG_UNBLOCK, &usr, NULL);
  pthread_kill(pthread_self(), SIGUSR1);
  while (sem_wait(&semaphore) < 0)
    ;
  printf("the thread it was sent to: %d\n", taken_by_thread == getpid());
  pthread_cancel(thread);
  pthread_join(thread, NULL);
}

static void *executes(void *argument) {
  (void)argument;
  execl(self, self, "executed", NULL);
  return NULL;
}

static void *exits_alone(void *argument) {
  usleep(20000);
  _exit((int)(long)argument);
}

static void ends(void) {
  int status;
  pthread_t thread;
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    char text[16];
    snprintf(text, sizeof(text), "%d", getpid());
    setenv("OLD_PID", text, 1);
    pthread_create(&thread, NULL, sleeps, NULL);
    pthread_create(&thread, NULL, executes, NULL);
    sleeps(NULL);
  }
  waitpid(pid, &status, 0);
  printf("executed by a thread: %#x\n", status);
  fflush(stdout);
  pid = fork();
  if (pid == 0) {
    pthread_create(&thread, NULL, exits_alone, (void *)9);
    pthread_create(&thread, NULL, computes, NULL);
    pthread_exit(NULL);
  }
  waitpid(pid, &status, 0);
  printf("ended by a thread: %#x\n", status);
  fflush(stdout);
  pid = fork();
  if (pid == 0) {
    pthread_create(&thread, NULL, computes, NULL);
    *(volatile int *)8 = 0;
  }
  waitpid(pid, &status, 0);
  printf("ended by a fault: %d\n", WTERMSIG(status));
}

int main(int count, char **args) {
  self = args[0];
  if (count == 2) {
    printf("same process %d, first thread %d\n", getpid() == atoi(getenv("OLD_PID")),
           getpid() == (int)syscall(SYS_gettid));
    return 6;
  }
  mutexes_and_barrier();
  conditions();
  cancellation();
  robust();
  robust_among_many();
  priority_inheritance();
  signals();
  ends();
  return 0;
}
