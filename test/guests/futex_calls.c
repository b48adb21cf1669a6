/* futex(2) and futex_waitv(2) themselves, with all that they refuse: no library calls them all. */
#include "report.h"

#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

enum { PRIVATE = FUTEX_PRIVATE_FLAG, LONG_AGO = 1 };

static _Atomic uint32_t word, other, lock;
static void *volatile nowhere = (void *)0x1000;

static long futex(void *at, int operation, long value, const void *timeout, void *second, long last) {
  return syscall(SYS_futex, at, operation, value, timeout, second, last);
}

static long futex_count(void *at, int operation, long value, long count, void *second, long last) {
  return syscall(SYS_futex, at, operation, value, count, second, last);
}

/* With the thread ids in it that the word may hold. */
static void show(const char *what, uint32_t value, pid_t a, pid_t b) {
  pid_t owner = (pid_t)(value & FUTEX_TID_MASK);
  printf("%s: %s%s%s\n", what,
         owner == 0   ? "free"
         : owner == a ? "first"
         : owner == b ? "second"
                      : "another",
         value & FUTEX_WAITERS ? ", waited for" : "", value & FUTEX_OWNER_DIED ? ", died" : "");
}

static void after_a_while(void) { nanosleep(&(struct timespec){0, 30000000}, NULL); }

static struct timespec soon(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  time.tv_nsec += 50000000;
  if (time.tv_nsec >= 1000000000)
    time.tv_nsec -= 1000000000, time.tv_sec++;
  return time;
}

/* A thread that waits in a call, and what the call gave it. */
struct waiter {
  pthread_t thread;
  _Atomic pid_t tid;
  int operation;
  void *at, *second;
  long value;
  const struct timespec *timeout;
  long result;
  int error;
  uint32_t seen;
  int unlocks;
};

static void *wait_in_call(void *argument) {
  struct waiter *self = argument;
  atomic_store(&self->tid, (pid_t)syscall(SYS_gettid));
  self->result = futex(self->at, self->operation, self->value, self->timeout, self->second, -1);
  self->error = errno;
  self->seen = atomic_load(&lock);
  if (self->unlocks && self->result == 0)
    futex(&lock, FUTEX_UNLOCK_PI | PRIVATE, 0, NULL, NULL, 0);
  return NULL;
}

/* Until it sleeps, or has ended. */
static void await_sleep(pid_t tid) {
  char path[64], state = 'R';
  snprintf(path, sizeof path, "/proc/self/task/%d/stat", tid);
  while (state == 'R') {
    FILE *file = fopen(path, "r");
    if (file == NULL || fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
      state = 'X';
    if (file != NULL)
      fclose(file);
    sched_yield();
  }
}

static void start(struct waiter *waiter) {
  atomic_store(&waiter->tid, 0);
  pthread_create(&waiter->thread, NULL, wait_in_call, waiter);
  while (atomic_load(&waiter->tid) == 0)
    sched_yield();
  await_sleep(waiter->tid);
}

static void finish(const char *what, struct waiter *waiter) {
  pthread_join(waiter->thread, NULL);
  printf("%s: %s\n", what, waiter->result < 0 ? strerrorname_np(waiter->error) : "0");
}

static void refused(void) {
  const struct timespec negative = {-1, 0}, too_many = {0, 1000000000}, past = {LONG_AGO, 0};
  atomic_store(&word, 5);
  report("unknown", futex(&word, 77, 0, NULL, NULL, 0));
  report("descriptors", futex(&word, FUTEX_FD, 0, NULL, NULL, 0));
  report("not aligned", futex((char *)&word + 1, FUTEX_WAIT, 5, NULL, NULL, 0));
  report("not mapped", futex(nowhere, FUTEX_WAIT | PRIVATE, 5, NULL, NULL, 0));
  report("not the value", futex(&word, FUTEX_WAIT | PRIVATE, 6, NULL, NULL, 0));
  report("negative", futex(&word, FUTEX_WAIT | PRIVATE, 6, &negative, NULL, 0));
  report("too many nanoseconds", futex(&word, FUTEX_WAIT | PRIVATE, 6, &too_many, NULL, 0));
  report("no time there", futex(&word, FUTEX_WAIT | PRIVATE, 6, nowhere, NULL, 0));
  report("a clock where none is asked for",
         futex(&word, FUTEX_WAKE | FUTEX_CLOCK_REALTIME, 1, NULL, NULL, 0));
  report("by the other clock", futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 5, &past, NULL, -1));
  report("past", futex(&word, FUTEX_WAIT_BITSET, 5, &past, NULL, -1));
  report("no bits", futex(&word, FUTEX_WAIT_BITSET, 5, &past, NULL, 0));
  report("no bits to wake", futex(&word, FUTEX_WAKE_BITSET, 5, NULL, NULL, 0));
  report("lock by the clock", futex(&word, FUTEX_LOCK_PI | FUTEX_CLOCK_REALTIME, 0, NULL, NULL, 0));
  report("none to wake", futex(&word, FUTEX_WAKE, 0, NULL, NULL, 0));
  report("fewer than none", futex_count(&word, FUTEX_REQUEUE, -1, 1, &other, 0));
  report("fewer than none to move", futex_count(&word, FUTEX_REQUEUE, 1, -1, &other, 0));
  report("not this value", futex_count(&word, FUTEX_CMP_REQUEUE, 1, 1, &other, 6));
  report("moved to no place", futex_count(&word, FUTEX_CMP_REQUEUE, 1, 1, (char *)&other + 2, 5));
}

