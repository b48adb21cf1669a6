#include "guarded_memory.h"

#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE_SIZE 4096u
#define PAGES_AT_ONCE 64u

static const uint8_t zeroes[PAGE_SIZE];

typedef ssize_t transfer(pid_t, const struct iovec *, unsigned long, const struct iovec *, unsigned long,
                         unsigned long);

/*
 * process_vm_readv(2) and process_vm_writev(2) on this process: the kernel looks each page up and fails where
 * there is none. A piece ends at a page boundary, as what is done is counted by pieces.
 */
static uint64_t copy(transfer *move, const void *local, const void *mapping, uint64_t length, bool advance) {
  struct iovec ours[PAGES_AT_ONCE], theirs[PAGES_AT_ONCE];
  uint64_t done = 0;
  while (done < length) {
    uint64_t prepared = 0;
    unsigned count = 0;
    for (; count < PAGES_AT_ONCE && done + prepared < length; count++) {
      uintptr_t at = (uintptr_t)mapping + done + prepared;
      uint64_t part = PAGE_SIZE - (at & (PAGE_SIZE - 1));
      if (part > length - done - prepared)
        part = length - done - prepared;
      uintptr_t from = (uintptr_t)local + (advance ? done + prepared : 0);
      ours[count] = (struct iovec){(void *)from, part};
      theirs[count] = (struct iovec){(void *)at, part};
      prepared += part;
    }
    ssize_t moved = move(getpid(), ours, count, theirs, count, 0);
    if (moved > 0)
      done += (uint64_t)moved;
    if (moved < 0 || (uint64_t)moved < prepared)
      break;
  }
  return done;
}

uint64_t rf_guarded_read(void *to, const void *mapping, uint64_t length) {
  return copy(process_vm_readv, to, mapping, length, true);
}

uint64_t rf_guarded_write(void *mapping, const void *from, uint64_t length) {
  return copy(process_vm_writev, from, mapping, length, true);
}

uint64_t rf_guarded_zero(void *mapping, uint64_t length) {
  return copy(process_vm_writev, zeroes, mapping, length, false);
}

struct exchange {
  uint32_t *word;
  const uint32_t *expected;
  uint32_t value;
  int64_t before;
};

static void on_fault(int signal) {
  (void)signal;
  _exit(0);
}

/* In a process of its own that shares this one's memory: what it does with signals is nobody else's. */
static int exchange(void *argument) {
  struct exchange *job = argument;
  struct sigaction action = {.sa_handler = on_fault};
  sigset_t faults;
  sigemptyset(&action.sa_mask);
  sigemptyset(&faults);
  sigaddset(&faults, SIGBUS);
  sigaddset(&faults, SIGSEGV);
  sigaction(SIGBUS, &action, NULL);
  sigaction(SIGSEGV, &action, NULL);
  sigprocmask(SIG_UNBLOCK, &faults, NULL);
  uint32_t before = job->expected ? *job->expected : 0;
  if (job->expected)
    __atomic_compare_exchange_n(job->word, &before, job->value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
  else
    before = __atomic_exchange_n(job->word, job->value, __ATOMIC_SEQ_CST);
  job->before = before;
  _exit(0);
}

int64_t rf_guarded_exchange(uint32_t *word, const uint32_t *expected, uint32_t value) {
  _Alignas(16) uint8_t stack[65536]; /* room for a signal's frame with all the processor's state */
  struct exchange job = {word, expected, value, -1};
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  /* Without CLONE_SIGHAND its handlers are its own; without a signal at its end nobody else hears of it. */
  pid_t child = clone(exchange, stack + sizeof(stack), CLONE_VM | CLONE_VFORK | CLONE_FILES | CLONE_FS, &job);
  if (child > 0)
    waitpid(child, NULL, __WALL);
  pthread_sigmask(SIG_SETMASK, &old, NULL);
  return job.before;
}
