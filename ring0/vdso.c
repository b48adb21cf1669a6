/*
 * The vDSO (vdso(7)): a shared object in every process, in which the C library finds the clocks. Runs in ring
 * 3 as part of the program; what it cannot tell it asks for by a system call.
 */
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>

#include "clock_page.h"

#define NANOSECONDS 1000000000ull
#define COARSE_RESOLUTION 4000000l

/* The linker's name for where the object begins. */
extern const char __ehdr_start[] __attribute__((visibility("hidden")));

static const volatile struct rf_clock_page *clock_page(void) {
  const char *start = __ehdr_start;
  __asm__("" : "+r"(start)); /* what lies before it is none of the compiler's business */
  return (const volatile struct rf_clock_page *)(start - RF_CLOCK_PAGE_SIZE);
}

static long call(long number, long first, void *second) {
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "0"(number), "D"(first), "S"(second) : "rcx", "r11", "memory");
  return result;
}

/*
 * Not before what comes before it (SDM volume 2, RDTSC). What comes behind may be read a moment before the
 * counter: then a line of the page is followed some nanoseconds past its end, where the next begins at it.
 */
static uint64_t read_counter(void) {
  uint32_t low, high;
  __asm__ volatile("lfence\n\trdtsc" : "=a"(low), "=d"(high) : : "memory");
  return ((uint64_t)high << 32) | low;
}

struct reading {
  uint64_t seconds, nanoseconds;
};

/*
 * Whether the page tells. A counter that is behind another processor's counts as equal. Behind the counter's
 * reading, which all else waits for, comes as little as can be: the page's time is divided meanwhile.
 */
static inline __attribute__((always_inline)) int read_clock(int realtime, struct reading *reading) {
  const volatile struct rf_clock_page *shared = clock_page();
  uint32_t sequence, ready;
  uint64_t begin, base, multiplier, cycles;
  do {
    sequence = __atomic_load_n(&shared->sequence, __ATOMIC_ACQUIRE);
    ready = shared->ready;
    begin = shared->cycles;
    base = shared->monotonic + (realtime ? (uint64_t)shared->realtime : 0);
    multiplier = shared->multiplier;
    cycles = read_counter();
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
  } while ((sequence & 1) || sequence != shared->sequence);
  if (!ready)
    return 0;
  __asm__("" : "+r"(base)); /* not before the counter, which it would hold up */
  uint64_t passed = cycles < begin ? 0 : rf_clock_passed(cycles - begin, multiplier);
  reading->seconds = base / NANOSECONDS;
  reading->nanoseconds = base % NANOSECONDS + passed;
  if (__builtin_expect(reading->nanoseconds >= NANOSECONDS, 0)) {
    reading->seconds += reading->nanoseconds / NANOSECONDS;
    reading->nanoseconds %= NANOSECONDS;
  }
  return 1;
}

static inline __attribute__((always_inline)) int time_of(clockid_t clock, struct reading *reading) {
  switch (clock) {
  case CLOCK_REALTIME:
  case CLOCK_REALTIME_COARSE:
    return read_clock(1, reading);
  case CLOCK_MONOTONIC:
  case CLOCK_MONOTONIC_COARSE:
  case CLOCK_BOOTTIME:
    return read_clock(0, reading);
  default:
    return 0;
  }
}

int __vdso_clock_gettime(clockid_t clock, struct timespec *time) {
  struct reading now;
  if (!time_of(clock, &now))
    return (int)call(SYS_clock_gettime, clock, time);
  time->tv_sec = (time_t)now.seconds;
  time->tv_nsec = (long)now.nanoseconds;
  return 0;
}

int __vdso_clock_getres(clockid_t clock, struct timespec *resolution) {
  int coarse = clock == CLOCK_REALTIME_COARSE || clock == CLOCK_MONOTONIC_COARSE;
  if (!coarse && clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME)
    return (int)call(SYS_clock_getres, clock, resolution);
  if (resolution) {
    resolution->tv_sec = 0;
    resolution->tv_nsec = coarse ? COARSE_RESOLUTION : 1;
  }
  return 0;
}

int __vdso_gettimeofday(struct timeval *time, void *zone) {
  struct reading now;
  if (zone || !read_clock(1, &now))
    return (int)call(SYS_gettimeofday, (long)time, zone);
  if (time) {
    time->tv_sec = (time_t)now.seconds;
    time->tv_usec = (suseconds_t)(now.nanoseconds / 1000);
  }
  return 0;
}

time_t __vdso_time(time_t *seconds) {
  struct reading now;
  if (!read_clock(1, &now))
    return call(SYS_time, (long)seconds, NULL);
  if (seconds)
    *seconds = (time_t)now.seconds;
  return (time_t)now.seconds;
}

int __vdso_getcpu(unsigned *cpu, unsigned *node, void *unused) {
  (void)unused;
  return (int)call(SYS_getcpu, (long)cpu, node);
}

int clock_gettime(clockid_t, struct timespec *) __attribute__((weak, alias("__vdso_clock_gettime")));
int clock_getres(clockid_t, struct timespec *) __attribute__((weak, alias("__vdso_clock_getres")));
int gettimeofday(struct timeval *, void *) __attribute__((weak, alias("__vdso_gettimeofday")));
time_t time(time_t *) __attribute__((weak, alias("__vdso_time")));
int getcpu(unsigned *, unsigned *, void *) __attribute__((weak, alias("__vdso_getcpu")));