static void changed(void) {
  static const uint32_t operands[] = {0, 1, 3, 0xfff, 0x800, 31, 40};
  for (unsigned shift = 0; shift < 2; shift++)
    for (unsigned operation = 0; operation < 8; operation++)
      for (unsigned compare = 0; compare < 7; compare++) {
        unsigned sum = 0;
        int error = 0;
        for (unsigned i = 0; i < sizeof operands / sizeof operands[0]; i++) {
          // Linux only complains of a shift that is too far, and does it.
          if (shift && operands[i] > 31)
            continue;
          atomic_store(&other, 0xfffffff5);
          uint32_t encoded =
              (shift << 3 | operation) << 28 | compare << 24 | operands[i] << 12 | (0xff5 & 0xfff);
          long result = futex_count(&word, FUTEX_WAKE_OP | PRIVATE, 1, 1, &other, (int)encoded);
          error = result < 0 ? errno : 0;
          sum = sum * 31 + atomic_load(&other) + (unsigned)result;
        }
        printf("operation %u %u, comparison %u: %08x %s\n", shift, operation, compare, sum,
               error == 0 ? "" : strerrorname_np(error));
      }
}

static void woken_by_comparison(void) {
  for (int matches = 0; matches < 2; matches++) {
    struct waiter first = {.operation = FUTEX_WAIT | PRIVATE, .at = &word};
    struct waiter second = {.operation = FUTEX_WAIT | PRIVATE, .at = &other};
    atomic_store(&word, 0), atomic_store(&other, 0);
    start(&first);
    start(&second);
    uint32_t encoded = FUTEX_OP(FUTEX_OP_ADD, 7, FUTEX_OP_CMP_EQ, matches ? 0 : 1);
    report("wakes", futex_count(&word, FUTEX_WAKE_OP | PRIVATE, 10, 10, &other, encoded));
    printf("word %u\n", atomic_load(&other));
    report("wakes the rest", futex(&other, FUTEX_WAKE | PRIVATE, 10, NULL, NULL, 0));
    finish("first", &first);
    finish("second", &second);
  }
}

