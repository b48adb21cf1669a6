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

/* Not before what comes before it, and not after what comes behind (SDM volume 2, RDTSC). */
static uint64_t read_counter(void) {
  uint32_t low, high;
  __asm__ volatile("lfence\n\trdtsc\n\tlfence" : "=a"(low), "=d"(high) : : "memory");
  return ((uint64_t)high << 32) | low;
}

/* Nanoseconds, or 0 where the page does not tell. A counter that is behind another processor's counts as
 * equal. */
static uint64_t read_clock(int realtime) {
  const volatile struct rf_clock_page *shared = clock_page();
  struct rf_clock_page page;
  uint64_t cycles;
  do {
    page.sequence = __atomic_load_n(&shared->sequence, __ATOMIC_ACQUIRE);
    page.ready = shared->ready;
    page.cycles = shared->cycles;
    page.monotonic = shared->monotonic;
    page.realtime = shared->realtime;
    page.multiplier = shared->multiplier;
    cycles = read_counter();
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
  } while ((page.sequence & 1) || page.sequence != shared->sequence);
  if (!page.ready)
    return 0;
  if (cycles < page.cycles)
    cycles = page.cycles;
  return rf_clock_at(&page, cycles) + (realtime ? (uint64_t)page.realtime : 0);
}

static uint64_t time_of(clockid_t clock) {
  switch (clock) {
  case CLOCK_REALTIME:
  case CLOCK_REALTIME_COARSE:
    return read_clock(1);
  case CLOCK_MONOTONIC:
  case CLOCK_MONOTONIC_COARSE:
  case CLOCK_BOOTTIME:
    return read_clock(0);
  default:
    return 0;
  }
}

int __vdso_clock_gettime(clockid_t clock, struct timespec *time) {
  uint64_t now = time_of(clock);
  if (now == 0)
    return (int)call(SYS_clock_gettime, clock, time);
  time->tv_sec = (time_t)(now / NANOSECONDS);
  time->tv_nsec = (long)(now % NANOSECONDS);
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
  uint64_t now = zone ? 0 : read_clock(1);
  if (now == 0)
    return (int)call(SYS_gettimeofday, (long)time, zone);
  if (time) {
    time->tv_sec = (time_t)(now / NANOSECONDS);
    time->tv_usec = (suseconds_t)(now % NANOSECONDS / 1000);
  }
  return 0;
}

time_t __vdso_time(time_t *seconds) {
  uint64_t now = read_clock(1);
  if (now == 0)
    return call(SYS_time, (long)seconds, NULL);
  time_t result = (time_t)(now / NANOSECONDS);
  if (seconds)
    *seconds = result;
  return result;
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
