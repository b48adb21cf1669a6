/*
 * The page in every process from which the vDSO tells the time. The host writes it, the guest only reads it:
 * IN to the guest, every field. A reader looks at `sequence` before and after; odd: the host is in the middle
 * of a change.
 */
#ifndef RINGFENCE_CLOCK_PAGE_H
#define RINGFENCE_CLOCK_PAGE_H

#include <stdint.h>

/* The image of the vDSO lies behind the page. */
#define RF_CLOCK_PAGE_SIZE 4096

struct rf_clock_page {
  uint32_t sequence;
  uint32_t ready;      /* 0: the time is to be asked for by system calls */
  uint64_t cycles;     /* of the time-stamp counter, at which the clocks read what follows */
  uint64_t monotonic;  /* nanoseconds of CLOCK_MONOTONIC */
  int64_t realtime;    /* nanoseconds that CLOCK_REALTIME is ahead of it */
  uint64_t multiplier; /* nanoseconds a cycle, in units of 2^-32 */
};

/* Nanoseconds that so many cycles take. */
static inline uint64_t rf_clock_passed(uint64_t cycles, uint64_t multiplier) {
  return (uint64_t)(((unsigned __int128)cycles * multiplier) >> 32);
}

/* Nanoseconds of CLOCK_MONOTONIC when the counter reads `cycles`, at or behind the page's own. */
static inline uint64_t rf_clock_at(const struct rf_clock_page *page, uint64_t cycles) {
  return page->monotonic + rf_clock_passed(cycles - page->cycles, page->multiplier);
}

#endif