static void moved(void) {
  struct waiter waiters[4];
  atomic_store(&word, 0), atomic_store(&other, 0);
  for (int i = 0; i < 4; i++) {
    waiters[i] = (struct waiter){.operation = FUTEX_WAIT | PRIVATE, .at = &word};
    start(&waiters[i]);
  }
  report("one woken, two moved", futex_count(&word, FUTEX_CMP_REQUEUE | PRIVATE, 1, 2, &other, 0));
  report("moved in place", futex_count(&word, FUTEX_REQUEUE | PRIVATE, 0, 5, &word, 0));
  report("still there", futex(&word, FUTEX_WAKE | PRIVATE, 10, NULL, NULL, 0));
  report("at the other", futex(&other, FUTEX_WAKE | PRIVATE, 10, NULL, NULL, 0));
  for (int i = 0; i < 4; i++)
    finish("moved", &waiters[i]);
}

static void locks(void) {
  struct timespec past = {LONG_AGO, 0}, time = soon(CLOCK_MONOTONIC);
  pid_t self = (pid_t)syscall(SYS_gettid);
  atomic_store(&lock, 0);
  report("take", futex(&lock, FUTEX_LOCK_PI2 | PRIVATE, 0, NULL, NULL, 0));
  show("lock", atomic_load(&lock), self, 0);
  report("again", futex(&lock, FUTEX_LOCK_PI | PRIVATE, 0, NULL, NULL, 0));
  report("try again", futex(&lock, FUTEX_TRYLOCK_PI | PRIVATE, 0, NULL, NULL, 0));
  struct waiter waiter = {.operation = FUTEX_LOCK_PI2 | PRIVATE, .at = &lock, .timeout = &past};
  start(&waiter);
  finish("past", &waiter);
  show("lock", atomic_load(&lock), self, waiter.tid);
  waiter = (struct waiter){.operation = FUTEX_LOCK_PI2 | PRIVATE, .at = &lock, .timeout = &time};
  start(&waiter);
  finish("soon", &waiter);
  time = soon(CLOCK_REALTIME);
  waiter.operation = FUTEX_LOCK_PI2 | PRIVATE | FUTEX_CLOCK_REALTIME;
  start(&waiter);
  finish("soon, by the other clock", &waiter);
  waiter = (struct waiter){.operation = FUTEX_TRYLOCK_PI | PRIVATE, .at = &lock};
  start(&waiter);
  finish("tried", &waiter);
  show("lock", atomic_load(&lock), self, waiter.tid);
  report("leave", futex(&lock, FUTEX_UNLOCK_PI | PRIVATE, 0, NULL, NULL, 0));
  show("lock", atomic_load(&lock), self, waiter.tid);
  report("leave again", futex(&lock, FUTEX_UNLOCK_PI | PRIVATE, 0, NULL, NULL, 0));
  atomic_store(&lock, 0x3ffffff0);
  report("of nobody", futex(&lock, FUTEX_LOCK_PI | PRIVATE, 0, NULL, NULL, 0));
  printf("lock %x\n", atomic_load(&lock));
  atomic_store(&lock, FUTEX_OWNER_DIED);
  report("of the dead", futex(&lock, FUTEX_LOCK_PI | PRIVATE, 0, NULL, NULL, 0));
  show("lock", atomic_load(&lock), self, 0);
  waiter = (struct waiter){.operation = FUTEX_LOCK_PI | PRIVATE, .at = &lock, .unlocks = 1};
  start(&waiter);
  report("woken like a word", futex(&lock, FUTEX_WAKE | PRIVATE, 1, NULL, NULL, 0));
  report("moved like a word", futex_count(&lock, FUTEX_REQUEUE | PRIVATE, 1, 1, &other, 0));
  report("moved as if bound for a lock",
         futex_count(&lock, FUTEX_CMP_REQUEUE_PI | PRIVATE, 1, 1, &other, atomic_load(&lock)));
  report("leave", futex(&lock, FUTEX_UNLOCK_PI | PRIVATE, 0, NULL, NULL, 0));
  finish("handed over", &waiter);
  waiter = (struct waiter){.operation = FUTEX_WAIT | PRIVATE, .at = &lock};
  atomic_store(&lock, 0);
  start(&waiter);
  report("a lock that is waited for as a word", futex(&lock, FUTEX_LOCK_PI | PRIVATE, 0, NULL, NULL, 0));
  report("tried", futex(&lock, FUTEX_TRYLOCK_PI | PRIVATE, 0, NULL, NULL, 0));
  report("wake", futex(&lock, FUTEX_WAKE | PRIVATE, 1, NULL, NULL, 0));
  finish("woken", &waiter);
}

static void bound_for_a_lock(void) {
  struct timespec past = {LONG_AGO, 0};
  pid_t self = (pid_t)syscall(SYS_gettid);
  const int wait = FUTEX_WAIT_REQUEUE_PI | PRIVATE, requeue = FUTEX_CMP_REQUEUE_PI | PRIVATE;
  atomic_store(&word, 3), atomic_store(&lock, 0);
  report("the same word", futex(&word, wait, 3, &past, &word, 0));
  report("another value", futex(&word, wait, 4, &past, &lock, 0));
  report("past", futex(&word, wait, 3, &past, &lock, 0));
  report("past, by the other clock", futex(&word, wait | FUTEX_CLOCK_REALTIME, 3, &past, &lock, 0));
  report("not aligned", futex(&word, wait, 3, &past, (char *)&lock + 1, 0));
  report("not mapped", futex(nowhere, wait, 3, &past, &lock, 0));
  report("nobody waits", futex_count(&word, requeue, 1, 10, &lock, 3));
  report("another value", futex_count(&word, requeue, 1, 10, &lock, 4));
  report("two to wake", futex_count(&word, requeue, 2, 10, &lock, 3));
  report("fewer than none", futex_count(&word, requeue, 1, -1, &lock, 3));
  report("to itself", futex_count(&word, requeue, 1, 10, &word, 3));

  struct waiter waiters[4];
  for (int i = 0; i < 4; i++)
    waiters[i] = (struct waiter){.operation = wait, .at = &word, .second = &lock, .value = 3, .unlocks = 1};
  for (int i = 0; i < 3; i++)
    start(&waiters[i]);
  report("to another lock", futex_count(&word, requeue, 1, 10, &other, 3));
  report("as a word", futex_count(&word, FUTEX_CMP_REQUEUE | PRIVATE, 1, 10, &lock, 3));
  report("woken as a word", futex(&word, FUTEX_WAKE | PRIVATE, 10, NULL, NULL, 0));
  report("to a free lock", futex_count(&word, requeue, 1, 0, &lock, 3));
  finish("it has the lock", &waiters[0]);
  show("as it saw it", waiters[0].seen, waiters[0].tid, self);
  show("afterwards", atomic_load(&lock), waiters[0].tid, self);
  report("take", futex(&lock, FUTEX_LOCK_PI | PRIVATE, 0, NULL, NULL, 0));
  start(&waiters[3]);
  report("to a lock that is taken", futex_count(&word, requeue, 1, 1, &lock, 3));
  show("lock", atomic_load(&lock), self, 0);
  report("leave", futex(&lock, FUTEX_UNLOCK_PI | PRIVATE, 0, NULL, NULL, 0));
  finish("first", &waiters[1]);
  show("as it saw it", waiters[1].seen, waiters[1].tid, waiters[2].tid);
  finish("second", &waiters[2]);
  show("as it saw it", waiters[2].seen, waiters[1].tid, waiters[2].tid);
  report("the last, with the lock free", futex_count(&word, requeue, 1, 5, &lock, 3));
  finish("last", &waiters[3]);
  show("as it saw it", waiters[3].seen, waiters[3].tid, self);
  show("afterwards", atomic_load(&lock), self, 0);

  struct waiter plain = {.operation = FUTEX_WAIT | PRIVATE, .at = &word, .value = 3};
  start(&plain);
  report("who waits for no lock", futex_count(&word, requeue, 1, 5, &lock, 3));
  report("wake", futex(&word, FUTEX_WAKE | PRIVATE, 1, NULL, NULL, 0));
  finish("plain", &plain);

  struct timespec time = soon(CLOCK_MONOTONIC);
  time.tv_sec++;
  atomic_store(&lock, 0);
  report("take", futex(&lock, FUTEX_LOCK_PI | PRIVATE, 0, NULL, NULL, 0));
  struct waiter timed = {.operation = wait, .at = &word, .second = &lock, .value = 3, .timeout = &time};
  start(&timed);
  report("moved", futex_count(&word, requeue, 1, 0, &lock, 3));
  finish("in time for nothing", &timed);
  report("leave", futex(&lock, FUTEX_UNLOCK_PI | PRIVATE, 0, NULL, NULL, 0));
  show("lock", atomic_load(&lock), self, timed.tid);
}

static void on_signal(int signo) { (void)signo; }

static void interrupted(void) {
  struct sigaction action = {.sa_handler = on_signal};
  sigaction(SIGUSR1, &action, NULL);
  atomic_store(&word, 3), atomic_store(&lock, 0);
  struct waiter waiter = {
      .operation = FUTEX_WAIT_REQUEUE_PI | PRIVATE, .at = &word, .second = &lock, .value = 3, .unlocks = 1};
  start(&waiter);
  pthread_kill(waiter.thread, SIGUSR1);
  after_a_while();
  report("goes on", futex_count(&word, FUTEX_CMP_REQUEUE_PI | PRIVATE, 1, 0, &lock, 3));
  finish("waited", &waiter);
  start(&waiter);
  atomic_store(&word, 4);
  pthread_kill(waiter.thread, SIGUSR1);
  finish("another value then", &waiter);
  atomic_store(&word, 3);
  report("take", futex(&lock, FUTEX_LOCK_PI | PRIVATE, 0, NULL, NULL, 0));
  start(&waiter);
  report("moved", futex_count(&word, FUTEX_CMP_REQUEUE_PI | PRIVATE, 1, 0, &lock, 3));
  after_a_while();
  pthread_kill(waiter.thread, SIGUSR1);
  // Whether it is the signal or the lock that comes first is not said: it is one of the two.
  after_a_while();
  futex(&lock, FUTEX_UNLOCK_PI | PRIVATE, 0, NULL, NULL, 0);
  pthread_join(waiter.thread, NULL);
  printf("moved and interrupted: %d\n", waiter.result == 0 || waiter.error == EAGAIN);
}

/* Another process has the lock; by a word in shared memory. */
static void between_processes(void) {
  _Atomic uint32_t *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pid_t self = getpid();
  int status;
  report("take", futex(&shared[1], FUTEX_LOCK_PI, 0, NULL, NULL, 0));
  pid_t pid = fork();
  if (pid == 0) {
    long result = futex(&shared[0], FUTEX_WAIT_REQUEUE_PI, 0, NULL, &shared[1], 0);
    _exit(result != 0 ? 1 : (shared[1] & FUTEX_TID_MASK) == (uint32_t)getpid() ? 0 : 2);
  }
  while (futex_count(&shared[0], FUTEX_CMP_REQUEUE_PI, 1, 1, &shared[1], 0) == 0)
    after_a_while();
  show("moved", shared[1], self, pid);
  report("leave", futex(&shared[1], FUTEX_UNLOCK_PI, 0, NULL, NULL, 0));
  waitpid(pid, &status, 0);
  printf("the other: %d\n", WEXITSTATUS(status));
  show("it died with the lock", shared[1], self, pid);
}

struct entry {
  uint64_t value, address;
  uint32_t flags, reserved;
};

static long waitv(const struct entry *entries, unsigned count, unsigned flags, const void *timeout,
                  int clock) {
  return syscall(449, entries, count, flags, timeout, clock);
}

static _Atomic uint32_t many[128];
static long any_result;
static int any_error;

static void *wait_for_any(void *timeout) {
  struct entry entries[128];
  for (int i = 0; i < 128; i++)
    entries[i] = (struct entry){0, (uintptr_t)&many[i], 2 | 128, 0};
  any_result = waitv(entries, 128, 0, timeout, CLOCK_MONOTONIC);
  any_error = errno;
  return NULL;
}

static void vectors(void) {
  struct timespec past = {LONG_AGO, 0}, bad = {0, -1};
  struct entry one = {0, (uintptr_t)&many[0], 2 | 128, 0}, entry;
  struct entry few[3] = {one, one, one};
  pthread_t thread;
  report("none", waitv(&one, 0, 0, NULL, 0));
  report("too many", waitv(&one, 129, 0, NULL, 0));
  report("nowhere", waitv(NULL, 1, 0, NULL, 0));
  report("not there", waitv(nowhere, 1, 0, NULL, 0));
  report("flags", waitv(&one, 1, 1, NULL, 0));
  report("clock", waitv(&one, 1, 0, &past, CLOCK_BOOTTIME));
  report("clock without time-out", (entry = one, entry.value = 1, waitv(&entry, 1, 0, NULL, CLOCK_BOOTTIME)));
  report("no time there", waitv(&one, 1, 0, nowhere, CLOCK_MONOTONIC));
  report("bad time", waitv(&one, 1, 0, &bad, CLOCK_MONOTONIC));
  report("past", waitv(&one, 1, 0, &past, CLOCK_MONOTONIC));
  report("past, by the other clock", waitv(few, 3, 0, &past, CLOCK_REALTIME));
  report("reserved", (entry = one, entry.reserved = 1, waitv(&entry, 1, 0, &past, 0)));
  report("size", (entry = one, entry.flags = 128, waitv(&entry, 1, 0, &past, 0)));
  report("size of 64 bits", (entry = one, entry.flags = 3, waitv(&entry, 1, 0, &past, 0)));
  report("unknown flag", (entry = one, entry.flags |= 64, waitv(&entry, 1, 0, &past, 0)));
  report("large value", (entry = one, entry.value = 1UL << 32, waitv(&entry, 1, 0, &past, 0)));
  report("not aligned", (entry = one, entry.address++, waitv(&entry, 1, 0, &past, 0)));
  report("word not there", (entry = one, entry.address = 4096, waitv(&entry, 1, 0, &past, 0)));
  report("another value", (few[2].value = 1, waitv(few, 3, 0, &past, 0)));
  pthread_create(&thread, NULL, wait_for_any, NULL);
  while (futex(&many[77], FUTEX_WAKE | PRIVATE, 1, NULL, NULL, 0) == 0)
    after_a_while();
  pthread_join(thread, NULL);
  printf("woken for %ld\n", any_result);
  report("nobody is left", futex(&many[0], FUTEX_WAKE | PRIVATE, 1, NULL, NULL, 0));
  struct timespec time = soon(CLOCK_MONOTONIC);
  pthread_create(&thread, NULL, wait_for_any, &time);
  pthread_join(thread, NULL);
  printf("by the clock: %s\n", any_result < 0 ? strerrorname_np(any_error) : "woken");
  pthread_create(&thread, NULL, wait_for_any, NULL);
  after_a_while();
  pthread_kill(thread, SIGUSR1);
  pthread_join(thread, NULL);
  printf("by a signal: %s\n", any_result < 0 ? strerrorname_np(any_error) : "woken");
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  sigaction(SIGUSR1, &action, NULL);
  pthread_create(&thread, NULL, wait_for_any, NULL);
  after_a_while();
  pthread_kill(thread, SIGUSR1);
  after_a_while();
  while (futex(&many[127], FUTEX_WAKE | PRIVATE, 1, NULL, NULL, 0) == 0)
    after_a_while();
  pthread_join(thread, NULL);
  printf("by a signal, and on: %ld\n", any_result);
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  alarm(50);
  refused();
  changed();
  woken_by_comparison();
  moved();
  locks();
  bound_for_a_lock();
  interrupted();
  between_processes();
  vectors();
  return 0;
}
